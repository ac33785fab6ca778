// The maps of each layer, to be touched: the patch that a map's pixel looked at lights up in the maps
// before it and on the drawing, and the multiplication that made the pixel is shown.

import "./insight-page.js";
import { PEN } from "./drawing.js";
import { byId, element } from "./dom.js";
import { scale as padScale } from "./boxes.js";
import {
  SIDE, bounds, boxOf, clipped, drawOver, layout, overlay, paintInk, paintMaps, paintSigned, patchOf, strongest,
} from "./insight-paint.js";
import { number, t } from "./words.js";

// While somebody points, the numbers follow at most every so many ms: nobody reads faster, and the lights
// follow every frame instead.
const PACE = 90;
// Larger kernels are shown without numbers: those of linear layers.
const MAX_NUMBERS = 7;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

// What the panel shows now: { shapes, maps, pixels, silenced, path, box, isDrawn }.
let now;
let ask;
let silence;
// The pixel that is looked at: { layer, map, x, y }. Until one is chosen, it follows the path.
let point = null;
let isChosen = false;
// Whether the drawing shows its patch: once somebody points, until the drawing changes.
let isPointing = false;
// Whether its numbers are shown, and which map of the layer before they are of; null for the
// strongest.
let isOpen = false;
let chosenInput = null;
let product = null;
let asking = false;
let askAgain = false;
let lightsDue = false;
let isProductDue = false;
let timer = null;
let askedAt = -Infinity;
let glyph;

const figures = byId("layers");
// The patch on the drawing.
const spot = overlay({ class: "insight-spot", "aria-hidden": "true" }, "spot");
// How glyph pixels map to the pad, for the glyph shown; null until it is needed.
let onPad = null;

// `inside(name, …args)` asks the network; `toggle(layer, map)` silences a map, or wakes it.
export function startMaps(inside, toggle) {
  ask = inside;
  silence = toggle;
  byId("pad").append(spot);
  new ResizeObserver(() => {
    onPad = null;
    lightLater();
  }).observe(byId("pad"));
  byId("input-before").addEventListener("click", () => stepInput(-1));
  byId("input-next").addEventListener("click", () => stepInput(1));
  byId("silence").addEventListener("click", () => silence(point.layer, point.map));
  byId("open-sum").addEventListener("click", () => open(!isOpen));
  glyph = overlay({ class: "lights", viewBox: `0 0 ${SIDE} ${SIDE}`, "aria-hidden": "true" }, "dimmed", "dark", "pixel");
  byId("look-glyph").after(glyph);
}

// Shows the maps of a glyph.
export function showMaps(next) {
  const isOther = now?.shapes !== next.shapes;
  now = next;
  onPad = null;
  const hidden = now.shapes.slice(0, -1);
  if (isOther) {
    figures.replaceChildren(...hidden.map(figureOf));
    point = null;
    isChosen = false;
  }
  hidden.forEach((_, layer) => paintMaps(figures.children[layer].querySelector(".maps"), now.maps[layer + 1]));
  paintInk(byId("look-glyph"), now.pixels);
  if (!isChosen) follow();
  refresh();
}

// Looks at the path's pixel in the first layer.
function follow() {
  if (now.shapes.length < 2) return lookAt(null);
  const [, { channel, place }] = now.path.length > 1 ? now.path : [0, { channel: 0, place: 0 }];
  const side = now.shapes[0].to;
  point = { layer: 0, map: channel, x: place % side, y: Math.floor(place / side) };
}

// Looks at a place of a map, as somebody chose.
export function choose(layer, map, place, scroll = false) {
  if (layer < 0 || layer >= now.shapes.length - 1) return;
  const side = now.shapes[layer].to;
  lookAt({ layer, map, x: place % side, y: Math.floor(place / side) });
  if (scroll) byId("look").scrollIntoView({ block: "nearest", behavior: calm() ? "auto" : "smooth" });
}

// The drawing has changed, or nobody sees it.
export function hideSpot() {
  isPointing = false;
  drawOver(spot, "spot", "");
}

const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

