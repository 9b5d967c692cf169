// The player of recordings: its controls and their effects.
const FRAMES_PER_SECOND = 20; // at speed 1
const KEYS = { 1: "output", 2: "real", 3: "fakes", 4: "arrows", 5: "manifold" };

const byId = (id) => document.getElementById(id);

// A description of one frame, such as "step 1,200 of 2,000: 6 of 8 modes, D(x) 0.62, D(G(z)) 0.41".
function inWords({ steps, curves, modes, probabilities }, frame) {
  const said = [];
  const say = (key, words) => {
    const value = curves[key][frame];
    if (value === null && key === "modes") said.push("modes not finite");
    else if (value !== null || frame) said.push(words(value === null ? missing(frame) : (key === "modes" ? short : fixed)(value)));
  };
  if (modes) say("modes", (count) => `${count} of ${modes} modes`);
  say(probabilities ? "d_real" : "loss_d", (value) => `${probabilities ? "D(x)" : "loss of D"} ${value}`);
  say(probabilities ? "d_fake" : "loss_g", (value) => `${probabilities ? "D(G(z))" : "loss of G"} ${value}`);
  const at = `step ${short(steps[frame])} of ${short(steps[steps.length - 1])}`;
  return said.length ? `${at}: ${said.join(", ")}` : at;
}

class Player {
  constructor(data, arrays) {
    const { timeline, recordings } = data;
    Object.assign(this, { data, timeline, recordings, frames: 0, playing: false, speed: data.speed });
    this.last = timeline.length - 1;
    this.index = this.last; // at rest, a recording shows its last frame
    this.layers = Object.fromEntries(LAYERS.map((name) => [name, layerBox(name).checked]));
    this.planes = recordings.map((recording, i) => new Plane(recording, arrays[i]));
    this.curves = recordings.map((recording) => new Curves(recording, timeline[this.last]));
    byId("player").classList.add(recordings.length === 2 ? "two" : "one");
    byId("planes").append(...this.planes.map(({ box }) => box));
    byId("curves").append(...this.curves.map(({ box }) => box));
    this.lines = recordings.map(() => element("p", ""));
    byId("state").append(...this.lines);
  }

  draw() {
    this.planes.forEach((plane, i) => plane.draw(this.frameOf(i), this.layers));
    this.curves.forEach((curves, i) => curves.draw(this.frameOf(i), this.timeline[this.index]));
    this.lines.forEach((line, i) => (line.textContent = this.words(i)));
    byId("scrub").value = this.index;
    byId("scrub").setAttribute("aria-valuetext", `step ${short(this.timeline[this.index])} of ${short(this.timeline[this.last])}`);
    this.frames += 1;
  }

  frameOf(i) {
    return this.recordings[i].frames[this.index];
  }

  words(i) {
    const words = inWords(this.recordings[i], this.frameOf(i));
    return this.recordings.length === 2 ? `${i ? "Right" : "Left"}: ${words}` : words[0].toUpperCase() + words.slice(1);
  }

  // Announce the state to screen readers after a moment without movement.
  speak() {
    clearTimeout(this.speaking);
    this.speaking = setTimeout(() => {
      if (!this.playing) byId("spoken").textContent = this.recordings.map((_, i) => this.words(i)).join(". ");
    }, 250);
  }

  show(index) {
    this.index = clamp(Math.round(index), 0, this.last);
    this.draw();
    if (!this.playing) this.speak();
  }

  // Show a frame and stay there.
  go(index) {
    this.pause();
    this.show(index);
  }

  toStep(step) {
    const found = this.timeline.findIndex((each) => each > step);
    this.go(found < 0 ? this.last : found - 1);
  }

  toggle() {
    if (this.playing) this.go(this.index);
    else this.play();
  }

  play() {
    if (this.index === this.last) this.show(0);
    Object.assign(this, { playing: true, exact: this.index, before: performance.now() });
    this.showButton();
    requestAnimationFrame((now) => this.tick(now));
  }

  pause() {
    this.playing = false;
    this.showButton();
  }

  tick(now) {
    if (!this.playing) return;
    this.exact += (Math.max(now - this.before, 0) / 1000) * FRAMES_PER_SECOND * this.speed;
    this.before = now;
    const index = Math.min(Math.floor(this.exact), this.last);
    if (index === this.last) return this.go(index);
    if (index !== this.index) this.show(index);
    requestAnimationFrame((later) => this.tick(later));
  }

