// The texts of a sheet as tables: the arrow keys move between the cells, Enter opens one, and so does
// typing.

import { describe } from "./columns.js";
import { byId, element } from "./dom.js";
import { stateOf } from "./stage.js";
import { t } from "./words.js";

const root = byId("texts");

const FOCUSABLE = "td[data-i], thead button";
const STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

let sheet = null;
let nodes = new Map();
// The cells of each table by row and column, and the cell that the Tab key reaches.
let places = [];
let reached = null;
let callbacks;

// `open(cell)` is called for the cell that is to be checked, `choose(column)` to say what a column
// holds.
export function startTexts(given) {
  callbacks = given;
  root.addEventListener("click", (event) => {
    const cell = cellOf(event.target);
    if (cell) callbacks.open(cell);
  });
  root.addEventListener("keydown", (event) => {
    const cell = cellOf(event.target);
    if (!cell || event.ctrlKey || event.metaKey || event.altKey) return;
    if (STEPS[event.key]) {
      event.preventDefault();
      const next = neighbour(cell, STEPS[event.key]);
      if (next) focus(next);
    } else if (event.key === "Enter" || event.key === "F2") {
      event.preventDefault();
      if (!event.repeat) callbacks.open(cell);
    } else if (event.key.length === 1 && event.key !== " ") {
      // The field that is opened gets what is typed.
      callbacks.open(cell);
    }
  });
}

const cellOf = (target) => sheet?.cells[target.closest("[data-i]")?.dataset.i];

// The next cell in a direction; one over several rows or columns is one.
function neighbour(cell, [down, across]) {
  const all = places[cell.table];
  let [row, column] = [cell.row, cell.column];
  for (;;) {
    row += down;
    column += across;
    if (!all[row] || column < 0 || column >= all[row].length) return null;
    const next = all[row][column];
    if (next && next !== cell) return next;
  }
}

function focus(cell) {
  reach(cell);
  nodes.get(cell).focus();
}

function reach(cell) {
  nodes.get(reached)?.setAttribute("tabindex", "-1");
  reached = cell;
  nodes.get(cell)?.setAttribute("tabindex", "0");
}

export function showTexts(next, columns) {
  // The focus stays at its place.
  const held = [...root.querySelectorAll(FOCUSABLE)].indexOf(document.activeElement);
  if (next !== sheet) root.scrollTo(0, 0);
  sheet = next;
  nodes = new Map();
  places = [];
  root.replaceChildren(...sheet.tables.map((table, i) => tableNode(table, i, columns)));
  reached = null;
  if (sheet.cells[0]) reach(sheet.cells[0]);
  root.querySelectorAll(FOCUSABLE)[held]?.focus({ preventScroll: true });
}

function tableNode({ rows, columns: count, cells }, i, columns) {
  const all = Array.from({ length: rows }, () => Array(count).fill(null));
  places.push(all);
  const bodies = Array.from({ length: rows }, (_, row) => element("tr", {}, element("th", { scope: "row" }, String(row + 1))));
  for (const cell of cells) {
    const [down, across] = cell.span;
    for (let row = cell.row; row < cell.row + down; row++) all[row].fill(cell, cell.column, cell.column + across);
    const node = element("td", {
      "data-i": cell.i, tabindex: -1, rowspan: down > 1 && down, colspan: across > 1 && across,
    });
    nodes.set(cell, node);
    paint(node, cell);
  }
  all.forEach((row, at) => row.forEach((cell, column) => {
    if (!cell) bodies[at].append(element("td", { class: "none" }));
    else if (cell.row === at && cell.column === column) bodies[at].append(nodes.get(cell));
  }));
  const heads = Array.from({ length: count }, (_, column) => headNode(column, columns[column]));
  return element("table", { role: "grid", "aria-label": t`Table ${i + 1}` },
    element("thead", {}, element("tr", {}, element("td", {}), ...heads)), element("tbody", {}, ...bodies));
}

// The head of a column says what it holds, and lets the user say it.
function headNode(column, holds) {
  const name = t`Column ${column + 1} holds ${describe(holds)}`;
  return element("th", { scope: "col" },
    element("button", {
      type: "button", class: "link", onclick: () => callbacks.choose(column), "aria-label": name, title: name,
    }, element("span", {}, String(column + 1)), element("small", {}, holds ? describe(holds) : "▾")));
}

const SAID = {
  unsure: () => t`unsure`, not_a_digit: () => t`not a digit`, checked: () => t`checked`, blank: () => t`empty`,
  heading: () => t`heading`,
};

function paint(node, cell) {
  const state = stateOf(cell);
  node.dataset.state = state;
  node.textContent = cell.text;
  // The colour is not all that says so.
  const said = SAID[state]?.();
  if (said) node.append(element("span", { class: "visually-hidden" }, ` ${said}`));
}

// Shows a cell as it is now.
export function rewrite(cell) {
  const node = nodes.get(cell);
  if (node) paint(node, cell);
}

// Marks a cell, or none, and brings it into view.
export function markText(cell) {
  root.querySelector("[data-current]")?.removeAttribute("data-current");
  const node = nodes.get(cell);
  if (!node) return;
  node.setAttribute("data-current", "");
  reach(cell);
  const [box, view] = [node.getBoundingClientRect(), root.getBoundingClientRect()];
  // Below the heads, which stay.
  const beyond = (from, to, first, last) => (from < first || to > last ? (from + to - first - last) / 2 : 0);
  root.scrollBy(beyond(box.left, box.right, view.left + 48, view.right), beyond(box.top, box.bottom, view.top + 48, view.bottom));
}

// Puts the focus on a cell's text.
export const focusText = (cell) => nodes.has(cell) && focus(cell);