function figureOf(shape, layer) {
  const { outputs: channels, to: side } = shape;
  const maps = element("canvas", { class: "maps" });
  const { width, height } = layout({ channels, side });
  const lights = overlay({
    class: "lights", viewBox: `0 0 ${width} ${height}`, tabindex: "0", role: "application",
    "aria-label": side === 1
      ? t`The ${channels} units of layer ${layer + 1}. Arrow keys choose one, Enter shows its sum`
      : t`The ${channels} feature maps of layer ${layer + 1}, ${side} by ${side} positions each. Arrow keys move to a position, Page Up and Page Down to another map, Enter shows the multiplication`,
  }, "patches", "dark", "patch", "pixel", "crosses");
  const under = (event) => pointAt(layer, lights, event);
  lights.addEventListener("pointermove", (event) => lookAt(under(event)));
  lights.addEventListener("pointerdown", (event) => lookAt(under(event)));
  lights.addEventListener("click", () => open(true));
  lights.addEventListener("focus", () => {
    if (point?.layer !== layer) lookAt({ layer, map: 0, x: Math.floor(side / 2), y: Math.floor(side / 2) });
  });
  lights.addEventListener("keydown", (event) => key(layer, event));
  const title = side === 1 ? t`Layer ${layer + 1}: ${channels} units` : t`Layer ${layer + 1}: ${channels} feature maps of ${side} × ${side}`;
  return element("figure", {},
    element("div", { class: "touch" }, maps, lights),
    element("figcaption", {}, element("b", {}, title), explained(shape, layer)));
}

// What a layer does, for people who see one for the first time.
function explained({ kernel, stride, from, to, inputs }, layer) {
  if (to === 1) return t`Each unit adds up all ${inputs * from * from} numbers before it, each times a weight of its own.`;
  const steps = stride === 1
    ? t`The filter moves one pixel at a time.`
    : t`The filter moves ${stride} pixels at a time, so the maps are smaller: there is no pooling.`;
  const what = layer === 0
    ? t`Each map belongs to one filter of ${kernel} × ${kernel} weights, which looks for a shape in the picture.`
    : t`Filters of ${kernel} × ${kernel} weights over all ${inputs} maps of layer ${layer}: shapes made of its shapes.`;
  return `${what} ${steps}`;
}

// The pixel of a map under the pointer; null between the maps.
function pointAt(layer, lights, { clientX, clientY }) {
  const box = lights.getBoundingClientRect();
  const maps = now.maps[layer + 1];
  const { columns, scale, cell, width, height } = layout(maps);
  const [x, y] = [((clientX - box.left) / box.width) * width, ((clientY - box.top) / box.height) * height].map(Math.floor);
  const map = Math.floor(y / cell) * columns + Math.floor(x / cell);
  const [u, v] = [Math.floor((x % cell) / scale), Math.floor((y % cell) / scale)];
  return map < maps.channels && u < maps.side && v < maps.side && u >= 0 && v >= 0 ? { layer, map, x: u, y: v } : null;
}

function key(layer, event) {
  const { side, channels } = now.maps[layer + 1];
  const { columns } = layout(now.maps[layer + 1]);
  let { map, x, y } = point;
  if (ARROWS[event.key]) {
    const [dx, dy] = ARROWS[event.key];
    [x, y] = [x + dx, y + dy];
    // Over the edge is the next map.
    if (x < 0 || x >= side) [map, x] = [map + dx, (x + side) % side];
    if (y < 0 || y >= side) [map, y] = [map + dy * columns, (y + side) % side];
    if (map < 0 || map >= channels) ({ map, x, y } = point);
  } else if (event.key === "PageDown" || event.key === "PageUp") {
    map = (map + (event.key === "PageDown" ? 1 : channels - 1)) % channels;
  } else if (event.key === "Enter" || event.key === " ") {
    event.preventDefault();
    return open(!isOpen);
  } else {
    return;
  }
  event.preventDefault();
  lookAt({ layer, map, x, y }, true);
}

let aloud = false;

function lookAt(next, byKey = false) {
  if (!next || (point && isChosen && ["layer", "map", "x", "y"].every((part) => point[part] === next[part]))) return;
  if (next.layer !== point?.layer) chosenInput = null;
  point = next;
  isChosen = isPointing = true;
  aloud = byKey;
  refresh();
}

function open(isNow) {
  isOpen = isNow;
  isChosen = true;
  byId("open-sum").setAttribute("aria-expanded", String(isOpen));
  showProduct();
}

function stepInput(by) {
  if (!product) return;
  const { inputs } = now.shapes[point.layer];
  chosenInput = (product.input + by + inputs) % inputs;
  showProduct();
}

// Lights up the pixel's patch, and asks how the pixel came about.
function refresh() {
  lightLater();
  if (!point || timer !== null) return;
  timer = setTimeout(() => {
    timer = null;
    askNow();
  }, Math.max(0, askedAt + PACE - performance.now()));
}

