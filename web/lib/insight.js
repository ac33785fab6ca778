// How a digit was read: the steps from the ink to the 28 × 28 pixels, what each layer of
// the network makes of them, which ink mattered, and what calibration does. All of it is
// computed in this browser, by the code and the weights that the server has too.

import { byId, element } from "./dom.js";
import { number, parts, t } from "./words.js";

const section = byId("insight");
const steps = { ink: byId("step-ink"), box: byId("step-box"), framed: byId("step-framed"), heat: byId("step-heat") };
const layersShown = byId("layers");
const stencilShown = byId("stencil");
const stencilMap = byId("stencil-map");
const stencilSaid = byId("stencil-said");
const calibrated = byId("calibrated");

const SIDE = 28;
const BOX = 20;
// A drawing that rests this long, in ms, is worth its heat map.
const REST = 250;
// What the first layers do, for people who see them for the first time.
const TOLD = [
  t`Each map belongs to one stencil of the size above: choose one to see it.`,
  t`Stencils of 3 × 3 over all maps of layer 1: what they answer to is larger, and made of what those found.`,
  t`The same again over layer 2: larger still.`,
  t`Few places are left, and many maps: much of what is there, little of where. From these the label is computed.`,
];

let engine;
let unable;
let nearest;
// The glyph whose neighbours are shown.
let shownNear = null;
let last = null;
let rest = null;
let chosen = 0;
let stencils = null;

// `explain(task, given)` asks the network in this browser; it fails while there is none.
// `isUnable` says whether there will be none. `near(pixels)` finds training examples, or null.
export function startInsight(explain, isUnable, near) {
  engine = explain;
  unable = isUnable;
  nearest = near;
  section.addEventListener("toggle", () => last && explainDigit(last));
}

// Another checkpoint reads: its stencils are others.
export function forgetStencils() {
  stencils = null;
  shownNear = null;
  layersShown.replaceChildren();
}

// Shows how a digit was read. `drawInk(context, side, box)` draws what is in its box.
export async function explainDigit(given) {
  last = given;
  clearTimeout(rest);
  // What nobody looks at is not computed.
  if (!section.open) return;
  const { digit, labels, temperature, drawInk } = given;
  try {
    const pixels = await pixelsOf(digit.seen);
    if (last !== given) return;
    showSteps(pixels, digit, drawInk);
    showCalibration(digit, labels, temperature);
    const glyph = pixels.join();
    byId("nearest").toggleAttribute("data-stale", glyph !== shownNear);
    const { shapes, maps } = await engine("layers", { pixels });
    stencils ??= await engine("stencils", {});
    if (last !== given) return;
    showLayers(shapes, maps);
    section.dataset.state = "shown";
    rest = setTimeout(async () => {
      const label = labels.indexOf(digit.label);
      const falls = await engine("occlusion", { pixels, label }).catch(() => null);
      if (falls && last === given) showHeat(pixels, falls);
      // A stencil is chosen without another glyph.
      if (glyph === shownNear) return;
      const found = await nearest(pixels).catch(() => null);
      if (last !== given) return;
      showNearest(found);
      shownNear = found && glyph;
      byId("nearest").toggleAttribute("data-stale", false);
    }, REST);
  } catch {
    if (last === given) section.dataset.state = unable() ? "failed" : "waiting";
  }
}

export function explainNothing() {
  last = null;
  clearTimeout(rest);
  section.dataset.state = "empty";
}

// The glyph's bytes from its picture.
async function pixelsOf(seen) {
  const image = new Image();
  image.src = seen;
  await image.decode();
  const context = new OffscreenCanvas(SIDE, SIDE).getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  const { data } = context.getImageData(0, 0, SIDE, SIDE);
  return Uint8Array.from({ length: SIDE * SIDE }, (_, i) => data[4 * i]);
}

function showSteps(pixels, digit, drawInk) {
  const ink = steps.ink.getContext("2d");
  ink.clearRect(0, 0, steps.ink.width, steps.ink.height);
  drawInk(ink, steps.ink.width, digit.box);
  const { left, top, centre } = measured(pixels);
  paint(steps.box, BOX, BOX, (x, y) => grey(at(pixels, left + x, top + y)));
  paint(steps.framed, SIDE, SIDE, (x, y) => grey(at(pixels, x, y)));
  const context = steps.framed.getContext("2d");
  // Where the centre of mass is, for the eye.
  context.fillStyle = "#f0a35e";
  context.fillRect(Math.floor(centre[0]), Math.floor(centre[1]), 1, 1);
}

const at = (pixels, x, y) => (x < SIDE && y < SIDE ? pixels[y * SIDE + x] : 0);
const grey = (ink) => [ink, ink, ink];

// Where the 20 × 20 box lies, and the centre of mass.
function measured(pixels) {
  const bounds = [SIDE, SIDE, 0, 0];
  const sum = [0, 0, 0];
  pixels.forEach((ink, i) => {
    if (ink === 0) return;
    const [x, y] = [i % SIDE, Math.floor(i / SIDE)];
    bounds[0] = Math.min(bounds[0], x);
    bounds[1] = Math.min(bounds[1], y);
    bounds[2] = Math.max(bounds[2], x + 1);
    bounds[3] = Math.max(bounds[3], y + 1);
    [x * ink, y * ink, ink].forEach((value, axis) => (sum[axis] += value));
  });
  const start = (from, to) => Math.max(0, Math.min(SIDE - BOX, from - Math.floor((BOX - (to - from)) / 2)));
  return {
    left: start(bounds[0], bounds[2]),
    top: start(bounds[1], bounds[3]),
    centre: [sum[0] / sum[2] || 0, sum[1] / sum[2] || 0],
  };
}

