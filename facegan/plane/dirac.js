// The Dirac-GAN. Fields are interpolated in tables that Python computed; the steps are computed here.
const byId = (id) => document.getElementById(id);
const data = pageData();
const BLUE = "#0072b2", VERMILION = "#d55e00", DARK = "#1a1a1a", GRAY = "#8a8a8a", PALE = "#d9d9d9", SKY = "#e6f1f8";
const SYMBOLS = { gamma: "γ", lambda: "λ", sigma: "σ" };
const D_STEPS = { alternating: 1, five_d_steps: 5 };
const state = { ...data.initial, strengths: {}, shown: 0, playing: false };
let tables = [];
let path = [];

// ---- The game ------------------------------------------------------------------------------------------------
const strengthOf = (name) => state.strengths[name] ?? data.games[name].default;

// Catmull-Rom weights of the four neighbors at a fraction of the cell.
function cubic(f) {
  return [f * (-f * f + 2 * f - 1) / 2, (f * f * (3 * f - 5) + 2) / 2, f * (-3 * f * f + 4 * f + 1) / 2,
    f * f * (f - 1) / 2];
}

// Factors of the tables: 1 and the strength, or Lagrange polynomials of the strength at nodes.
function tableWeights(game, strength) {
  if (!game.nodes) return game.tables.map((_, i) => (i ? strength : 1));
  return game.nodes.map((at) => game.nodes.reduce(
    (product, other) => (other === at ? product : product * (strength - other) / (at - other)), 1));
}

// The field at a point. Tables have psi >= 0; the field is odd, so a point below is mirrored.
function fieldAt(game, weights, theta, psi) {
  const sign = psi < 0 ? -1 : 1;
  const cells = Math.round(data.extent / data.spacing), width = 2 * cells + 3;
  const x = sign * theta / data.spacing, y = sign * psi / data.spacing;
  const column = Math.min(Math.max(Math.floor(x), -cells), cells - 1), row = Math.min(Math.floor(y), cells - 1);
  const across = cubic(x - column), up = cubic(y - row);
  const count = game.kink && Math.abs(psi) < 1e-6 ? 1 : weights.length;
  const sum = [0, 0];
  for (let k = 0; k < count; k++) {
    const { values, unit } = tables[game.tables[k]];
    for (let i = 0; i < 4; i++) for (let j = 0; j < 4; j++) {
      const at = (row + i) * 2 * width + column + cells + j;
      const share = sign * weights[k] * unit * up[i] * across[j];
      sum[0] += share * values[at];
      sum[1] += share * values[at + width];
    }
  }
  return sum;
}

const inside = ([theta, psi]) => Math.abs(theta) <= data.extent && Math.abs(psi) <= data.extent;

// The points from a start until one leaves the tables.
function simulate(name, updates, start, rate, strength, steps = data.steps) {
  const game = data.games[name], weights = tableWeights(game, strength);
  const clip = (psi) => (game.clip === null ? psi : Math.min(Math.max(psi, -game.clip), game.clip));
  const points = [start];
  for (let n = 0; n < steps; n++) {
    let [theta, psi] = points[n];
    let [dtheta, dpsi] = fieldAt(game, weights, theta, psi);
    if (updates === "simultaneous") psi = clip(psi + rate * dpsi);
    else for (let k = 0; k < D_STEPS[updates]; k++) {
      psi = clip(psi + rate * dpsi);
      if (!inside([theta, psi])) return points;
      [dtheta, dpsi] = fieldAt(game, weights, theta, psi);
    }
    theta += rate * dtheta;
    if (!inside([theta, psi])) return points;
    points.push([theta, psi]);
  }
  return points;
}

// ---- Eigenvalues; matrices are [a, b, c, d] in rows ------------------------------------------------------------
function jacobian(game, strength) {
  const weights = tableWeights(game, strength), sum = [0, 0, 0, 0];
  for (const [k, matrix] of game.jacobians.entries()) {
    if (weights[k] === 0) continue;
    if (!matrix) return null;
    matrix.forEach((value, i) => { sum[i] += weights[k] * value; });
  }
  return sum;
}

const product = ([a, b, c, d], [e, f, g, h]) => [a * e + b * g, a * f + b * h, c * e + d * g, c * f + d * h];

function updateMatrix([a, b, c, d], updates, h) {
  if (updates === "simultaneous") return [1 + h * a, h * b, h * c, 1 + h * d];
  const steps = Array(D_STEPS[updates]).fill([1, 0, h * c, 1 + h * d]);
  return steps.reduce(product, [1 + h * a, h * b, 0, 1]);
}