  showButton() {
    byId("play").textContent = this.playing ? "❚❚ Pause" : "▶ Play";
  }

  setSpeed(index) {
    const { speeds } = this.data;
    byId("speed").selectedIndex = clamp(index, 0, speeds.length - 1);
    this.speed = speeds[byId("speed").selectedIndex];
    this.remember();
  }

  setLayer(name, on) {
    layerBox(name).checked = on;
    this.layers[name] = on;
    this.remember();
    this.draw();
  }

  // In a notebook, the next page in the same place, as when a widget trains again, begins with these choices.
  remember() {
    const place = placeInNotebook();
    if (place) place.dataset.player = JSON.stringify({ layers: this.layers, speed: this.speed });
  }

  resize() {
    for (const part of [...this.planes, ...this.curves]) part.resize();
    this.draw();
  }
}

const placeInNotebook = () => window.frameElement?.parentElement?.parentElement;

function recall(player) {
  const { layers = {}, speed = player.speed } = JSON.parse(placeInNotebook()?.dataset.player || "{}");
  player.speed = speed;
  for (const name of LAYERS) if (name in layers) player.layers[name] = layerBox(name).checked = layers[name];
}

const layerBox = (name) => document.querySelector(`[data-layer="${name}"]`);

function connectControls(player) {
  byId("play").onclick = () => player.toggle();
  byId("back").onclick = () => player.go(player.index - 1);
  byId("forward").onclick = () => player.go(player.index + 1);
  byId("scrub").max = player.last;
  byId("scrub").oninput = (event) => player.go(event.target.valueAsNumber);
  for (const speed of player.data.speeds) byId("speed").append(element("option", "", `${speed}×`));
  byId("speed").onchange = (event) => player.setSpeed(event.target.selectedIndex);
  player.setSpeed(player.data.speeds.indexOf(player.speed));
  for (const name of LAYERS) layerBox(name).onchange = (event) => player.setLayer(name, event.target.checked);
  if (player.recordings.every(({ manifold }) => !manifold.shape[1])) disable("manifold", "(z is not two-dimensional)");
  for (const curves of player.curves) connectDrag(player, curves);
  document.addEventListener("keydown", (event) => onKey(player, event));
}

function disable(name, why) {
  layerBox(name).disabled = true;
  layerBox(name).parentElement.classList.add("off");
  layerBox(name).parentElement.append(why);
}

function connectDrag(player, curves) {
  const { canvas } = curves;
  const move = (event) => player.toStep(curves.step(event.offsetX));
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button) return; // only the left button of a mouse
    canvas.setPointerCapture(event.pointerId);
    move(event);
  });
  canvas.addEventListener("pointermove", (event) => canvas.hasPointerCapture(event.pointerId) && move(event));
}

function onKey(player, event) {
  if (event.ctrlKey || event.altKey || event.metaKey || isOwnKey(event)) return;
  const speedIndex = byId("speed").selectedIndex, layer = KEYS[event.key];
  const actions = {
    " ": () => player.toggle(),
    ArrowLeft: () => player.go(player.index - 1),
    ArrowRight: () => player.go(player.index + 1),
    Home: () => player.go(0),
    End: () => player.go(player.last),
    "[": () => player.setSpeed(speedIndex - 1),
    "]": () => player.setSpeed(speedIndex + 1),
  };
  const action = layer ? () => layerBox(layer).disabled || player.setLayer(layer, !player.layers[layer]) : actions[event.key];
  if (!action) return;
  event.preventDefault();
  action();
}

// Whether the control with the focus uses the key itself.
function isOwnKey({ key, target }) {
  if (target.tagName === "SELECT") return key !== "[" && key !== "]";
  return key === " " && (target.tagName === "BUTTON" || target.type === "checkbox");
}

async function unpacked(recording) {
  const names = ["real", "fakes", "manifold", "arrows", "output"];
  const arrays = await Promise.all(names.map((name) => unpack(recording[name])));
  return Object.fromEntries(names.map((name, i) => [name, arrays[i]]));
}

async function start() {
  const data = pageData();
  const player = new Player(data, await Promise.all(data.recordings.map(unpacked)));
  recall(player);
  connectControls(player);
  new ResizeObserver(() => player.resize()).observe(byId("player"));
  window.player = player;
}

start().catch((error) => {
  byId("state").textContent = `This page needs a newer browser (Chrome 80, Firefox 113, or Safari 16.4): ${error}`;
  throw error;
});
