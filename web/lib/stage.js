// The picture of a sheet with its cells drawn on it: each in the colour of its verdict, with what was
// read in its corner.

import { byId } from "./dom.js";
import { drawUpright } from "./sheet.js";

const stage = byId("stage");
const paper = byId("paper");
const picture = byId("paper-picture");
const layer = byId("cells");
const SVG = "http://www.w3.org/2000/svg";

// A text is at most this high, as a share of the picture's width.
const LARGEST = 0.022;
// How much larger than the stage the picture may be shown.
const ZOOMS = [1, 1.5, 2, 3, 4, 6];

let sheet = null;
let nodes = new Map();
let zoom = 0;
// From pixels of the upright picture to those of the canvas.
let scale = 1;
// Counts the pictures, so that one that arrives late is not shown.
let shown = 0;

// `open(cell)` is called when a cell is clicked.
export function startStage(open) {
  layer.addEventListener("click", ({ target }) => {
    const cell = sheet?.cells[target.closest(".cell")?.dataset.i];
    if (cell) open(cell);
  });
  byId("zoom-in").addEventListener("click", () => zoomTo(zoom + 1));
  byId("zoom-out").addEventListener("click", () => zoomTo(zoom - 1));
  byId("show-texts").addEventListener("change", ({ target }) => paper.toggleAttribute("data-bare", !target.checked));
}

// Shows a sheet's picture, and its cells if it was read; resolves when the picture is there.
export async function showPicture(next) {
  const isOther = next !== sheet;
  sheet = next;
  const ask = ++shown;
  if (isOther) {
    zoomTo(0);
    // Its cells are not those of the picture before.
    [picture.width, picture.height] = [1, 1];
  }
  showCells();
  const drawn = document.createElement("canvas");
  const by = await drawUpright(drawn, next.file, next.orientation).catch(() => null);
  if (ask !== shown || by === null) return;
  scale = by;
  [picture.width, picture.height] = [drawn.width, drawn.height];
  picture.getContext("2d").drawImage(drawn, 0, 0);
  paper.style.aspectRatio = `${drawn.width} / ${drawn.height}`;
}

function showCells() {
  nodes = new Map(sheet.cells.map((cell) => [cell, cellNode(cell)]));
  if (sheet.size) layer.setAttribute("viewBox", `0 0 ${sheet.size.join(" ")}`);
  layer.replaceChildren(...nodes.values());
}

export function svg(name, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

function cellNode(cell) {
  const [x, y, width, height] = cell.box;
  const node = svg("g", { class: "cell", "data-i": cell.i }, svg("rect", { x, y, width, height }), svg("text"));
  paint(node, cell);
  return node;
}

// The verdict of a cell, or that the user has checked it, or that it is not read.
export const stateOf = ({ verdict, isChecked, isHeading }) => (isChecked ? "checked" : isHeading ? "heading" : verdict);

function paint(node, { box: [x, y, width, height], text, ...cell }) {
  node.dataset.state = stateOf(cell);
  const size = Math.min(0.42 * height, (1.4 * width) / Math.max(text.length, 1), LARGEST * sheet.size[0]);
  const label = node.querySelector("text");
  label.textContent = text || (node.dataset.state === "not_a_digit" ? "?" : "");
  Object.entries({ x: x + width - 0.15 * size, y: y + height - 0.18 * size, "font-size": size })
    .forEach(([key, value]) => label.setAttribute(key, value));
}

// Shows a cell as it is now.
export function repaint(cell) {
  const node = nodes.get(cell);
  if (node) paint(node, cell);
}

// Marks a cell, or none, and brings it into view.
export function mark(cell) {
  layer.querySelector("[data-current]")?.removeAttribute("data-current");
  const node = nodes.get(cell);
  if (!node) return;
  node.setAttribute("data-current", "");
  // On top of its neighbours.
  layer.append(node);
  const [box, view] = [node.getBoundingClientRect(), stage.getBoundingClientRect()];
  const beyond = (from, to, first, last) => (from < first || to > last ? (from + to - first - last) / 2 : 0);
  stage.scrollBy(
    beyond(box.left, box.right, view.left, view.right),
    beyond(box.top, box.bottom, view.top, view.bottom),
  );
}

function zoomTo(next) {
  const before = ZOOMS[zoom];
  const middle = [stage.scrollLeft + stage.clientWidth / 2, stage.scrollTop + stage.clientHeight / 2];
  zoom = Math.max(0, Math.min(ZOOMS.length - 1, next));
  byId("zoom-in").disabled = zoom === ZOOMS.length - 1;
  byId("zoom-out").disabled = zoom === 0;
  paper.style.width = `${100 * ZOOMS[zoom]}%`;
  const [x, y] = middle.map((at) => (at * ZOOMS[zoom]) / before);
  stage.scrollTo(x - stage.clientWidth / 2, y - stage.clientHeight / 2);
}

// Draws a cell, with some of what is around it, as large as the canvas allows.
export function drawCell(canvas, { box: [x, y, width, height] }) {
  const room = 0.35 * height;
  const ratio = devicePixelRatio;
  const { clientWidth, clientHeight } = canvas;
  const by = Math.min(clientWidth / (width + 2 * room), clientHeight / (height + 2 * room));
  [canvas.width, canvas.height] = [clientWidth * ratio, clientHeight * ratio];
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.scale(ratio, ratio);
  // What of the picture the canvas shows, with the cell in its middle.
  const [across, down] = [clientWidth / by, clientHeight / by];
  const [left, top] = [x + (width - across) / 2, y + (height - down) / 2];
  context.drawImage(picture, left * scale, top * scale, across * scale, down * scale, 0, 0, clientWidth, clientHeight);
  // Around the cell, it is paler.
  context.fillStyle = getComputedStyle(canvas).backgroundColor;
  context.globalAlpha = 0.6;
  const inner = [(x - left) * by, (y - top) * by, width * by, height * by];
  const around = new Path2D();
  around.rect(0, 0, clientWidth, clientHeight);
  around.rect(...inner);
  context.fill(around, "evenodd");
  context.globalAlpha = 1;
  context.strokeStyle = getComputedStyle(canvas).color;
  context.lineWidth = 2;
  context.strokeRect(...inner);
}