// Two pairs (real, imaginary).
function eigenvalues([a, b, c, d]) {
  const half = (a + d) / 2, inner = ((a - d) / 2) ** 2 + b * c;
  const root = Math.sqrt(Math.abs(inner));
  return inner < 0 ? [[half, root], [half, -root]] : [[half + root, 0], [half - root, 0]];
}

const largest = (values) => Math.max(...values.map(([re, im]) => Math.hypot(re, im)));

const fixed = (value, digits = 3) => {
  const text = value.toFixed(digits);
  return Number(text) === 0 ? text.replace("-", "") : text.replace("-", "−");
};

const factor = (modulus) => fixed(modulus, Math.abs(modulus - 1) < 0.002 ? 5 : 3);

function pairText(values) {
  if (!values) return "not defined";
  const [[re, im], [other]] = values;
  if (im) return Math.abs(re) < 5e-4 ? `±${fixed(im)}i` : `${fixed(re)} ± ${fixed(im)}i`;
  return Math.abs(re - other) < 5e-4 ? fixed(re) : `${fixed(re)} and ${fixed(other)}`;
}

function verdict(values) {
  if (!values) return "Not defined: the penalty has a kink at ψ = 0.";
  const modulus = largest(values), turning = values[0][1] !== 0;
  if (Math.abs(modulus - 1) < 1e-7) return "Near the equilibrium: modulus 1.000, which does not decide.";
  const how = modulus < 1 ? "converges" : turning ? "spirals outward" : "moves away";
  return `Near the equilibrium: ${how}, factor ${factor(modulus)} per step.`;
}

function spectrum() {
  const matrix = jacobian(data.games[state.game], strengthOf(state.game));
  if (!matrix) return { field: null, update: null };
  return { field: eigenvalues(matrix), update: eigenvalues(updateMatrix(matrix, state.updates, state.rate)) };
}

// ---- Drawing ---------------------------------------------------------------------------------------------------
// A cleared canvas at the screen's resolution, in CSS pixels.
function context(canvas) {
  const scale = window.devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  const g = canvas.getContext("2d");
  g.scale(scale, scale);
  g.font = "13px system-ui, sans-serif";
  return { g, width, height };
}

// Maps between numbers and CSS pixels, in a box with room for labels.
function axes(width, height, [x0, x1], [y0, y1], { left = 42, bottom = 34, top = 8, right = 14 } = {}) {
  const w = width - left - right, h = height - top - bottom;
  return { left, top, w, h, x: (v) => left + (v - x0) / (x1 - x0) * w, y: (v) => top + (y1 - v) / (y1 - y0) * h,
    back: (px, py) => [x0 + (px - left) / w * (x1 - x0), y1 - (py - top) / h * (y1 - y0)] };
}

function line(g, points, color, width = 1, dash = []) {
  g.beginPath();
  points.forEach(([x, y], i) => (i ? g.lineTo(x, y) : g.moveTo(x, y)));
  g.setLineDash(dash);
  Object.assign(g, { strokeStyle: color, lineWidth: width });
  g.stroke();
  g.setLineDash([]);
}

function dot(g, x, y, radius, fill, edge, width = 3) {
  g.beginPath();
  g.arc(x, y, radius, 0, 2 * Math.PI);
  Object.assign(g, { fillStyle: fill, strokeStyle: edge, lineWidth: width });
  g.fill();
  if (edge) g.stroke();
}

function text(g, words, x, y, align = "center") {
  Object.assign(g, { fillStyle: DARK, textAlign: align, textBaseline: "middle" });
  g.fillText(words, x, y);
}

function frame(g, box, xs, ys, xName, yName) {
  line(g, [[box.left, box.top], [box.left, box.top + box.h], [box.left + box.w, box.top + box.h]], GRAY);
  for (const v of xs) text(g, fixed(v, 0), box.x(v), box.top + box.h + 10);
  for (const v of ys) text(g, fixed(v, Number.isInteger(v) ? 0 : 1), box.left - 6, box.y(v), "right");
  text(g, xName, box.left + box.w / 2, box.top + box.h + 25);
  g.save();
  g.translate(7, box.top + box.h / 2);
  g.rotate(-Math.PI / 2);
  text(g, yName, 0, 0);
  g.restore();
}

const planeAxes = ({ clientWidth, clientHeight }) =>
  axes(clientWidth, clientHeight, [-data.window, data.window], [-data.window, data.window]);

