// Drawing functions, and the plane of a recording.
const FAKE = [230, 159, 0], REAL = [0, 114, 178]; // ends of the color map of D's output, white between them
const NOT_FINITE = 255, GRAY = [204, 204, 204];
const LAYERS = ["output", "manifold", "real", "fakes", "arrows"]; // from back to front

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

function element(tag, className, text = "") {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

// A canvas at the screen's resolution; the context draws in CSS pixels. Null while it has no size.
function sharp(canvas) {
  const { clientWidth: width, clientHeight: height } = canvas;
  if (!width || !height) return null;
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return { context, width, height };
}

function shade(value, shades) {
  if (value === NOT_FINITE) return GRAY;
  const t = (2 * value) / shades - 1; // -1 is fake, 1 is real
  const end = t < 0 ? FAKE : REAL;
  return end.map((c) => Math.round(255 + 0.85 * Math.abs(t) ** 0.8 * (c - 255)));
}

const rgb = (color) => `rgb(${color.join(",")})`;

// One recording's plane: D's output, points, arrows, and grid in one canvas, with a title and a legend.
class Plane {
  constructor(recording, arrays) {
    Object.assign(this, { recording, ...arrays });
    this.box = element("section", "plane");
    this.canvas = element("canvas", "");
    this.canvas.setAttribute("role", "img");
    this.canvas.setAttribute("aria-label", recording.alt);
    this.box.append(element("h2", "", recording.title), this.canvas, legend(recording));
    const side = recording.output.shape[1];
    this.tile = new OffscreenCanvas(side, side);
    this.pixels = new ImageData(side, side);
    this.palette = Array.from({ length: 256 }, (_, value) => shade(value, recording.shades));
  }

  resize() {
    Object.assign(this, { context: null, ...sharp(this.canvas) });
    this.size = clamp(this.width / 140, 1.6, 3.2); // of points
  }

  draw(frame, layers) {
    if (!this.context) return;
    this.context.fillStyle = "#fff";
    this.context.fillRect(0, 0, this.width, this.height);
    for (const layer of LAYERS) if (layers[layer]) this[`draw_${layer}`](frame, this.context);
  }

  // Positions of one frame, in CSS pixels; NaN for points that are not finite.
  *points(values, shape, frame) {
    const size = shape.slice(1).reduce((a, b) => a * b, 1);
    for (let i = frame * size; i < (frame + 1) * size; i += 2) yield this.place(values, i);
  }

  place(values, i) {
    if (values[i] === MISSING || values[i + 1] === MISSING) return [NaN, NaN];
    const { edge } = this.recording;
    return [(values[i] / edge + 1) * (this.width / 2), (1 - values[i + 1] / edge) * (this.height / 2)];
  }

  draw_output(frame, context) {
    const side = this.tile.width;
    for (let row = 0; row < side; row++) {
      for (let column = 0; column < side; column++) {
        const from = (frame * side + side - 1 - row) * side + column; // the recording's row 0 is at the bottom
        const to = 4 * (row * side + column);
        this.pixels.data.set(this.palette[this.output[from]], to);
        this.pixels.data[to + 3] = 255;
      }
    }
    this.tile.getContext("2d").putImageData(this.pixels, 0, 0);
    context.imageSmoothingEnabled = true;
    context.drawImage(this.tile, 0, 0, this.width, this.height);
  }

  draw_real(_, context) {
    const arm = this.size * 0.8, crosses = new Path2D();
    for (let i = 0; i < this.real.length; i += 2) {
      const [x, y] = this.place(this.real, i);
      if (Number.isNaN(x)) continue;
      crosses.moveTo(x - arm, y - arm);
      crosses.lineTo(x + arm, y + arm);
      crosses.moveTo(x - arm, y + arm);
      crosses.lineTo(x + arm, y - arm);
    }
    stroke(context, crosses, "rgba(40,40,40,0.7)", 1);
  }

  draw_fakes(frame, context) {
    const radius = this.size, dots = new Path2D();
    for (const [x, y] of this.points(this.fakes, this.recording.fakes.shape, frame)) {
      if (Number.isNaN(x)) continue;
      dots.moveTo(x + radius, y);
      dots.arc(x, y, radius, 0, 2 * Math.PI);
    }
    stroke(context, dots, "#fff", radius * 0.7);
    context.fillStyle = "#d55e00";
    context.fill(dots);
    stroke(context, dots, "rgba(80,30,0,0.6)", radius * 0.18);
  }

  draw_arrows(frame, context) {
    const [, count] = this.recording.arrows.shape, fakes = this.recording.fakes.shape[1], path = new Path2D();
    for (let a = 0; a < count; a++) {
      const [x, y] = this.place(this.fakes, 2 * (frame * fakes + a));
      const at = 2 * (frame * count + a);
      if (Number.isNaN(x) || this.arrows[at] === MISSING || this.arrows[at + 1] === MISSING) continue;
      const scale = this.width / 2 / this.recording.edge;
      addArrow(path, x, y, this.arrows[at] * scale, -this.arrows[at + 1] * scale);
    }
    stroke(context, path, "#fff", 4);
    stroke(context, path, "#111", 1.8);
  }

  draw_manifold(frame, context) {
    const { shape } = this.recording.manifold, side = shape[1], lines = new Path2D();
    const grid = [...this.points(this.manifold, shape, frame)];
    for (let i = 0; i < side; i++) {
      addLine(lines, grid.slice(i * side, (i + 1) * side));
      addLine(lines, grid.filter((_, k) => k % side === i));
    }
    stroke(context, lines, "rgba(123,50,148,0.85)", 1.3);
  }
}

function stroke(context, path, color, width, dash = []) {
  context.strokeStyle = color;
  context.lineWidth = width;
  context.setLineDash(dash);
  context.stroke(path);
}

// A line through points, broken where one is NaN.
function addLine(path, points) {
  let down = false;
  for (const [x, y] of points) {
    if (Number.isNaN(x) || Number.isNaN(y)) down = false;
    else if (down) path.lineTo(x, y);
    else [down] = [true, path.moveTo(x, y)];
  }
}

function addArrow(path, x, y, dx, dy) {
  const length = Math.hypot(dx, dy);
  if (length < 1) return;
  const head = Math.min(6, length / 2), angle = Math.atan2(dy, dx);
  path.moveTo(x, y);
  path.lineTo(x + dx, y + dy);
  for (const turn of [2.6, -2.6]) {
    path.moveTo(x + dx, y + dy);
    path.lineTo(x + dx + head * Math.cos(angle + turn), y + dy + head * Math.sin(angle + turn));
  }
}

function legend({ ticks, probabilities, shades, gaps }) {
  const box = element("div", "legend"), ramp = element("span", "ramp"), labels = element("span", "ticks");
  const colors = Array.from({ length: 21 }, (_, i) => rgb(shade((i / 20) * shades, shades)));
  ramp.style.background = `linear-gradient(to right, ${colors.join(",")})`;
  for (const tick of ticks) labels.append(element("span", "", tick));
  const name = probabilities ? "D(x)" : "Logit of D";
  box.append(element("span", "", gaps ? `${name} (gray: not finite)` : name), ramp, labels);
  return box;
}
