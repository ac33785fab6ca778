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

// A click this soon after a cell was shown, in ms, is the second one of a double click.
const SOON = 400;

let sheet = null;
let current = null;
let shownAt = 0;
let callbacks;

// `shown(cell)` is called for each cell, and with null at the end; `confirmed(cell, text)` when the
// user says what is written in it; `undo()` for Ctrl+Z; `done()` when all have become checked;
// `beyond()` to go on after the last one.
export function startWalk(given) {
  callbacks = given;
  byId("walk-form").addEventListener("submit", (event) => {
    event.preventDefault();
    confirm();
  });
  field.addEventListener("keydown", onKey);
  byId("walk-confirm").addEventListener("click", (event) => {
    // Enter in the field also clicks the button, but without a pointer.
    if (event.detail > 0 && performance.now() - shownAt < SOON) event.preventDefault();
  });
  byId("walk-back").addEventListener("click", back);
  byId("walk-skip").addEventListener("click", skip);
  byId("walk-leave").addEventListener("click", leave);
  new ResizeObserver(redraw).observe(canvas);
}

// Draws the cell anew, if one is open: its picture may have arrived only now.
export function redraw() {
  if (current) drawCell(canvas, current);
}

function onKey(event) {
  if (event.isComposing) return;
  // A key that is held would accept cells that nobody has seen.
  if (event.key === "Enter" && event.repeat) return event.preventDefault();
  const isUndo = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z";
  const run = { Escape: leave, ArrowUp: back, ArrowDown: skip }[event.key]
    ?? (event.key === "Enter" && event.shiftKey ? back : null)
    // What was typed is undone by the field itself.
    ?? (isUndo && !isTyped() ? callbacks.undo : null);
  if (!run) return;
  event.preventDefault();
  run(event);
}

// Opens a cell. What is typed in the one before is lost, unless keepTyped() comes first.
export function walkTo(of, cell) {
  sheet = of;
  current = cell;
  shownAt = performance.now();
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

function where({ table, row, column, read, verdict, isHeading }) {
  const at = sheet.tables.length > 1
    ? t`table ${table + 1}, row ${row + 1}, column ${column + 1}` : t`row ${row + 1}, column ${column + 1}`;
  if (isHeading) return t`${at}, heading`;
  if (verdict === "not_a_digit") return t`${at}, not read as a digit`;
  return read ? t`${at}, read as ${read}` : t`${at}, read as empty`;
}

// The cell that is open, or null.
export const openCell = () => current;

// Whether something else was typed than what is known.
export const isTyped = () => current !== null && field.value !== current.text;

// Keeps what was typed for the cell that is open, as Enter does.
export function keepTyped() {
  if (isTyped()) callbacks.confirmed(current, field.value.trim());
}

// Goes on in the cell that a new reading has instead of the open one: what is being typed stays.
export function carryOver(of, cell) {
  const { value, selectionStart, selectionEnd } = field;
  const wasTyped = isTyped();
  const { activeElement } = document;
  walkTo(of, cell);
  if (wasTyped) {
    field.value = value;
    field.setSelectionRange(selectionStart, selectionEnd);
  }
  // A reading that ends must not take the focus.
  activeElement.focus({ preventScroll: true });
}

function confirm() {
  const before = sheet.unchecked.length;
  callbacks.confirmed(current, field.value.trim());
  const left = sheet.unchecked;
  if (left.length === 0) {
    leave();
    return before > 0 && callbacks.done();
  }
  walkTo(sheet, nextOf(left) ?? left[0]);
}

// The first of some cells after the current one.
const nextOf = (cells) => cells.find(({ i }) => i > current.i);

function skip({ repeat }) {
  keepTyped();
  const next = nextOf(sheet.doubtful);
  if (next) walkTo(sheet, next);
  else if (!repeat) callbacks.beyond();
}

function back() {
  keepTyped();
  const before = sheet.doubtful.findLast(({ i }) => i < current.i);
  if (before) walkTo(sheet, before);
}

// Closes the cell; what was typed is not kept.
export function leave() {
  if (panel.hidden) return;
  panel.hidden = true;
  const last = current;
  current = null;
  callbacks.shown(null, last);
}
