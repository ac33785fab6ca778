// Walks through the unsure cells with the keyboard alone: the cell is shown large, its reading is
// selected in a field, and Enter confirms it and goes on.

import { byId } from "./dom.js";
import { drawCell } from "./stage.js";
import { t } from "./words.js";

const panel = byId("walk");
const canvas = byId("walk-picture");
const title = byId("walk-title");
const place = byId("walk-place");
const field = byId("walk-text");

let sheet = null;
let current = null;
let callbacks;

// `shown(cell)` is called for each cell, and with null at the end; `confirmed(cell, text)` when the
// user says what is written in it; `undo()` for Ctrl+Z; `done()` when all are checked.
export function startWalk(given) {
  callbacks = given;
  byId("walk-form").addEventListener("submit", (event) => {
    event.preventDefault();
    confirm();
  });
  field.addEventListener("keydown", onKey);
  byId("walk-back").addEventListener("click", back);
  byId("walk-skip").addEventListener("click", skip);
  byId("walk-leave").addEventListener("click", leave);
  new ResizeObserver(() => current && drawCell(canvas, current)).observe(canvas);
}

function onKey(event) {
  if (event.isComposing) return;
  const isUndo = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z";
  const run = { Escape: leave, ArrowUp: back, ArrowDown: skip }[event.key]
    ?? (event.key === "Enter" && event.shiftKey ? back : null)
    // What was typed is undone by the field itself.
    ?? (isUndo && field.value === current.text ? callbacks.undo : null);
  if (!run) return;
  event.preventDefault();
  run();
}

// Opens a cell.
export function walkTo(of, cell) {
  sheet = of;
  current = cell;
  if (panel.hidden) {
    panel.hidden = false;
    panel.scrollIntoView({ block: "start" });
  }
  const doubtful = sheet.doubtful;
  const at = doubtful.indexOf(cell);
  title.textContent = at < 0 ? t`Correct a cell` : t`${at + 1} of ${doubtful.length} unsure`;
  place.textContent = where(cell);
  // Phones show their digits.
  field.inputMode = sheet.labels.every((label) => /^\d$/.test(label)) ? "numeric" : "text";
  field.value = cell.text;
  field.focus({ preventScroll: true });
  field.select();
  drawCell(canvas, cell);
  callbacks.shown(cell);
}

function where({ table, row, column, read, verdict }) {
  const at = sheet.tables.length > 1
    ? t`table ${table + 1}, row ${row + 1}, column ${column + 1}` : t`row ${row + 1}, column ${column + 1}`;
  if (verdict === "not_a_digit") return t`${at}, not read as a digit`;
  return read ? t`${at}, read as ${read}` : t`${at}, read as empty`;
}

// The cell that is open, or null.
export const openCell = () => current;

function confirm() {
  callbacks.confirmed(current, field.value.trim());
  const left = sheet.unchecked;
  if (left.length === 0) {
    leave();
    return callbacks.done();
  }
  walkTo(sheet, nextOf(left) ?? left[0]);
}

// The first of some cells after the current one.
const nextOf = (cells) => cells.find(({ i }) => i > current.i);

function skip() {
  const next = nextOf(sheet.doubtful);
  if (next) walkTo(sheet, next);
}

function back() {
  const before = sheet.doubtful.findLast(({ i }) => i < current.i);
  if (before) walkTo(sheet, before);
}

export function leave() {
  if (panel.hidden) return;
  panel.hidden = true;
  const last = current;
  current = null;
  callbacks.shown(null, last);
}