function arrows(g, box, game, weights) {
  const count = box.w < 400 ? 13 : 17, cell = 2 * data.window / count;
  g.beginPath();
  for (let i = 0; i < count; i++) for (let j = 0; j < count; j++) {
    const [theta, psi] = [i, j].map((n) => -data.window + (n + 0.5) * cell);
    const [u, v] = fieldAt(game, weights, theta, psi), speed = Math.hypot(u, v);
    if (speed < 1e-6) continue;
    const length = 0.45 * box.w / count * speed / (speed + 0.4), [dx, dy] = [u / speed * length, -v / speed * length];
    const [x, y] = [box.x(theta), box.y(psi)], tip = Math.min(5, length);
    g.moveTo(x - dx, y - dy);
    g.lineTo(x + dx, y + dy);
    for (const turn of [2.6, -2.6]) {
      const angle = Math.atan2(dy, dx) + turn;
      g.moveTo(x + dx, y + dy);
      g.lineTo(x + dx + tip * Math.cos(angle), y + dy + tip * Math.sin(angle));
    }
  }
  Object.assign(g, { strokeStyle: GRAY, lineWidth: 1 });
  g.stroke();
}

function drawPlane() {
  const { g } = context(byId("plane")), box = planeAxes(byId("plane"));
  const game = data.games[state.game], ticks = [-2, -1, 0, 1, 2];
  g.save();
  g.beginPath();
  g.rect(box.left, box.top, box.w, box.h);
  g.clip();
  for (const v of game.clip === null ? [] : [-game.clip, game.clip])
    line(g, [[box.left, box.y(v)], [box.left + box.w, box.y(v)]], DARK, 1, [6, 4]);
  arrows(g, box, game, tableWeights(game, strengthOf(state.game)));
  const points = path.slice(0, state.shown + 1).map(([theta, psi]) => [box.x(theta), box.y(psi)]);
  line(g, points, BLUE, 1.5);
  for (const [x, y] of points) dot(g, x, y, 2, BLUE);
  g.restore();
  const [cx, cy] = [box.x(0), box.y(0)];
  for (const s of [-1, 1]) line(g, [[cx - 6, cy - 6 * s], [cx + 6, cy + 6 * s]], DARK, 2.5);
  const now = path[state.shown];
  if (Math.max(...now.map(Math.abs)) <= data.window) dot(g, ...points[state.shown], 5, DARK);
  dot(g, ...points[0], 7, "#fff", VERMILION);
  frame(g, box, ticks, ticks, "θ, the generator's point", "ψ, the discriminator's slope");
}

function drawDistance() {
  const { g, width, height } = context(byId("distance"));
  const distances = path.map((point) => Math.hypot(...point));
  const top = Math.max(1, Math.ceil(Math.max(...distances)));
  const box = axes(width, height, [0, data.steps], [0, top]);
  const points = distances.map((value, n) => [box.x(n), box.y(value)]);
  line(g, points, PALE, 2);
  line(g, points.slice(0, state.shown + 1), BLUE, 2);
  dot(g, ...points[state.shown], 4, DARK);
  frame(g, box, [0, 100, 200, 300], [0, top / 2, top], "step", "distance");
}

function drawValues(id, values, reach, circle) {
  const { g, width, height } = context(byId(id));
  const box = axes(width, height, [-reach, reach], [-reach, reach], { left: 4, right: 4, top: 4, bottom: 4 });
  if (circle) dot(g, box.x(0), box.y(0), box.x(1) - box.x(0), SKY, BLUE, 1.5);
  else line(g, [[box.left + box.w / 4, box.top], [box.left + box.w / 4, box.top + box.h]], SKY, box.w / 2);
  line(g, [[box.x(-reach), box.y(0)], [box.x(reach), box.y(0)]], GRAY);
  line(g, [[box.x(0), box.y(-reach)], [box.x(0), box.y(reach)]], circle ? GRAY : BLUE);
  for (const [v, name] of [[1, "1"], [-1, "−1"]]) text(g, name, box.x(v) + (circle ? 9 * v : 0), box.y(0) + 13);
  text(g, "i", box.x(0) - 9, box.y(1) + (circle ? -8 : 0), "right");
  text(g, "converges", box.x(circle ? 0 : -reach / 2), box.y(circle ? -0.55 : -0.85 * reach));
  for (const [re, im] of values ?? []) dot(g, box.x(re), box.y(im), 5, VERMILION);
}

function drawSpectra() {
  const { field, update } = spectrum();
  drawValues("field-values", field, Math.max(1.25, 1.15 * (field ? largest(field) : 0)), false);
  drawValues("update-values", update, Math.max(1.35, 1.15 * (update ? largest(update) : 0)), true);
  byId("field-text").textContent = pairText(field);
  byId("update-text").textContent = pairText(update);
  byId("modulus").textContent = update ? `modulus ${factor(largest(update))}` : "";
  byId("verdict").textContent = verdict(update);
  byId("field-values").setAttribute("aria-label", `Eigenvalues of the field: ${pairText(field)}`);
  byId("update-values").setAttribute("aria-label", `Eigenvalues of the update: ${pairText(update)}`);
}

// ---- State and controls ----------------------------------------------------------------------------------------
const pointText = (point) => `(${fixed(point[0], 2)}, ${fixed(point[1], 2)})`;

