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
// Lines that are nearer than this are meant to be one, in pixels of the screen; but no more than this
// share of the usual distance.
const NEAR = 8;
const NEAR_SHARE = 1 / 4;

let sheet = null;
// What the sheet keeps of its mending, with the lines of each table; null while nothing is mended.
let draft = null;
// What is in hand: { table, axis, i } for a line, { table, corner } for a corner.
let chosen = null;
let callbacks;

// `begun()` is called when lines are about to be mended, `changed()` when some were or it is over, and
// `read(tables)` has the sheet read with these lines, or with those that the server finds if it is given
// null.
export function startMending(given) {
  callbacks = given;
  toggle.addEventListener("click", () => (draft ? stopMending() : mendLines()));
  byId("mend-read").addEventListener("click", () => {
    if (Object.values(counts).every((field) => field.reportValidity())) readMended();
  });
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
  layer.addEventListener("click", ({ target }) => choose(handleOf(target)));
  layer.addEventListener("dblclick", (event) => {
    const at = pointOf(event);
    const table = draft.tables.findIndex((lines) => isInside(lines, at));
    if (table >= 0) insert(table, event.shiftKey ? "columns" : "rows", at);
  });
  new ResizeObserver(() => draft && show()).observe(paper);
}

// Whether lines are being mended.
export const isMending = () => draft !== null;

// The sheet whose lines may be mended. It may have been read again meanwhile.
export function setMended(next) {
  const isMended = draft !== null && next === sheet;
  stopMending();
  sheet = next;
  if (isMended) mendLines();
}

// Lets the user mend the lines of the sheet, or go on with that.
export function mendLines() {
  callbacks.begun();
  draft = sheet.draft ??= { tables: sheet.tables.flatMap(({ lines }) => lines ?? []), before: [] };
  if (!holds(chosen)) chosen = firstOf(draft.tables);
  setShown(true);
  if (draft.tables.length === 0) setDrawing(true);
  callbacks.changed();
}

// What was mended stays with its sheet.
export function stopMending() {
  if (!draft) return;
  if (draft.before.length === 0) sheet.draft = null;
  draft = null;
  setDrawing(false);
  setShown(false);
  callbacks.changed();
}

// Has the sheet read with the lines as they are.
export const readMended = () => finish(draft.tables);

function finish(lines) {
  stopMending();
  callbacks.read(lines);
}

const firstOf = (tables) => (tables.length ? { table: 0, axis: "rows", i: 0 } : null);

// Whether there still is what was in hand.
function holds(handle) {
  const lines = draft.tables[handle?.table];
  return Boolean(lines) && (handle.axis === undefined || handle.i < lines[handle.axis].length);
}

export const canUndoLines = () => draft?.before.length > 0;

// Takes the last change of the lines back.
export function undoLines() {
  const { tables, chosen: was } = draft.before.pop();
  draft.tables = tables;
  chosen = was;
  show();
  callbacks.changed();
}

// Changes the lines of a table; that may be part of the step before, as the places of a drag are.
function change(table, lines, isSameStep = false) {
  changeAll(draft.tables.with(table, lines), isSameStep);
}

