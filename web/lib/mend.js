// Mends the lines of the tables: they are dragged or moved with the arrow keys, added and removed.

import { byId } from "./dom.js";
import * as grid from "./grid.js";
import { svg } from "./stage.js";
import { number, t } from "./words.js";

const layer = byId("lines");
const paper = byId("paper");
const tools = byId("mending");
const toggle = byId("mend");
const draw = byId("mend-table");
const counts = { rows: byId("mend-rows"), columns: byId("mend-columns") };

// The arrow keys move a line this far, in pixels of the picture; ten times as far with Shift.
const STEP = 1;

let sheet = null;
// The lines of each table while they are mended, or null.
let tables = null;
// What is in hand: { table, axis, i } for a line, { table, corner } for a corner.
let chosen = null;
let callbacks;

// `read(tables)` has the sheet read with these lines, or with those that the server finds if it is
// given null.
export function startMending(given) {
  callbacks = given;
  toggle.addEventListener("click", () => (tables ? stopMending() : begin()));
  byId("mend-read").addEventListener("click", () => finish(tables));
  byId("mend-find").addEventListener("click", () => finish(null));
  byId("mend-row").addEventListener("click", () => add("rows"));
  byId("mend-column").addEventListener("click", () => add("columns"));
  byId("mend-remove").addEventListener("click", remove);
  byId("mend-drop").addEventListener("click", drop);
  draw.addEventListener("click", ({ detail }) => (detail === 0 ? addTable(middle()) : setDrawing(!isDrawing())));
  for (const [axis, field] of Object.entries(counts)) {
    field.addEventListener("change", () => divide(axis, field));
  }
  layer.addEventListener("pointerdown", onPointer);
  layer.addEventListener("keydown", onKey);
  layer.addEventListener("focusin", ({ target }) => choose(handleOf(target)));
  layer.addEventListener("dblclick", (event) => {
    const at = pointOf(event);
    const table = tables.findIndex((lines) => isInside(lines, at));
    if (table >= 0) insert(table, event.shiftKey ? "columns" : "rows", at);
  });
  new ResizeObserver(() => tables && show()).observe(paper);
}

// Whether lines are being mended.
export const isMending = () => tables !== null;

// The sheet whose lines may be mended.
export function setMended(next) {
  if (next !== sheet) stopMending();
  sheet = next;
}

function begin() {
  tables = sheet.tables.flatMap(({ lines }) => (lines ? [lines] : []));
  chosen = tables.length ? { table: 0, axis: "rows", i: 0 } : null;
  setShown(true);
  if (tables.length === 0) setDrawing(true);
}

export function stopMending() {
  if (!tables) return;
  tables = null;
  setDrawing(false);
  setShown(false);
}

function finish(lines) {
  stopMending();
  callbacks.read(lines);
}

function setShown(isShown) {
  tools.hidden = !isShown;
  toggle.setAttribute("aria-pressed", String(isShown));
  layer.toggleAttribute("hidden", !isShown);
  paper.toggleAttribute("data-mending", isShown);
  if (isShown) show();
}

// Draws the lines anew. The focus stays on the same one.
function show() {
  layer.setAttribute("viewBox", `0 0 ${sheet.size.join(" ")}`);
  const unit = sheet.size[0] / Math.max(1, layer.clientWidth);
  const hasFocus = layer.contains(document.activeElement);
  layer.replaceChildren(...tables.flatMap((lines, table) => [
    ...["rows", "columns"].flatMap((axis) => lines[axis].map((_, i) => lineNode(lines, { table, axis, i }))),
    ...lines.corners.map((corner, i) => cornerNode(corner, { table, corner: i }, unit)),
  ]));
  const node = chosen && layer.querySelector(`[data-handle='${JSON.stringify(chosen)}']`);
  node?.setAttribute("data-chosen", "");
  if (hasFocus) node?.focus({ preventScroll: true });
  const lines = tables[chosen?.table];
  for (const [axis, field] of Object.entries(counts)) {
    field.disabled = !lines;
    field.value = lines ? lines[axis].length - 1 : "";
  }
  byId("mend-read").disabled = tables.length === 0;
  byId("mend-remove").disabled = !lines || chosen.axis === undefined || lines[chosen.axis].length < 3;
  for (const id of ["mend-row", "mend-column", "mend-drop"]) byId(id).disabled = !lines;
}

function lineNode(lines, handle) {
  const { axis, i } = handle;
  const [[x1, y1], [x2, y2]] = grid.ends(lines, axis, i);
  const count = lines[axis].length;
  const name = axis === "rows" ? t`Row line ${i + 1} of ${count}` : t`Column line ${i + 1} of ${count}`;
  return svg("g", {
    class: "line", role: "slider", tabindex: 0, "aria-label": name, "aria-valuemin": 0, "aria-valuemax": 100,
    "aria-valuenow": Math.round(100 * lines[axis][i]), "aria-valuetext": number(100 * lines[axis][i], 1, "%"),
    "aria-orientation": axis === "rows" ? "vertical" : "horizontal",
    "data-axis": axis, "data-handle": JSON.stringify(handle),
  }, svg("line", { class: "reach", x1, y1, x2, y2 }), svg("line", { x1, y1, x2, y2 }));
}

function cornerNode([cx, cy], handle, unit) {
  return svg("circle", { class: "corner", cx, cy, r: 7 * unit, "data-handle": JSON.stringify(handle) });
}

function handleOf(target) {
  const text = target.closest("[data-handle]")?.dataset.handle;
  return text ? JSON.parse(text) : null;
}

function choose(handle) {
  if (!handle || JSON.stringify(handle) === JSON.stringify(chosen)) return;
  chosen = handle;
  show();
}

