// The panel "How it was read": the steps from the ink to the 28 × 28 pixels, which ink mattered, and
// all that the network computes, to be touched, scrubbed and broken. All of it is computed in this
// browser, with the same code and weights as on the server.

import "./insight-page.js";
import { startBreak, showBroken } from "./insight-break.js";
import { choose, hideSpot, showMaps, startMaps } from "./insight-maps.js";
import { SIDE, bounds, paintInk } from "./insight-paint.js";
import { showPath, startPath } from "./insight-path.js";
import { forgetStroke, readAlong, startStroke, strokeChanged } from "./insight-stroke.js";
import { byId, element } from "./dom.js";
import { number, parts, t } from "./words.js";

const section = byId("insight");
const steps = { ink: byId("step-ink"), box: byId("step-box"), framed: byId("step-framed"), heat: byId("step-heat") };
const calibrated = byId("calibrated");

const BOX = 20;
// What takes longer is computed once the drawing has not changed for this long, in ms.
const REST = 250;

let engine;
let unable;
let nearest;
// The glyph whose nearest examples are shown.
let shownNear = null;
// The newest digit; the one that is being computed, and whether a newer one came meanwhile.
let last = null;
let isBusy = false;
let isAgain = false;
let rest = null;
// The layers' shapes; null until they are asked for.
let shapes = null;
// Whether the network was trained to reject what is out of distribution.
let rejects = false;
// A moment while the digit was drawn, in place of the end; what is silenced; the share of noise.
let moment = null;
let silenced = [];
let noise = 0;
// The newest answer of the network's insides.
let shown = null;

// `explain(task, given)` asks the network in this browser and fails while it is not loaded;
// `isUnable()` tells whether it never will be. `near(pixels)` finds the nearest training
// examples, or null.
export function startInsight(explain, isUnable, near) {
  engine = explain;
  unable = isUnable;
  nearest = near;
  section.addEventListener("toggle", () => {
    if (!section.open) return hideSpot();
    if (last) explainDigit(last);
  });
  startStroke(momentOf, (next) => {
    moment = next;
    computeSoon();
  });
  startPath(choose);
  startMaps(inside, toggle);
  startBreak({ inside, read: (pixels) => engine("pixels", { pixels }), changed });
}

const inside = (name, ...args) => engine("inside", { name, args });

// Another checkpoint was loaded, with other filters.
export function forgetFilters() {
  shapes = null;
  silenced = [];
  shownNear = null;
  forgetStroke();
}

function changed(change) {
  silenced = change.silenced ?? silenced;
  noise = change.noise ?? noise;
  const next = change.first && firstOfPath();
  if (next) silenced = [...silenced, next];
  computeSoon();
}

function toggle(layer, map) {
  const others = silenced.filter(([l, m]) => l !== layer || m !== map);
  changed({ silenced: others.length < silenced.length ? others : [...silenced, [layer, map]] });
}

// The first map of the path that is not silenced, as [layer, map]: then another path is the strongest.
function firstOfPath() {
  const maps = shown?.path.slice(1).map(({ channel }, layer) => [layer, channel]) ?? [];
  return maps.find(([layer, map]) => !silenced.some(([l, m]) => l === layer && m === map));
}

// Shows how a digit was read: { digit, labels, temperature, input, isWhole, drawInk }. `drawInk(context,
// side, box)` draws the ink in its box; `isWhole` says that the network looks at more than that.
export function explainDigit(given) {
  last = given;
  moment = null;
  clearTimeout(rest);
  // Nothing is computed while the panel is closed.
  if (!section.open) return;
  if (given.digit.seen !== decoded.seen) hideSpot();
  strokeChanged(Boolean(strokesOf(given)));
  compute();
  rest = setTimeout(() => {
    paintAll();
    atRest(given);
  }, REST);
}

// Shows a change at once, and what is out of sight when there is time.
let soon = null;
function computeSoon() {
  clearTimeout(soon);
  compute();
  soon = setTimeout(paintAll, REST);
}

export function explainNothing() {
  last = shown = moment = null;
  waiting.clear();
  clearTimeout(rest);
  hideSpot();
  section.dataset.state = "empty";
}

// The digit's own strokes, if it was drawn and consists of whole ones.
function strokesOf({ digit, input }) {
  if (!input?.strokes || !digit.strokes) return null;
  const drawn = input.strokes.filter((stroke) => stroke.length > 0);
  return digit.strokes.map((i) => drawn[i]);
}

// Computes and shows the newest digit: one at a time, so that a slow browser skips some.
async function compute() {
  isAgain = isBusy;
  if (isBusy) return;
  isBusy = true;
  do {
    isAgain = false;
    if (last && section.open) await computeOnce(last);
  } while (isAgain);
  isBusy = false;
}

