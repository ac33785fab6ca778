// A reading of several digits: the number in large, each digit to be chosen, joined with
// the next or split; and which of them the bars speak of.

import { extent, hideBoxes, previewBoxes, showBoxes, withEdge } from "./boxes.js";
import { byId, element } from "./dom.js";
import { number, t } from "./words.js";

const row = byId("number");
const mend = byId("mend");
const join = byId("join");
const split = byId("split");
const asFound = byId("as-found");
// The edges of the chosen box for those who do not drag: seen while they have the focus.
const edges = { left: byId("edge-left"), right: byId("edge-right") };
// An edge that rests this long, in ms, is where it should be.
const REST = 350;

let digits = [];
let selected = null;
let mended = false;
// Where a slider has put the boxes, and when that is to be read.
let moved = null;
let rest = null;
// Whether the focus was on a button that mends, which may be gone when the answer is there.
let heldByMend = false;
let callbacks;

// `chosen(digit)` is called when a digit was chosen, `mend(boxes)` with where the digits
// are, or null to find them anew.
export function startNumbers(given) {
  callbacks = { ...given, mend(boxes) {
    heldByMend = mend.contains(document.activeElement) && document.activeElement.matches("button");
    return given.mend(boxes);
  } };
  mend.addEventListener("click", (event) => event.target.closest("button") && forgetEdge());
  join.addEventListener("click", () => {
    const boxes = digits.map(({ box }) => box);
    boxes.splice(selected, 2, around(boxes[selected], boxes[selected + 1]));
    callbacks.mend(boxes);
  });
  split.addEventListener("click", () => {
    const boxes = digits.map(({ box }) => box);
    const [x, y, width, height] = boxes[selected];
    const half = width / 2;
    boxes.splice(selected, 1, [x, y, half, height], [x + half, y, half, height]);
    callbacks.mend(boxes);
  });
  asFound.addEventListener("click", () => callbacks.mend(null));
  for (const side of ["left", "right"]) startEdge(side, edges[side]);
}

// A slider that moves an edge; what is read meanwhile does not move it back.
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

// An edge has come to rest. While another answer is awaited, it waits for that.
function restEdge() {
  if (callbacks.mend(moved)) moved = null;
  else rest = setTimeout(restEdge, REST);
}

// The edge that was moved is of a number that is not shown any more.
function forgetEdge() {
  clearTimeout(rest);
  moved = null;
}

// Where an edge is, for those who hear it.
function describe(slider) {
  slider.setAttribute("aria-valuetext", number((100 * slider.value) / extent(), 0, "%"));
}

function showEdges() {
  const box = digits[selected]?.box;
  for (const [side, slider] of Object.entries(edges)) {
    slider.disabled = !box;
    if (!box || slider === document.activeElement) continue;
    slider.max = extent();
    slider.step = extent() / 100;
    slider.value = side === "left" ? box[0] : box[0] + box[2];
    describe(slider);
  }
}

// The digits of an answer, from its first line to its last; each knows its line.
export function digitsOf({ lines }) {
  return lines.flatMap(({ digits }, line) => digits.map((digit) => ({ ...digit, line })));
}

// Shows a number and returns the digit that the bars are to show: the chosen one, else
// the least sure. `boxes` are those that were given, if any were.
export function showNumber(answer, boxes) {
  const before = digits.length;
  digits = digitsOf(answer);
  mended = boxes != null;
  // Another drawing, or another number of digits: nothing of it is where it was.
  if (!mended || moved?.length !== digits.length) forgetEdge();
  if (digits.length !== before || selected >= digits.length) {
    // A slider that has nothing to move any more must not take the focus with it.
    heldByMend ||= Object.values(edges).includes(document.activeElement);
    selected = null;
  }
  show();
  return digits[focus()];
}

// No number is shown.
export function hideNumber() {
  forgetEdge();
  digits = [];
  selected = null;
  row.hidden = true;
  mend.hidden = true;
  hideBoxes();
}

// The chosen digit; null if none is.
export function chosenDigit() {
  return selected === null ? null : digits[selected];
}

function choose(i) {
  forgetEdge();
  selected = selected === i ? null : i;
  show();
  callbacks.chosen(digits[focus()]);
}

// The digit that the bars speak of, which one it is, from 1, and whether it was chosen.
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
  if (held >= 0 || heldByMend) {
    const to = heldByMend ? selected ?? 0 : held;
    row.querySelectorAll(".digit")[Math.min(to, digits.length - 1)]?.focus({ preventScroll: true });
    heldByMend = false;
  }
  row.toggleAttribute("data-long", digits.length > 6 || lines.length > 1);
  row.hidden = false;
  showBoxes({ digits, selected, moved: callbacks.mend });
  if (moved) previewBoxes(moved);
  mend.hidden = false;
  join.disabled = selected === null || digits[selected + 1]?.line !== digits[selected].line;
  split.disabled = selected === null;
  showEdges();
  asFound.hidden = !mended;
}

function button({ label, verdict, counts, confidence }, i) {
  const sure = counts ? t`${label}, ${number(Math.floor(100 * confidence), 0, "%")} sure` : t`not a digit`;
  return element("button", {
    type: "button", class: "digit", "data-verdict": verdict, "data-counts": String(counts),
    "aria-pressed": String(i === selected), "aria-label": t`Digit ${i + 1}: ${sure}`, onclick: () => choose(i),
  }, counts ? label : "·");
}

function around([x, y, width, height], [x2, y2, width2, height2]) {
  const [left, top] = [Math.min(x, x2), Math.min(y, y2)];
  const [right, bottom] = [Math.max(x + width, x2 + width2), Math.max(y + height, y2 + height2)];
  return [left, top, right - left, bottom - top];
}