function paint(canvas, width, height, colour) {
  canvas.width = width;
  canvas.height = height;
  const image = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    image.data.set([...colour(i % width, Math.floor(i / width)), 255], 4 * i);
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}

// One canvas a layer, its maps side by side.
function showLayers(shapes, maps) {
  const layers = Array.from({ length: shapes.length / 2 }, (_, i) => [shapes[2 * i], shapes[2 * i + 1]]);
  if (layersShown.childElementCount !== layers.length) {
    layersShown.replaceChildren(...layers.map(figure));
  }
  let start = 0;
  layers.forEach(([channels, side], i) => {
    const own = maps.subarray(start, (start += channels * side * side));
    const columns = columnsOf(channels);
    const cell = side + 1;
    const rows = Math.ceil(channels / columns);
    const canvas = layersShown.children[i].querySelector("canvas");
    paint(canvas, columns * cell - 1, rows * cell - 1, (x, y) => {
      const [map, u, v] = [Math.floor(y / cell) * columns + Math.floor(x / cell), x % cell, y % cell];
      if (u === side || v === side || map >= channels) return gap();
      return glow(own[(map * side + v) * side + u]);
    });
    if (i === 0) showStencil(channels, side, own);
  });
}

const columnsOf = (channels) => Math.ceil(Math.sqrt(channels * 2));
const dark = () => matchMedia("(prefers-color-scheme: dark)").matches;
const gap = () => (dark() ? [28, 31, 40] : [255, 253, 248]);
// Black to orange to white.
const glow = (value) => [Math.min(255, value * 1.6), Math.min(255, value * 1.05), Math.max(0, value * 2 - 255)];

function figure([channels, side], i) {
  const canvas = element("canvas", { class: "maps", role: "img",
    "aria-label": t`The ${channels} maps of layer ${i + 1}, ${side} by ${side} places each` });
  if (i === 0) {
    canvas.addEventListener("click", ({ offsetX, offsetY }) => {
      const columns = columnsOf(channels);
      const cell = canvas.clientWidth / columns;
      choose(Math.floor(offsetY / cell) * columns + Math.floor(offsetX / cell), channels);
    });
  }
  return element("figure", {},
    canvas,
    element("figcaption", {}, element("b", {}, t`Layer ${i + 1}: ${channels} maps of ${side} × ${side}`), TOLD[i] ?? TOLD.at(-1)));
}

function choose(map, channels) {
  chosen = ((map % channels) + channels) % channels;
  if (last) explainDigit(last);
}

byId("stencil-next").addEventListener("click", () => choose(chosen + 1, stencilCount));
byId("stencil-before").addEventListener("click", () => choose(chosen - 1, stencilCount));
let stencilCount = 1;

// One stencil of the first layer, and where it fits.
function showStencil(channels, side, maps) {
  stencilCount = channels;
  const size = stencils.length / channels;
  const width = Math.sqrt(size);
  const own = stencils.subarray(chosen * size, (chosen + 1) * size);
  const strongest = Math.max(...own.map(Math.abs));
  paint(stencilShown, width, width, (x, y) => {
    const value = own[y * width + x] / strongest;
    const [strong, weak] = [40 + 215 * Math.abs(value), 40];
    return value > 0 ? [strong, 0.65 * strong, weak] : [weak, 0.6 * strong, strong];
  });
  const map = maps.subarray(chosen * side * side, (chosen + 1) * side * side);
  paint(stencilMap, side, side, (x, y) => glow(map[y * side + x]));
  stencilSaid.textContent = t`Stencil ${chosen + 1} of ${channels}`;
}

// The ink that spoke for the label in orange, what spoke against it in blue.
function showHeat(pixels, falls) {
  const strongest = Math.max(...falls.map(Math.abs)) || 1;
  paint(steps.heat, SIDE, SIDE, (x, y) => {
    const i = y * SIDE + x;
    const share = falls[i] / strongest;
    const ink = pixels[i] / 255;
    const [strong, weak] = [ink * (90 + 165 * Math.sqrt(Math.abs(share))), ink * 60];
    return share >= 0 ? [strong, 0.65 * strong, weak] : [weak, 0.6 * strong, strong];
  });
}

// Nothing, where what was trained on is not at hand.
function showNearest(found) {
  byId("nearest").hidden = !found?.examples.length;
  byId("nearest-list").replaceChildren(...(found?.examples ?? []).map(({ label, from, picture }) =>
    element("li", {}, element("img", { src: picture, alt: "", width: 56, height: 56 }),
      element("b", {}, label), from === "taught" ? element("span", {}, t`taught`) : null)));
}

// The temperature divides all logits, so a probability before is the one after, to the
// power of the temperature, and all of them scaled to 1.
function showCalibration({ label, probabilities, confidence }, labels, temperature) {
  if (!temperature) return calibrated.replaceChildren();
  const before = probabilities.map((probability) => probability ** temperature);
  const raw = before[labels.indexOf(label)] / before.reduce((a, b) => a + b, 0);
  const percent = (share) => number(100 * share, share > 0.999 ? 2 : 1, "%");
  const often = temperature < 1
    ? t`On examples held back from its training it was right more often than it said,`
    : t`On examples held back from its training it was right less often than it said,`;
  const corrected = element("b", {}, percent(confidence));
  calibrated.replaceChildren(...parts`As trained, the network says ${percent(raw)}. ${often} so its answers are corrected, and it says ${corrected}.`);
}
