// A reading of several digits: shows the number, lets the user select a digit, and lets them
// correct the split into digits by joining, splitting and moving edges.

import { boxAt, hideBoxes, padWidth, previewBoxes, showBoxes, withEdge } from "./boxes.js";
import { byId, element } from "./dom.js";
import { number, t } from "./words.js";

const row = byId("number");
const correction = byId("correct");
const join = byId("join");
const split = byId("split");
const reset = byId("reset-split");
const hint = byId("correct-hint");
// Sliders that move the edges of the selected box by keyboard; visible while they have the focus.
const edges = { left: byId("edge-left"), right: byId("edge-right") };
// The boxes are read again once an edge has not moved for this long, in ms.
const REST = 350;

let digits = [];
let selected = null;
// Whether the shown boxes were given by the user.
let corrected = false;
// The boxes as a slider has moved them, and the timer after which they are read.
let moved = null;
let rest = null;
// Whether a button of the correction had the focus: the button may be hidden or disabled once
// the answer arrives, and the focus must go somewhere else then.
let restoreFocus = false;
let callbacks;

// `chosen(digit)` is called when a digit was selected, and `correct(boxes)` with the boxes that
// the user gave, or with null to have them found again. `correct` returns whether the boxes
// are being read: they are not while a newer answer is awaited.
export function startNumbers(given) {
  callbacks = { ...given, correct(boxes) {
    restoreFocus = correction.contains(document.activeElement) && document.activeElement.matches("button");
    return given.correct(boxes);
  } };
  correction.addEventListener("click", (event) => event.target.closest("button") && forgetEdge());
  join.addEventListener("click", () => {
    const boxes = digits.map(({ box }) => box);
    boxes.splice(selected, 2, around(boxes[selected], boxes[selected + 1]));
    callbacks.correct(boxes);
  });
  split.addEventListener("click", () => {
    const boxes = digits.map(({ box }) => box);
    const [x, y, width, height] = boxes[selected];
    const half = width / 2;
    boxes.splice(selected, 1, [x, y, half, height], [x + half, y, half, height]);
    callbacks.correct(boxes);
  });
  reset.addEventListener("click", () => callbacks.correct(null));
  for (const side of ["left", "right"]) startEdge(side, edges[side]);
}

// Lets a slider move an edge. Movements count from the boxes at the time of the focus, so that
// an answer that arrives meanwhile does not move the edge back.
function startEdge(side, slider) {
  let before = null;
  slider.addEventListener("focus", () => (before = { digits, at: Number(slider.value) }));
  slider.addEventListener("input", () => {
    if (selected === null) return;
    moved = withEdge(before.digits, selected, side, Number(slider.value) - before.at);
    previewBoxes(moved);
    describe(slider);
    clearTimeout(rest);
    rest = setTimeout(restEdge, REST);
  });
}

// Has the moved boxes read; tries again later while another answer is awaited.
function restEdge() {
  if (callbacks.correct(moved)) moved = null;
  else rest = setTimeout(restEdge, REST);
}

// Drops a moved edge: the number that it belongs to is not shown any more.
export function forgetEdge() {
  clearTimeout(rest);
  moved = null;
}

// The position of an edge for screen readers.
function describe(slider) {
  slider.setAttribute("aria-valuetext", number((100 * slider.value) / padWidth(), 0, "%"));
}

function showEdges() {
  const box = digits[selected]?.box;
  for (const [side, slider] of Object.entries(edges)) {
    slider.disabled = !box;
    if (!box || slider === document.activeElement) continue;
    slider.max = padWidth();
    slider.step = padWidth() / 100;
    slider.value = side === "left" ? box[0] : box[0] + box[2];
    describe(slider);
  }
}

// The digits of an answer in reading order, each with the index of its line.
export function digitsOf({ lines }) {
  return lines.flatMap(({ digits }, line) => digits.map((digit) => ({ ...digit, line })));
}