// For the newest pixel and picture only.
async function askNow() {
  askAgain = asking;
  if (asking) return;
  asking = true;
  do {
    askAgain = false;
    askedAt = performance.now();
    const { layer, map, x, y } = point;
    const shape = now.shapes[layer];
    const found = await ask("product", layer, map, y * shape.to + x).catch(() => []);
    if (found.length && now.shapes[layer] === shape) product = productOf(found, shape);
  } while (askAgain);
  asking = false;
  isProductDue = true;
  lightLater();
}

// A product's window and weights, and what each map of the layer before adds.
function productOf(found, { inputs, kernel }) {
  const size = inputs * kernel * kernel;
  const [bias, values, weights] = [found[0], found.subarray(1, 1 + size), found.subarray(1 + size)];
  const window = kernel * kernel;
  const sums = Array.from({ length: inputs }, (_, map) => {
    let sum = 0;
    for (let i = map * window; i < (map + 1) * window; i++) sum += values[i] * weights[i];
    return sum;
  });
  return { bias, values, weights, sums, input: 0 };
}

function showProduct() {
  if (!product || !point) return;
  const shape = now.shapes[point.layer];
  const { sums, bias } = product;
  if (sums.length !== shape.inputs) return;
  const most = sums.reduce((best, sum, i) => (Math.abs(sum) > Math.abs(sums[best]) ? i : best), 0);
  product.input = Math.min(chosenInput ?? most, sums.length - 1);
  const { input } = product;
  const { kernel, inputs, to } = shape;
  const window = kernel * kernel;
  const part = (all) => all.subarray(input * window, (input + 1) * window);
  const [values, weights] = [part(product.values), part(product.weights)];
  const terms = values.map((value, i) => value * weights[i]);
  // All patches on one scale, or a faint one would look bright.
  const scale = point.layer === 0 ? strongest(now.maps[0].values) : strongest(now.maps[point.layer].values);
  paintSigned(byId("sum-patch"), kernel, values, scale);
  paintSigned(byId("sum-kernel"), kernel, weights);
  paintSigned(byId("sum-terms"), kernel, terms);
  const hasNumbers = isOpen && kernel <= MAX_NUMBERS;
  byId("look").toggleAttribute("data-open", hasNumbers);
  for (const [id, own, most] of [["patch", values, scale], ["kernel", weights], ["terms", terms]]) {
    byId(`numbers-${id}`).replaceChildren(...(hasNumbers ? rowsOf(own, kernel, most) : []));
  }
  const sum = sums.reduce((all, one) => all + one, bias);
  const isSilent = now.silenced.some(([layer, map]) => layer === point.layer && map === point.map);
  const value = now.maps[point.layer + 1].values[point.map * to * to + point.y * to + point.x];
  const name = to === 1 ? t`Layer ${point.layer + 1}, unit ${point.map + 1}`
    : t`Layer ${point.layer + 1}, map ${point.map + 1} of ${shape.outputs}, column ${point.x + 1}, row ${point.y + 1}`;
  write("look-name", name);
  const others = sum - bias - sums[input];
  const from = inputs === 1 ? t`patch × kernel` : point.layer === 0 ? t`the picture` : mapName(point.layer - 1, input);
  const end = isSilent ? t`→ 0: this map is silenced` : sum < 0 ? t`→ 0: negative sums become 0 (ReLU)` : t`→ ${decimal(value)} in the map`;
  const isOne = inputs === 1;
  writeTerm(0, decimal(sums[input]), from);
  writeTerm(1, withSign(others), isOne ? "" : t`the other ${inputs - 1}`);
  writeTerm(2, withSign(bias), t`bias`);
  writeTerm(3, `= ${decimal(sum)}`, "");
  byId("look-sum").children[1].hidden = isOne;
  write("look-end", end);
  byId("look").dataset.value = value;
  byId("look").dataset.sum = sum;
  byId("input-step").hidden = inputs === 1;
  write("input-name", t`Map ${input + 1} of ${inputs}`);
  write("silence", isSilent ? t`Let it speak again` : to === 1 ? t`Silence this unit` : t`Silence this map`);
  byId("open-sum").hidden = kernel > MAX_NUMBERS;
  write("open-sum", hasNumbers ? t`Hide the numbers` : t`Show the numbers`);
  if (aloud) write("look-aloud", `${name}: ${decimal(value)}`);
  aloud = false;
}

export const mapName = (layer, map) => now.shapes[layer].to === 1 ? t`unit ${map + 1}` : t`map ${map + 1}`;

// Two decimals; what rounds to 0 has no sign.
const decimal = (value) => number(Math.abs(value) < 0.005 ? 0 : value, 2).replace("-", "−");

const withSign = (value) => `${decimal(value).startsWith("−") ? "−" : "+"} ${decimal(Math.abs(value))}`;