async function computeOnce(given) {
  const { digit, labels, temperature } = given;
  try {
    const whole = await pixelsOf(digit);
    const clean = moment?.pixels ?? whole;
    const pixels = noisy(clean);
    if (!shapes) {
      rejects = await inside("rejects");
      shapes = shapesOf(await inside("shapes"));
    }
    const own = shapes;
    const look = await inside("look", pixels, Uint32Array.from(silenced.flat()));
    const found = answerOf(look, own, labels);
    const [path, contributions] = await Promise.all([inside("path", found.label), inside("contributions")]);
    if (last !== given || own !== shapes || !section.open) return;
    const { probabilities, label } = moment ?? digit;
    shown = {
      ...found, shapes: own, pixels, labels, silenced, contributions, path: stepsOf(path),
      box: strokesOf(given) && !moment ? digit.box : null,
    };
    // Shown first, because a canvas without a size cannot be drawn on.
    const isFirst = section.dataset.state !== "shown";
    section.dataset.state = "shown";
    const answer = { ...shown, clean, noise, label: labels[found.best], whole: { probabilities, label } };
    show("steps", () => {
      byId("steps").toggleAttribute("data-whole", given.isWhole);
      showSteps(whole, digit, given);
      showCalibration(digit, labels, temperature);
      byId("nearest").toggleAttribute("data-stale", digit.seen !== shownNear);
    });
    const now = shown;
    show("way", () => showPath(now));
    show("inspect", () => showMaps(now));
    show("pair", () => showBroken(answer));
    if (isFirst) paintAll();
  } catch {
    if (last === given) section.dataset.state = unable() ? "failed" : "waiting";
  }
}

// The parts of the panel that are out of sight wait to be painted, so that a slow phone has the time
// for what its user sees. What each of them will show is kept.
const waiting = new Map();
const inSight = new Set();
const observer = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (isIntersecting) inSight.add(target.dataset.part);
    else inSight.delete(target.dataset.part);
  }
  paintSome((name) => inSight.has(name));
});
section.querySelectorAll("[data-part]").forEach((part) => observer.observe(part));

function show(name, paint) {
  waiting.set(name, paint);
  if (inSight.has(name)) paintSome((other) => other === name);
}

function paintSome(isDue) {
  for (const [name, paint] of waiting) {
    if (!isDue(name)) continue;
    waiting.delete(name);
    paint();
  }
}

const paintAll = () => paintSome(() => true);

// What takes longer, and is not needed while the pen moves.
async function atRest(given) {
  const { digit, labels } = given;
  try {
    const pixels = await pixelsOf(digit);
    const falls = await engine("occlusion", { pixels, label: labels.indexOf(digit.label) });
    if (last !== given) return;
    showHeat(pixels, falls);
    const strokes = strokesOf(given);
    if (strokes) await readAlong(strokes, labels);
    // The glyph is the same if the panel was only closed and opened.
    if (last !== given || digit.seen === shownNear) return;
    const found = await nearest(pixels).catch(() => null);
    if (last !== given) return;
    showNearest(found);
    shownNear = found && digit.seen;
    byId("nearest").toggleAttribute("data-stale", false);
  } catch {
    // The rest of the panel is shown all the same.
  }
}

function shapesOf(flat) {
  return Array.from({ length: flat.length / 7 }, (_, i) => {
    const [inputs, outputs, kernel, stride, padding, from, to] = flat.slice(7 * i, 7 * i + 7);
    return { inputs, outputs, kernel, stride, padding, from, to };
  });
}

// What the network says of a glyph, and its maps: the glyph as it gets it, then each layer's.
function answerOf(look, shapes, labels) {
  const count = look[0];
  const probabilities = [...look.subarray(1, count + 1)];
  let at = count + 2;
  const sizes = [{ channels: 1, side: SIDE }, ...shapes.map(({ outputs, to }) => ({ channels: outputs, side: to }))];
  const maps = sizes.map(({ channels, side }) => ({ channels, side, values: look.subarray(at, (at += channels * side * side)) }));
  const logits = maps.at(-1).values;
  // What was taught is not a part of the network: it may have made another label the best.
  const best = probabilities.indexOf(Math.max(...probabilities));
  const label = best < logits.length && labels.length >= logits.length ? best : logits.indexOf(Math.max(...logits));
  return { probabilities, known: rejects ? look[count + 1] : 1, maps, best, label };
}

// What the network says of strokes that are one symbol; `box` is the box around them.
async function momentOf(strokes, box) {
  const { lines, seen } = await engine("strokes", { strokes, boxes: [box] });
  const [{ probabilities, label, in_distribution: known }] = lines.flatMap((line) => line.digits);
  return { pixels: seen.subarray(0, SIDE * SIDE), probabilities, label, known: rejects ? known : 1 };
}

const stepsOf = (flat) => Array.from({ length: flat.length / 4 }, (_, i) => {
  const [channel, place, of_map, own] = flat.subarray(4 * i, 4 * i + 4);
  return { channel, place, of_map, own };
});