// Where the pointer is in the picture.
function pointOf({ clientX, clientY }) {
  const { left, top, width } = layer.getBoundingClientRect();
  const unit = sheet.size[0] / width;
  return [(clientX - left) * unit, (clientY - top) * unit];
}

function onPointer(event) {
  if (event.button !== 0) return;
  const from = pointOf(event);
  if (isDrawing()) return drag(event, () => (at) => previewTable(from, at), (at) => drawTable(from, at));
  const handle = handleOf(event.target);
  if (!handle) return;
  event.preventDefault();
  choose(handle);
  layer.querySelector("[data-chosen]")?.focus({ preventScroll: true });
  drag(event, () => moving(handle, from), () => {});
}

// Calls `move` with each place of the pointer, and `end` with its last.
function drag(down, start, end) {
  const move = start();
  layer.setPointerCapture(down.pointerId);
  const ended = new AbortController();
  const { signal } = ended;
  layer.addEventListener("pointermove", (event) => move(pointOf(event)), { signal });
  const stop = (event) => {
    ended.abort();
    if (event.type === "pointerup") end(pointOf(event));
  };
  layer.addEventListener("pointerup", stop, { signal });
  layer.addEventListener("pointercancel", stop, { signal });
}

// Moves what is in hand along with the pointer.
function moving({ table, axis, i, corner }, from) {
  const before = tables[table];
  return (at) => {
    if (corner === undefined) {
      const off = grid.shareOf(before, axis, at) - grid.shareOf(before, axis, from);
      tables[table] = grid.withLineAt(before, axis, i, before[axis][i] + off);
    } else {
      const moved = before.corners.with(corner, before.corners[corner].map((place, k) => place + at[k] - from[k]));
      if (grid.isTable(moved)) tables[table] = { ...before, corners: moved };
    }
    show();
  };
}

function onKey(event) {
  if (event.key === "Escape") {
    stopMending();
    return toggle.focus();
  }
  if (chosen?.axis === undefined) return;
  const { table, axis, i } = chosen;
  const [less, more] = axis === "rows" ? ["ArrowUp", "ArrowDown"] : ["ArrowLeft", "ArrowRight"];
  if (event.key === "Delete" || event.key === "Backspace") {
    event.preventDefault();
    remove();
  } else if (event.key === less || event.key === more) {
    event.preventDefault();
    const [from] = grid.ends(tables[table], axis, i);
    const by = STEP * (event.shiftKey ? 10 : 1) * (event.key === less ? -1 : 1);
    moving(chosen, from)(axis === "rows" ? [from[0], from[1] + by] : [from[0] + by, from[1]]);
  }
}

// Adds a line in the gap after the chosen one, or else in the widest.
function add(axis) {
  const lines = tables[chosen.table];
  const after = chosen.axis === axis ? lines[axis].slice(chosen.i, chosen.i + 2) : [];
  place(chosen.table, axis, after.length === 2 ? (after[0] + after[1]) / 2 : undefined);
}

const insert = (table, axis, at) => place(table, axis, grid.shareOf(tables[table], axis, at));

function place(table, axis, share) {
  const before = tables[table];
  tables[table] = grid.withLine(before, axis, share);
  const i = tables[table][axis].findIndex((value, at) => value !== before[axis][at]);
  if (i >= 0) chosen = { table, axis, i };
  show();
  layer.querySelector("[data-chosen]")?.focus({ preventScroll: true });
}

function remove() {
  const { table, axis, i } = chosen;
  tables[table] = grid.withoutLine(tables[table], axis, i);
  chosen = { table, axis, i: Math.min(i, tables[table][axis].length - 1) };
  show();
}

function drop() {
  tables.splice(chosen.table, 1);
  chosen = tables.length ? { table: 0, axis: "rows", i: 0 } : null;
  show();
}

// Divides the table evenly.
function divide(axis, field) {
  if (!field.checkValidity() || !field.value) return;
  const { corners, ...before } = tables[chosen.table];
  const even = grid.even(corners, Number(counts.rows.value), Number(counts.columns.value));
  tables[chosen.table] = { corners, ...before, merged: [], [axis]: even[axis] };
  chosen = { table: chosen.table, axis, i: 0 };
  show();
}

const isDrawing = () => draw.getAttribute("aria-pressed") === "true";

function setDrawing(is) {
  draw.setAttribute("aria-pressed", String(is));
  layer.toggleAttribute("data-drawing", is);
}

// A table from one corner to the opposite one.
function rectangle([x, y], [u, v]) {
  const [left, right, top, bottom] = [Math.min(x, u), Math.max(x, u), Math.min(y, v), Math.max(y, v)];
  return [[left, top], [right, top], [right, bottom], [left, bottom]];
}

function middle() {
  const [width, height] = sheet.size;
  return rectangle([0.1 * width, 0.1 * height], [0.9 * width, 0.9 * height]);
}

function previewTable(from, at) {
  layer.querySelector(".preview")?.remove();
  layer.append(svg("polygon", { class: "preview", points: rectangle(from, at).join(" ") }));
}

function drawTable(from, at) {
  layer.querySelector(".preview")?.remove();
  const corners = rectangle(from, at);
  if (grid.isTable(corners)) addTable(corners);
}

function addTable(corners) {
  setDrawing(false);
  tables.push(grid.even(corners, 1, 1));
  chosen = { table: tables.length - 1, axis: "rows", i: 0 };
  show();
  counts.rows.focus();
  counts.rows.select();
}

function isInside(lines, point) {
  const [u, v] = grid.plane(lines.corners).from(point);
  return u > 0 && u < 1 && v > 0 && v < 1;
}