// Shows a number and returns the digit whose bars are to be shown: the selected one, or the
// least sure. `boxes` are those that the user gave, if any.
export function showNumber(answer, boxes) {
  const before = digits.length;
  digits = digitsOf(answer);
  corrected = boxes != null;
  // In another drawing, or with another number of digits, the moved edge means nothing.
  if (!corrected || moved?.length !== digits.length) forgetEdge();
  if (digits.length !== before || selected >= digits.length) {
    // The sliders are disabled without a selected digit, and would lose the focus.
    restoreFocus ||= Object.values(edges).includes(document.activeElement);
    selected = null;
  }
  show();
  return digits[focus()];
}

// Hides the number and its boxes.
export function hideNumber() {
  forgetEdge();
  digits = [];
  selected = null;
  row.hidden = true;
  correction.hidden = true;
  hideBoxes();
}

// The selected digit, or null.
export function chosenDigit() {
  return selected === null ? null : digits[selected];
}

function choose(i) {
  forgetEdge();
  selected = selected === i ? null : i;
  show();
  callbacks.chosen(digits[focus()]);
}

// Selects no digit.
export function chooseNothing() {
  selected = null;
}

// Selects the digit at a point of the window; returns whether there is one.
export function chooseAt(x, y) {
  const i = boxAt(x, y);
  if (i !== null) choose(i);
  return i !== null;
}

// Whether a point of the window is in a digit's box.
export const isDigitAt = (x, y) => boxAt(x, y) !== null;

// The digit whose bars are shown, its place from 1, and whether the user selected it.
export function inFocus() {
  if (digits.length === 0) return null;
  const i = focus();
  return { digit: digits[i], place: i + 1, isChosen: selected !== null };
}

function focus() {
  if (selected !== null) return selected;
  const sure = ({ counts, in_distribution, confidence }) => (counts ? in_distribution * confidence : 2);
  const least = Math.min(...digits.map(sure));
  return Math.max(0, digits.findIndex((digit) => sure(digit) === least));
}

function show() {
  const line = (line) => element("span", { class: "line" },
    ...digits.flatMap((digit, i) => (digit.line === line ? [button(digit, i)] : [])));
  const lines = [...new Set(digits.map(({ line }) => line))];
  const held = [...row.querySelectorAll(".digit")].indexOf(document.activeElement);
  row.replaceChildren(...lines.map(line));
  if (held >= 0 || restoreFocus) {
    const to = restoreFocus ? selected ?? 0 : held;
    row.querySelectorAll(".digit")[Math.min(to, digits.length - 1)]?.focus({ preventScroll: true });
    restoreFocus = false;
  }
  row.toggleAttribute("data-long", digits.length > 6 || lines.length > 1);
  row.hidden = false;
  showBoxes({ digits, selected, moved: callbacks.correct });
  if (moved) previewBoxes(moved);
  correction.hidden = false;
  const isLast = selected !== null && digits[selected + 1]?.line !== digits[selected].line;
  join.disabled = selected === null || isLast;
  split.disabled = selected === null;
  // Why a button is grey.
  hint.textContent = selected === null ? t`Choose a digit to join, split or name it.`
    : isLast ? t`No digit follows it on its line.` : "";
  showEdges();
  reset.hidden = !corrected;
}

function button({ label, verdict, counts, confidence }, i) {
  const sure = counts ? t`${label}, ${number(Math.floor(100 * confidence), 0, "%")} sure` : t`not a digit`;
  return element("button", {
    type: "button", class: "digit", "data-verdict": verdict, "data-counts": String(counts),
    "aria-pressed": String(i === selected), "aria-label": t`Digit ${i + 1}: ${sure}`, onclick: () => choose(i),
  }, counts ? label : "·");
}

export function around([x, y, width, height], [x2, y2, width2, height2]) {
  const [left, top] = [Math.min(x, x2), Math.min(y, y2)];
  const [right, bottom] = [Math.max(x + width, x2 + width2), Math.max(y + height, y2 + height2)];
  return [left, top, right - left, bottom - top];
}