// One number of the sum and what it is. The elements stay, so that pointing costs little.
function writeTerm(i, value, name) {
  const [shown, named] = byId("look-sum").children[i].children;
  if (shown.textContent !== value) shown.textContent = value;
  if (named.textContent !== name) named.textContent = name;
}

function write(id, text) {
  if (byId(id).textContent !== text) byId(id).textContent = text;
}

// The rows of a table of numbers.
function rowsOf(values, side, most = strongest(values)) {
  return Array.from({ length: side }, (_, y) => element("tr", {}, ...Array.from({ length: side }, (_, x) => {
    const value = values[y * side + x];
    const cell = element("td", {}, decimal(value));
    const share = Math.min(1, Math.abs(value) / most);
    cell.style.background = `color-mix(in srgb, ${value < 0 ? "var(--against)" : "var(--for)"} ${Math.round(45 * share)}%, var(--sheet))`;
    return cell;
  })));
}

// Redraws the lights before the next frame.
function lightLater() {
  if (lightsDue) return;
  lightsDue = true;
  requestAnimationFrame(() => {
    lightsDue = false;
    if (isProductDue) showProduct();
    isProductDue = false;
    light();
  });
}

function light() {
  if (!now) return;
  const fields = fieldsOf();
  [...figures.children].forEach((figure, layer) => {
    const lights = figure.querySelector(".lights");
    const maps = now.maps[layer + 1];
    const { columns, cell, scale } = layout(maps);
    const at = (map, { left, top, right, bottom }) => boxOf(
      (map % columns) * cell + left * scale, Math.floor(map / columns) * cell + top * scale, (right - left) * scale, (bottom - top) * scale);
    const field = point && layer <= point.layer ? clipped(fields[layer + 1], maps.side) : null;
    const isOwn = point?.layer === layer;
    // In the layer before, each map has a patch, and the numbers shown are of one.
    const isBefore = point?.layer === layer + 1;
    const pixel = isOwn ? at(point.map, field) : "";
    const patch = isBefore && product?.sums.length === maps.channels ? at(product.input, field) : "";
    drawOver(lights, "patches", isBefore ? Array.from({ length: maps.channels }, (_, map) => at(map, field)).join("") : "");
    drawOver(lights, "dark", pixel + patch);
    drawOver(lights, "patch", patch);
    drawOver(lights, "pixel", pixel);
    drawOver(lights, "crosses", now.silenced.filter(([silent]) => silent === layer).map(([, map]) => {
      const [x, y, side] = [(map % columns) * cell, Math.floor(map / columns) * cell, maps.side * scale];
      return `M${x} ${y}l${side} ${side}m0 ${-side}l${-side} ${side}`;
    }).join(""));
  });
  lightGlyph(point ? clipped(fields[0], SIDE) : null);
}

// What each layer's maps contribute to the pixel, from the glyph on.
function fieldsOf() {
  if (!point) return [];
  const fields = [];
  let field = { left: point.x, top: point.y, right: point.x + 1, bottom: point.y + 1 };
  fields[point.layer + 1] = field;
  for (let layer = point.layer; layer >= 0; layer--) fields[layer] = field = patchOf(now.shapes[layer], field);
  return fields;
}

// Lights up the patch on the glyph, and on the drawing.
function lightGlyph(field) {
  const patch = field ? boxOf(field.left, field.top, field.right - field.left, field.bottom - field.top) : "";
  drawOver(glyph, "dimmed", patch && boxOf(0, 0, SIDE, SIDE) + patch);
  drawOver(glyph, "dark", patch);
  drawOver(glyph, "pixel", patch);
  lightDrawing(field);
}

// The drawing's ink fills its box, and the glyph's ink the box around it.
function lightDrawing(field) {
  if (!field || !now.box || !isPointing) return drawOver(spot, "spot", "");
  onPad ??= mapping();
  const [[x1, y1], [x2, y2]] = [onPad(field.left, field.top), onPad(field.right, field.bottom)];
  drawOver(spot, "spot", boxOf(x1, y1, x2 - x1, y2 - y1));
}

function mapping() {
  const { unit, left, top } = padScale();
  const pen = (PEN * byId("pad").clientHeight) / 2;
  const ink = bounds(now.pixels);
  const [x, y, width, height] = now.box.map((part, i) => part * unit + (i < 2 ? [left, top][i] - pen : 2 * pen));
  const along = (value, from, to, start, length) => Math.round(10 * (start + ((value - from) / (to - from || 1)) * length)) / 10;
  return (u, v) => [along(u, ink.left, ink.right, x, width), along(v, ink.top, ink.bottom, y, height)];
}
