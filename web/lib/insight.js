// The panel "How it was read": the steps from the ink to the 28 × 28 pixels, the feature maps of
// each layer, which ink mattered, and the effect of calibration. All of it is computed in this
// browser, with the same code and weights as on the server.

import { byId, element } from "./dom.js";
import { number, parts, t } from "./words.js";

const section = byId("insight");
const steps = { ink: byId("step-ink"), box: byId("step-box"), framed: byId("step-framed"), heat: byId("step-heat") };
const layersShown = byId("layers");
const filterCanvas = byId("filter");
const filterMap = byId("filter-map");
const filterName = byId("filter-name");
const calibrated = byId("calibrated");

const SIDE = 28;
const BOX = 20;
// The heat map is computed once the drawing has not changed for this long, in ms.
const REST = 250;
// What each layer does, for people who see one for the first time.
const LAYERS_EXPLAINED = [
  t`Each map belongs to one filter of the size above: click a map to see its filter.`,
  t`3 × 3 filters over all maps of layer 1: they respond to larger shapes, made of those that layer 1 found.`,
  t`The same over layer 2: the shapes are larger still.`,
  t`Few positions are left, but many maps: they say a lot about what is there and little about where it is. The label is computed from these.`,
];

let engine;
let unable;
let nearest;
// The glyph whose nearest examples are shown.
let shownNear = null;
let last = null;
let rest = null;
let chosen = 0;
let filters = null;

// `explain(task, given)` asks the network in this browser and fails while it is not loaded;
// `isUnable()` tells whether it never will be. `near(pixels)` finds the nearest training
// examples, or null.
export function startInsight(explain, isUnable, near) {
  engine = explain;
  unable = isUnable;
  nearest = near;
  section.addEventListener("toggle", () => last && explainDigit(last));
}

// Another checkpoint was loaded, with other filters.
export function forgetFilters() {
  filters = null;
  shownNear = null;
  layersShown.replaceChildren();
}

// Shows how a digit was read. `drawInk(context, side, box)` draws the ink in its box.
export async function explainDigit(given) {
  last = given;
  clearTimeout(rest);
  // Nothing is computed while the panel is closed.
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
    filters ??= await engine("filters", {});
    if (last !== given) return;
    showLayers(shapes, maps);
    section.dataset.state = "shown";
    rest = setTimeout(async () => {
      const label = labels.indexOf(digit.label);
      const falls = await engine("occlusion", { pixels, label }).catch(() => null);
      if (falls && last === given) showHeat(pixels, falls);
      // The glyph is the same if the user only chose another filter.
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
  // The dot at the centre of mass.
  context.fillStyle = "#f0a35e";
  context.fillRect(Math.floor(centre[0]), Math.floor(centre[1]), 1, 1);
}

const at = (pixels, x, y) => (x < SIDE && y < SIDE ? pixels[y * SIDE + x] : 0);
const grey = (ink) => [ink, ink, ink];

// The place of the 20 × 20 box in the glyph, and the glyph's centre of mass.
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

// Shows a canvas for each layer, with its maps side by side.
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
    if (i === 0) showFilter(channels, side, own);
  });
}

const columnsOf = (channels) => Math.ceil(Math.sqrt(channels * 2));
const dark = () => matchMedia("(prefers-color-scheme: dark)").matches;
const gap = () => (dark() ? [28, 31, 40] : [255, 253, 248]);
// Black to orange to white.
const glow = (value) => [Math.min(255, value * 1.6), Math.min(255, value * 1.05), Math.max(0, value * 2 - 255)];

function figure([channels, side], i) {
  const canvas = element("canvas", { class: "maps", role: "img",
    "aria-label": t`The ${channels} feature maps of layer ${i + 1}, ${side} by ${side} positions each` });
  if (i === 0) {
    canvas.addEventListener("click", ({ offsetX, offsetY }) => {
      const columns = columnsOf(channels);
      const cell = canvas.clientWidth / columns;
      choose(Math.floor(offsetY / cell) * columns + Math.floor(offsetX / cell), channels);
    });
  }
  return element("figure", {},
    canvas,
    element("figcaption", {}, element("b", {}, t`Layer ${i + 1}: ${channels} feature maps of ${side} × ${side}`), LAYERS_EXPLAINED[i] ?? LAYERS_EXPLAINED.at(-1)));
}

function choose(map, channels) {
  chosen = ((map % channels) + channels) % channels;
  if (last) explainDigit(last);
}

byId("filter-next").addEventListener("click", () => choose(chosen + 1, filterCount));
byId("filter-before").addEventListener("click", () => choose(chosen - 1, filterCount));
let filterCount = 1;

// Shows one filter of the first layer and its map.
function showFilter(channels, side, maps) {
  filterCount = channels;
  const size = filters.length / channels;
  const width = Math.sqrt(size);
  const own = filters.subarray(chosen * size, (chosen + 1) * size);
  const strongest = Math.max(...own.map(Math.abs));
  paint(filterCanvas, width, width, (x, y) => {
    const value = own[y * width + x] / strongest;
    const [strong, weak] = [40 + 215 * Math.abs(value), 40];
    return value > 0 ? [strong, 0.65 * strong, weak] : [weak, 0.6 * strong, strong];
  });
  const map = maps.subarray(chosen * side * side, (chosen + 1) * side * side);
  paint(filterMap, side, side, (x, y) => glow(map[y * side + x]));
  filterName.textContent = t`Filter ${chosen + 1} of ${channels}`;
}

// Shows the ink that is evidence for the label in orange, and the ink against it in blue. `falls`
// is by how much the label's logit falls when a pixel is covered.
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