function stepText() {
  const left = path.length <= data.steps && state.shown === path.length - 1;
  const [first, distance] = [path[0], path[state.shown]].map((point) => fixed(Math.hypot(...point)));
  return `Step ${state.shown}: (θ, ψ) = ${pointText(path[state.shown])}, distance ${distance} (${first} at the start)`
    + (left ? `; the next step leaves [−${data.extent}, ${data.extent}].` : ".");
}

function announce() {
  const game = data.games[state.game];
  byId("live").textContent = `${game.label}, ${data.updates[state.updates]} updates. Start ${pointText(path[0])}. `
    + `${byId("verdict").textContent} ${stepText()}`;
}

function drawSteps() {
  byId("step").value = state.shown;
  byId("now").textContent = stepText();
  byId("step").setAttribute("aria-valuetext", stepText());
  drawPlane();
  drawDistance();
}

function showControls() {
  const game = data.games[state.game], strength = strengthOf(state.game);
  byId("game").value = state.game;
  byId("updates").value = state.updates;
  byId("about").textContent = game.description.replace("psi", "ψ").replace("sigma", "σ").replace("-1", "−1");
  byId("strength-row").hidden = !game.parameter;
  byId("strength-name").textContent = `Strength ${SYMBOLS[game.parameter]}`;
  Object.assign(byId("strength"), { max: game.largest, value: strength });
  byId("strength-value").textContent = fixed(strength, 2);
  byId("rate").value = state.rate;
  byId("rate-value").textContent = fixed(state.rate, 2);
}

// Compute the whole trajectory after any change of the game or the start.
function refresh() {
  setPlaying(false);
  path = simulate(state.game, state.updates, state.start, state.rate, strengthOf(state.game));
  state.shown = path.length - 1;
  byId("step").max = path.length - 1;
  showControls();
  drawSpectra();
  drawSteps();
  announce();
}

function setPlaying(on) {
  state.playing = on;
  cancelAnimationFrame(state.request);
  byId("play").textContent = on ? "Pause" : "Play";
}

function advance() {
  state.shown = Math.min(state.shown + 1, path.length - 1);
  drawSteps();
  if (state.shown === path.length - 1) toggle();
  else state.request = requestAnimationFrame(advance);
}

function toggle() {
  setPlaying(!state.playing);
  if (!state.playing) {
    announce();
    return;
  }
  if (state.shown === path.length - 1) state.shown = 0;
  state.request = requestAnimationFrame(advance);
}

function moveStart(point) {
  state.start = point.map((v) => Math.round(Math.min(Math.max(v, -data.window), data.window) * 1000) / 1000);
  refresh();
}

function dragTo(event) {
  const edge = byId("plane").getBoundingClientRect();
  moveStart(planeAxes(byId("plane")).back(event.clientX - edge.left, event.clientY - edge.top));
}

function onKey(event) {
  const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowUp: [0, 1] }[event.key];
  if (!way && event.key !== " ") return;
  event.preventDefault();
  if (!way) toggle();
  else moveStart(state.start.map((v, i) => v + way[i] * (event.shiftKey ? 0.01 : 0.1)));
}

function reset() {
  Object.assign(state, data.initial, { strengths: { [data.initial.game]: data.initial.strength } });
  refresh();
}

function connect() {
  for (const [name, game] of Object.entries(data.games)) byId("game").add(new Option(game.label, name));
  for (const [name, label] of Object.entries(data.updates)) byId("updates").add(new Option(label, name));
  const on = (id, type, act) => byId(id).addEventListener(type, act);
  for (const id of ["game", "updates"]) on(id, "change", (e) => { state[id] = e.target.value; refresh(); });
  on("strength", "input", (e) => { state.strengths[state.game] = Number(e.target.value); refresh(); });
  on("rate", "input", (e) => { state.rate = Number(e.target.value); refresh(); });
  on("step", "input", (e) => { setPlaying(false); state.shown = Number(e.target.value); drawSteps(); });
  on("play", "click", toggle);
  on("reset", "click", reset);
  on("plane", "keydown", onKey);
  on("plane", "pointerdown", (e) => {
    if (e.button) return; // only the left button of a mouse
    e.target.setPointerCapture(e.pointerId);
    dragTo(e);
  });
  on("plane", "pointermove", (e) => { if (e.target.hasPointerCapture(e.pointerId)) dragTo(e); });
}

async function begin() {
  tables = await Promise.all(data.tables.map(async (t) => ({ values: await unpack(t), unit: t.unit })));
  connect();
  reset();
  new ResizeObserver(() => { drawSpectra(); drawSteps(); }).observe(byId("plane"));
  document.body.dataset.ready = "yes";
}
begin();