// The picture with noise, which is the same as long as its share is: else it would flicker.
function noisy(pixels) {
  if (noise === 0) return pixels;
  let state = 1;
  const random = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
  return pixels.map((ink) => Math.max(0, Math.min(255, ink + 255 * noise * (random() + random() - 1))));
}

// The glyph's bytes from its picture; the newest are kept.
let decoded = { seen: null, pixels: null };
async function pixelsOf({ seen }) {
  if (decoded.seen === seen) return decoded.pixels;
  const image = new Image();
  image.src = seen;
  await image.decode();
  const context = new OffscreenCanvas(SIDE, SIDE).getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  const { data } = context.getImageData(0, 0, SIDE, SIDE);
  const pixels = Uint8Array.from({ length: SIDE * SIDE }, (_, i) => data[4 * i]);
  decoded = { seen, pixels };
  return pixels;
}

let stepsShown = null;
function showSteps(pixels, digit, { drawInk, isWhole }) {
  // They stay the same while somebody points at maps.
  if (stepsShown === digit) return;
  stepsShown = digit;
  const ink = steps.ink.getContext("2d");
  ink.clearRect(0, 0, steps.ink.width, steps.ink.height);
  drawInk(ink, steps.ink.width, digit.box);
  const { left, top, centre } = measured(pixels);
  paintInk(steps.box, Uint8Array.from({ length: BOX * BOX }, (_, i) => at(pixels, left + (i % BOX), top + Math.floor(i / BOX))), BOX);
  paintInk(steps.framed, pixels);
  if (isWhole) return;
  const context = steps.framed.getContext("2d");
  // The dot at the centre of mass.
  context.fillStyle = "#f0a35e";
  context.fillRect(Math.floor(centre[0]), Math.floor(centre[1]), 1, 1);
}

const at = (pixels, x, y) => (x < SIDE && y < SIDE ? pixels[y * SIDE + x] : 0);

// The place of the 20 × 20 box in the glyph, and the glyph's centre of mass.
function measured(pixels) {
  const { left, top, right, bottom } = bounds(pixels);
  const sum = [0, 0, 0];
  pixels.forEach((ink, i) => [(i % SIDE) * ink, Math.floor(i / SIDE) * ink, ink].forEach((value, axis) => (sum[axis] += value)));
  const start = (from, to) => Math.max(0, Math.min(SIDE - BOX, from - Math.floor((BOX - (to - from)) / 2)));
  return {
    left: start(left, right),
    top: start(top, bottom),
    centre: [sum[0] / sum[2] || 0, sum[1] / sum[2] || 0],
  };
}

// Shows the ink that is evidence for the label in orange, and the ink against it in blue. `falls`
// is by how much the label's logit falls when a pixel is covered.
function showHeat(pixels, falls) {
  const strongest = Math.max(...falls.map(Math.abs)) || 1;
  const image = new ImageData(SIDE, SIDE);
  falls.forEach((fall, i) => {
    const share = fall / strongest;
    const ink = pixels[i] / 255;
    const [strong, weak] = [ink * (90 + 165 * Math.sqrt(Math.abs(share))), ink * 60];
    image.data.set([...(share >= 0 ? [strong, 0.65 * strong, weak] : [weak, 0.6 * strong, strong]), 255], 4 * i);
  });
  steps.heat.getContext("2d").putImageData(image, 0, 0);
}

// Shows the nearest training examples; hides the list if the server does not have them.
function showNearest(found) {
  byId("nearest").hidden = !found?.examples.length;
  byId("nearest-list").replaceChildren(...(found?.examples ?? []).map(({ label, from, picture }) =>
    element("li", {}, element("img", { src: picture, alt: "", width: 56, height: 56 }),
      element("b", {}, label), sourceOf(from))));
}

// Where an example is from, unless it is of the network's own data.
function sourceOf(from) {
  const known = { samples: t`sample`, taught: t`taught` }[from];
  return known ? element("span", {}, known) : null;
}

// Shows the effect of the temperature. It divides all logits, so the probabilities before
// calibration are those after it to the power of the temperature, normalized to a sum of 1.
function showCalibration({ label, probabilities, confidence, taught }, labels, temperature) {
  // What was taught is not the network as trained.
  if (!temperature || taught) return calibrated.replaceChildren();
  const before = probabilities.map((probability) => probability ** temperature);
  const raw = before[labels.indexOf(label)] / before.reduce((a, b) => a + b, 0);
  const percent = (share) => number(100 * share, share > 0.999 ? 2 : 1, "%");
  const often = temperature < 1
    ? t`On examples held back from training it was right more often than its confidence suggests,`
    : t`On examples held back from training it was right less often than its confidence suggests,`;
  const corrected = element("b", {}, percent(confidence));
  calibrated.replaceChildren(...parts`As trained, the network is ${percent(raw)} sure. ${often} so its confidence is corrected to ${corrected}.`);
}