function changeAll(tables, isSameStep = false) {
  if (!isSameStep) draft.before.push({ tables: draft.tables, chosen });
  draft.tables = tables;
  callbacks.changed();
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
  const { tables } = draft;
  if (!holds(chosen)) chosen = firstOf(tables);
  layer.setAttribute("viewBox", `0 0 ${sheet.size.join(" ")}`);
  const unit = pixel();
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

// A pixel of the screen, in those of the picture.
const pixel = () => sheet.size[0] / Math.max(1, layer.clientWidth);

// The distance below which two lines are meant to be one, as a share.
function nearness(lines, axis) {
  const [[x, y], [u, v]] = grid.ends(lines, axis === "rows" ? "columns" : "rows", 0);
  return Math.min((NEAR * pixel()) / Math.hypot(u - x, v - y), NEAR_SHARE * grid.usualGap(lines[axis]));
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
  if (!handle || isChosen(handle)) return;
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
  // A finger may be scrolling: it drags only what a tap has chosen.
  if (event.pointerType === "touch" && !isChosen(handle)) return;
  event.preventDefault();
  choose(handle);
  layer.querySelector("[data-chosen]")?.focus({ preventScroll: true });
  const gap = gapAt(handle);
  drag(event, () => moving(handle, from), () => gapAt(handle) < gap && dropped(handle));
}

const isChosen = (handle) => JSON.stringify(handle) === JSON.stringify(chosen);

// The distance from a line to the nearest other one; corners have none.
const gapAt = ({ table, axis, i }) => (axis ? grid.gapAround(draft.tables[table][axis], i) : null);

// A line that was dropped onto its neighbour is removed.
function dropped({ table, axis, i }) {
  const lines = draft.tables[table];
  if (grid.gapAround(lines[axis], i) >= nearness(lines, axis)) return;
  change(table, grid.withoutLine(lines, axis, i), true);
  show();
}

// Calls `move` with each place of the pointer, and `end` with its last if it went anywhere.
function drag(down, start, end) {
  const move = start();
  layer.setPointerCapture(down.pointerId);
  const ended = new AbortController();
  const { signal } = ended;
  let hasMoved = false;
  layer.addEventListener("pointermove", (event) => {
    hasMoved = true;
    move(pointOf(event));
  }, { signal });
  const stop = (event) => {
    ended.abort();
    if (event.type === "pointerup" && hasMoved) end(pointOf(event));
  };
  layer.addEventListener("pointerup", stop, { signal });
  layer.addEventListener("pointercancel", stop, { signal });
}

// Moves what is in hand along with the pointer.
function moving({ table, axis, i, corner }, from) {
  const before = draft.tables[table];
  let isSameStep = false;
  return (at) => {
    if (corner === undefined) {
      const off = grid.shareOf(before, axis, at) - grid.shareOf(before, axis, from);
      change(table, grid.withLineAt(before, axis, i, before[axis][i] + off), isSameStep);
    } else {
      const corners = before.corners.with(corner, before.corners[corner].map((place, k) => place + at[k] - from[k]));
      if (!grid.isTable(corners)) return;
      change(table, { ...before, corners }, isSameStep);
    }
    isSameStep = true;
    show();
  };
}

// Moves the chosen line by pixels of the picture. A key that is held is one step.
function moveBy(by, isSameStep) {
  const { table, axis, i } = chosen;
  const lines = draft.tables[table];
  const [[x, y]] = grid.ends(lines, axis, i);
  const share = grid.shareOf(lines, axis, axis === "rows" ? [x, y + by] : [x + by, y]);
  change(table, grid.withLineAt(lines, axis, i, share, nearness(lines, axis)), isSameStep);
  show();
}

function onKey(event) {
  if (event.key === "Escape") {
    stopMending();
    return toggle.focus();
  }
  if (chosen?.axis === undefined) return;
  const [less, more] = chosen.axis === "rows" ? ["ArrowUp", "ArrowDown"] : ["ArrowLeft", "ArrowRight"];
  if (event.key === "Delete" || event.key === "Backspace") {
    event.preventDefault();
    remove();
  } else if (event.key === less || event.key === more) {
    event.preventDefault();
    moveBy(STEP * (event.shiftKey ? 10 : 1) * (event.key === less ? -1 : 1), event.repeat && canUndoLines());
  }
}

// Adds a line in the gap after the chosen one, beyond the last one if that is chosen, or else in the
// widest gap.
function add(axis) {
  const { table, i } = chosen;
  const lines = draft.tables[table];
  if (chosen.axis !== axis) return place(table, axis);
  const last = lines[axis].length - 1;
  const beyond = i === last ? grid.withLineBeyond(lines, axis, sheet.size) : null;
  if (beyond) return added(table, axis, beyond, last + 1);
  // Where the picture ends, it is in the last gap.
  const [first, second] = lines[axis].slice(Math.min(i, last - 1));
  place(table, axis, (first + second) / 2);
}

// Adds a line where a place in the picture is, if that is not on another line.
function insert(table, axis, at) {
  const lines = draft.tables[table];
  const share = grid.shareOf(lines, axis, at);
  const near = nearness(lines, axis);
  if (lines[axis].every((other) => Math.abs(other - share) >= near)) place(table, axis, share);
}

function place(table, axis, share) {
  const before = draft.tables[table];
  const lines = grid.withLine(before, axis, share);
  if (lines !== before) added(table, axis, lines, lines[axis].findIndex((value, at) => value !== before[axis][at]));
}

function added(table, axis, lines, i) {
  change(table, lines);
  chosen = { table, axis, i };
  show();
  layer.querySelector("[data-chosen]")?.focus({ preventScroll: true });
}

function remove() {
  const { table, axis, i } = chosen;
  const lines = grid.withoutLine(draft.tables[table], axis, i);
  change(table, lines);
  chosen = { table, axis, i: Math.min(i, lines[axis].length - 1) };
  show();
}

function drop() {
  changeAll(draft.tables.toSpliced(chosen.table, 1));
  chosen = firstOf(draft.tables);
  show();
}

// Gives the table as many rows or columns as a field says.
function divide(axis, field) {
  if (!field.reportValidity()) return;
  if (!field.value) return show();
  const { table } = chosen;
  change(table, grid.withCount(draft.tables[table], axis, Number(field.value), sheet.size));
  chosen = { table, axis, i: draft.tables[table][axis].length - 1 };
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
  changeAll([...draft.tables, grid.even(corners, 1, 1)]);
  chosen = { table: draft.tables.length - 1, axis: "rows", i: 0 };
  show();
  counts.rows.focus();
  counts.rows.select();
}

function isInside(lines, point) {
  const [u, v] = grid.plane(lines.corners).from(point);
  return u > 0 && u < 1 && v > 0 && v < 1;
}
