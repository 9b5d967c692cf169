// The curves of a recording.
const FONT = "12px system-ui, sans-serif";
const PAD = { left: 44, right: 22, top: 22, bottom: 8 }; // of a chart, around its axes
const BELOW = 34; // height of the labels of the steps, below all charts

// One recording's curves, and a line at the current step; dragging on them moves in time.
class Curves {
  constructor(recording, lastStep) {
    Object.assign(this, { recording, lastStep });
    this.box = element("section", "curves");
    this.canvas = element("canvas", "");
    this.canvas.setAttribute("role", "img");
    const names = recording.charts.map(({ title }) => title.toLowerCase()).join(", ");
    this.canvas.setAttribute("aria-label", `Curves of ${recording.title} over training steps: ${names}`);
    this.box.append(element("h2", "", recording.title), this.canvas);
  }

  resize() {
    Object.assign(this, { context: null, ...sharp(this.canvas) });
    if (!this.context) return;
    this.high = (this.height - BELOW) / this.recording.charts.length; // of a chart; the steps are below all charts
    this.recording.charts.forEach((chart, i) => this.drawChart(chart, i * this.high));
    this.drawSteps();
    this.background = new OffscreenCanvas(this.canvas.width, this.canvas.height);
    this.background.getContext("2d").drawImage(this.canvas, 0, 0);
  }

  x(step) {
    return PAD.left + (step / Math.max(this.lastStep, 1)) * (this.width - PAD.left - PAD.right);
  }

  y(value, [low, high], top) {
    return top + this.high - PAD.bottom - ((value - low) / (high - low)) * (this.high - PAD.top - PAD.bottom);
  }

  step(x) {
    return ((x - PAD.left) / (this.width - PAD.left - PAD.right)) * this.lastStep;
  }

  drawChart(chart, top) {
    const { context } = this, area = new Path2D(), grid = new Path2D();
    area.rect(PAD.left, top + PAD.top, this.width - PAD.left - PAD.right, this.high - PAD.top - PAD.bottom);
    this.text(chart.title, PAD.left, top + 14, "left", "#1a1a1a", `600 ${FONT}`);
    for (const tick of niceTicks(...chart.range, Math.max(Math.floor((this.high - 30) / 20), 2))) {
      const y = this.y(tick, chart.range, top);
      addLine(grid, [[PAD.left, y], [this.width - PAD.right, y]]);
      this.text(Math.abs(tick) < 1e5 ? short(tick) : tick.toExponential().replace("+", ""), PAD.left - 6, y + 4, "right", "#444");
    }
    stroke(context, grid, "#e2e2e2", 1);
    stroke(context, area, "#999", 1);
    context.save();
    context.clip(area);
    for (const line of chart.lines) this.drawLine(line, chart.range, top);
    context.restore();
  }

  drawLine({ key, color, dashed }, range, top) {
    const { steps, curves } = this.recording, path = new Path2D();
    addLine(path, curves[key].map((value, i) => [this.x(steps[i]), value === null ? NaN : this.y(value, range, top)]));
    stroke(this.context, path, color, 1.8, dashed ? [5, 3] : []);
  }

  drawSteps() {
    const bottom = this.height - BELOW;
    for (const tick of niceTicks(0, this.lastStep, this.width > 420 ? 5 : 3)) {
      this.text(short(tick), this.x(tick), bottom + 10, "center", "#444");
    }
    this.text("training step", (PAD.left + this.width - PAD.right) / 2, bottom + 27, "center", "#444");
  }

  draw(frame, step) {
    if (!this.context) return;
    const { context } = this, line = new Path2D();
    context.clearRect(0, 0, this.width, this.height);
    context.drawImage(this.background, 0, 0, this.width, this.height);
    this.recording.charts.forEach((chart, i) => {
      const top = i * this.high, x = this.x(step);
      addLine(line, [[x, top + PAD.top], [x, top + this.high - PAD.bottom]]);
      this.drawValues(chart, frame, top);
    });
    stroke(context, line, "#111", 1.5);
  }

  // The names of the lines and their values in this frame, on the right above the axes.
  drawValues({ title, lines }, frame, top) {
    let x = this.width - PAD.right;
    const texts = lines.map(({ key, label }) => this.value(key, label, frame));
    this.context.font = `600 ${FONT}`;
    const needed = [title, ...texts].reduce((sum, text) => sum + this.context.measureText(text).width + 38, PAD.left);
    const narrow = needed > this.width; // then only the sentence above has the values
    for (const { key, label, color, dashed } of [...lines].reverse()) {
      const swatch = new Path2D(), text = narrow ? label : this.value(key, label, frame);
      this.text(text, x, top + 14, "right", color, `600 ${FONT}`);
      x -= this.context.measureText(text).width + 6;
      addLine(swatch, [[x - 18, top + 10], [x, top + 10]]);
      stroke(this.context, swatch, color, 2, dashed ? [5, 3] : []);
      x -= 32;
    }
  }

  value(key, label, frame) {
    const value = this.recording.curves[key][frame];
    if (key === "modes") return value === null ? missing(frame) : `${short(value)} ${label}`;
    return `${label} ${value === null ? missing(frame) : fixed(value)}`;
  }

  text(text, x, y, align, color, font = FONT) {
    Object.assign(this.context, { font, textAlign: align, fillStyle: color });
    this.context.fillText(text, x, y);
  }
}

function niceTicks(low, high, count) {
  const rough = (high - low) / count, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((f) => f * power).find((s) => s >= rough * 0.999);
  const ticks = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i++) ticks.push(Number((i * step).toPrecision(12)));
  return ticks.length < 2 && count < 10 ? niceTicks(low, high, 2 * count) : ticks;
}

const short = (value) => Number(value.toPrecision(4)).toLocaleString("en-US");
const fixed = (value) => (Math.abs(value) < 1000 ? value.toFixed(2) : value.toExponential(1));
const missing = (frame) => (frame ? "not finite" : "–"); // there is nothing to average before the first step
