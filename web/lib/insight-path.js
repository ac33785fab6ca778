// The strongest path from the ink to the answer, layer by layer, and the sum that ends it.

import "./insight-page.js";
import { byId, element } from "./dom.js";
import { boxOf, clipped, drawOver, overlay, paintInk, paintMap, patchOf, strongest } from "./insight-paint.js";
import { number, t } from "./words.js";

// How many of the last layer's maps, and of the labels, have a line of their own.
const MAPS = 6;
const LABELS = 10;

const list = byId("path");
const sums = byId("path-sum");
let choose;
let steps = [];
let built = null;

// `chosen(layer, map, place)` is called when a map of the path is clicked.
export function startPath(chosen) {
  choose = chosen;
}

// Shows the path to a label: { shapes, maps, pixels, path, contributions, labels, label }.
export function showPath(now) {
  const { shapes, path, labels, label } = now;
  if (built !== shapes) build(shapes);
  path.forEach((step, i) => showStep(now, step, path[i + 1] ?? { channel: label, place: 0 }, i));
  if (path.length) byId("path-text").textContent = t`The label with the largest sum is the answer, ${labels[label]}: softmax turns the sums into probabilities.`;
  showLogits(now);
  showSum(now);
}

function build(shapes) {
  built = shapes;
  steps = shapes.map(({ from }, i) => {
    const canvas = element("canvas");
    const lights = overlay({ class: "lights", viewBox: `0 0 ${from} ${from}`, "aria-hidden": "true" }, "dark", "pixel", "patch");
    const [title, name, adds] = [element("b"), element("span"), element("span")];
    const step = { canvas, lights, title, name, adds, at: null };
    const inside = [element("span", { class: "touch" }, canvas, lights), title, name, adds];
    step.node = i === 0 ? element("div", { class: "step" }, ...inside)
      : element("button", { type: "button", class: "step", onclick: () => choose(i - 1, step.at.channel, step.at.place, true) }, ...inside);
    return step;
  });
  const logits = element("li", { class: "ends" }, element("ol", { id: "logits", class: "logits" }));
  list.replaceChildren(...steps.map(({ node }) => element("li", {}, node)), logits);
}

// One map of the path: the pixel on it, and the patch that the next pixel looks at.
function showStep({ shapes, maps, pixels }, step, next, i) {
  const { canvas, lights, title, name, adds } = steps[i];
  const { side, values } = maps[i];
  steps[i].at = step;
  const own = values.subarray(step.channel * side * side, (step.channel + 1) * side * side);
  if (i === 0) paintInk(canvas, pixels);
  else paintMap(canvas, side, own, strongest(values));
  const to = shapes[i].to;
  const [x, y] = [next.place % to, Math.floor(next.place / to)];
  const patch = clipped(patchOf(shapes[i], { left: x, top: y, right: x + 1, bottom: y + 1 }), side);
  const isPart = patch.right - patch.left < side;
  const around = isPart ? boxOf(patch.left, patch.top, patch.right - patch.left, patch.bottom - patch.top) : "";
  const pixel = boxOf(step.place % side, Math.floor(step.place / side), 1, 1);
  drawOver(lights, "dark", around + pixel);
  drawOver(lights, "pixel", around);
  drawOver(lights, "patch", pixel);
  title.textContent = i === 0 ? t`Your ink` : t`Layer ${i}`;
  name.textContent = i === 0 ? "" : side === 1 ? t`unit ${step.channel + 1}` : t`map ${step.channel + 1}`;
  adds.textContent = t`adds ${signed(step.of_map)}`;
}

const signed = (value) => `${value < 0 ? "−" : "+"}${number(Math.abs(value), 2)}`;

// The logits as bars: of the strongest labels, if there are many.
function showLogits({ maps, labels, label }) {
  const logits = [...maps.at(-1).values];
  const order = logits.map((_, i) => i);
  const shown = order.length <= LABELS ? order : order.sort((a, b) => logits[b] - logits[a]).slice(0, LABELS);
  const most = strongest(logits);
  const bars = byId("logits");
  bars.setAttribute("aria-label", t`The sum (logit) of each label`);
  while (bars.childElementCount > shown.length) bars.lastChild.remove();
  shown.forEach((i, row) => {
    const item = bars.children[row] ?? bars.appendChild(element("li", {}, element("span", { class: "name" }),
      element("span", { class: "track" }, element("span", { class: "fill" })), element("span", { class: "value" })));
    const [name, track, value] = item.children;
    name.textContent = labels[i];
    item.classList.toggle("best", i === label);
    item.classList.toggle("negative", logits[i] < 0);
    track.firstChild.style.transform = `scaleX(${Math.abs(logits[i]) / most})`;
    value.textContent = signed(logits[i]);
  });
}

// What each map of the last layer adds to the answer's logit; those that add most, and the others
// together.
function showSum({ maps, contributions, label, labels, shapes }) {
  const { inputs, from } = shapes.at(-1);
  const row = contributions.subarray(label * (inputs + 1), (label + 1) * (inputs + 1));
  const order = Array.from({ length: inputs }, (_, map) => map).sort((a, b) => Math.abs(row[b]) - Math.abs(row[a]));
  const shown = order.slice(0, shapes.length === 1 ? 0 : MAPS);
  const rest = order.slice(shown.length).reduce((sum, map) => sum + row[map], 0);
  const logit = maps.at(-1).values[label];
  const name = (map) => (from === 1 ? t`unit ${map + 1}` : t`map ${map + 1}`);
  const lines = shown.map((map) => [name(map), row[map]]);
  if (order.length > shown.length) lines.push([shapes.length === 1 ? t`the picture` : t`the other ${order.length - shown.length}`, rest]);
  lines.push([t`bias`, row[inputs]]);
  const most = Math.max(...lines.map(([, value]) => Math.abs(value)), 1e-9);
  byId("path-sum-title").textContent = t`How ${labels[label]} got its sum`;
  // The lines stay the same elements, so that nothing jumps while the pen moves.
  while (sums.childElementCount > lines.length + 1) sums.lastChild.remove();
  [...lines, [t`sum (logit)`, logit]].forEach(([text, value], i) => {
    const item = sums.children[i] ?? sums.appendChild(element("li", {}, element("span", { class: "name" }),
      element("span", { class: "track" }, element("span", { class: "fill" })), element("span", { class: "value" })));
    const [title, track, shownValue] = item.children;
    const isTotal = i === lines.length;
    item.classList.toggle("total", isTotal);
    item.classList.toggle("negative", value < 0);
    title.textContent = text;
    track.firstChild.style.transform = `scaleX(${isTotal ? 0 : Math.abs(value) / most})`;
    shownValue.textContent = signed(value);
    item.dataset.value = value;
  });
}

