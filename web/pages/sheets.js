// The page of sheets: reads pictures of tables one after the other, and lets the user check and mend
// what was read.

import { Unreachable, models } from "./api.js";
import { askColumn, columns } from "./columns.js";
import { forgetDigits, saveDigits, startCorrections } from "./corrections.js";
import { byId, pause, plural } from "./dom.js";
import { clearMessage, copy, save, saveAll } from "./export.js";
import {
  canUndoLines, isMending, mendLines, readMended, setMended, startMending, stopMending, undoLines,
} from "./mend.js";
import { showPile } from "./pile.js";
import { problemOf, readOne } from "./reading.js";
import { Sheet } from "./sheet.js";
import { mark, repaint, showPicture, startStage } from "./stage.js";
import { focusText, markText, rewrite, showTexts, startTexts } from "./texts.js";
import { listenForPictures, listenToInput } from "./upload.js";
import { carryOver, isTyped, keepTyped, leave, openCell, redraw, startWalk, walkTo } from "./walk.js";
import { english, parts, t } from "./words.js";

// Interval between attempts to reach a server that is not responding, in ms.
const RETRY_EVERY = 1500;

const work = byId("work");
const title = byId("work-title");
const message = byId("message");
const state = byId("state");

const sheets = [];
let current = null;
let isReading = false;
let connecting = false;
// Whether the first row of the next sheets is a heading.
let hasHeading = false;
// Whether the server could not be reached: until it is back, nothing is read.
let isCut = false;
// The control that lost the focus because it cannot be used for now.
let lost = null;

byId("take").hidden = navigator.maxTouchPoints === 0;
byId("camera").hidden = byId("take").hidden;
for (const id of ["files", "camera"]) listenToInput(byId(id), add);
listenForPictures(add);
startStage(open);
startTexts({ open, choose });
startWalk({ shown, confirmed, undo, done, beyond });
startMending({ begun: leaveKept, changed: showWork, read: readWith });
startCorrections();
connect();

const tools = {
  check,
  undo,
  turn,
  again: () => (isMending() ? readMended() : again(current)),
  remove,
  export: () => save(current),
  "export-all": () => saveAll(sheets.filter(isRead), sheets.length),
  copy: () => copy(current),
};
for (const [id, run] of Object.entries(tools)) {
  byId(id).addEventListener("click", () => {
    keepTyped();
    run();
  });
}
document.addEventListener("keydown", (event) => {
  if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "z") return;
  // Fields undo what is typed in them; those beside the lines hold what the lines are.
  if (event.target.closest("input, select") && !event.target.closest("#mending")) return;
  event.preventDefault();
  if (!byId("undo").disabled) undo();
});
byId("heading").addEventListener("change", ({ target }) => setHeading(target.checked));
addEventListener("beforeunload", (event) => {
  if (isTyped() || sheets.some(({ isAtRisk }) => isAtRisk)) event.preventDefault();
});

// Takes files, and reads them.
function add(files) {
  for (const file of files) {
    const sheet = new Sheet(file, file.name || t`Pasted picture`, hasHeading);
    const problem = problemOf(file);
    if (problem) sheet.fail([problem]);
    sheets.push(sheet);
  }
  if (!current || current.state === "failed") show(sheets.at(-files.length));
  listSheets();
  readAll();
}

// Reads the sheets that wait, one after the other.
async function readAll() {
  if (isReading) return;
  isReading = true;
  for (let sheet; !isCut && (sheet = sheets.find(({ state }) => state === "waiting"));) {
    sheet.state = "reading";
    listSheets();
    if (sheet === current) showWork();
    if ((await readOne(sheet)) instanceof Unreachable) {
      setCut(true);
      connect();
    }
    listSheets();
    if (sheet === current) show(sheet);
  }
  isReading = false;
}

// The server is back: those that it could not be reached for are read, but not over and over.
function resume() {
  setCut(false);
  for (const sheet of sheets) {
    if (sheet.cuts === 1 && sheet.state === "read" && !sheet.asked) wait(sheet);
  }
  readAll();
}

function setCut(is) {
  isCut = is;
  if (current) showWork();
}

// Has a sheet read again.
function again(sheet) {
  if (sheet.state === "waiting") return;
  sheet.cuts = 0;
  wait(sheet);
  readAll();
}

function wait(sheet) {
  sheet.state = "waiting";
  sheet.error = null;
  if (sheet === current) showWork();
  listSheets();
}

function readWith(grid) {
  current.askMended(grid);
  again(current);
}

function turn() {
  current.askTurned();
  again(current);
}

async function choose(column) {
  if (!(await askColumn(column))) return;
  for (const sheet of sheets.filter(({ state }) => state === "read" || state === "reading")) {
    // What failed before is not tried along with it.
    if (sheet.state === "read") sheet.asked = null;
    again(sheet);
  }
}

// Says whether the first row is a heading, for this sheet and those after it.
function setHeading(is) {
  leaveKept();
  hasHeading = is;
  for (const sheet of sheets.slice(sheets.indexOf(current))) {
    sheet.hasHeading = is;
    sheet.cells.filter(({ isHeading }) => isHeading).forEach(forgetDigits);
  }
  show(current);
}

function remove() {
  if (current.isAtRisk && !confirm(t`What was corrected or mended in it is not exported. Remove it?`)) return;
  const at = sheets.indexOf(current);
  sheets.splice(at, 1);
  show(sheets[Math.min(at, sheets.length - 1)] ?? null);
  listSheets();
}

function listSheets() {
  showPile(sheets, current, show);
  const done = sheets.filter(({ state }) => state === "read" || state === "failed").length;
  message.textContent = progress(done);
  const ready = sheets.filter(isRead).length;
  byId("export-all").hidden = ready < 2;
  byId("export-part").textContent = ready < 2 || ready === sheets.length ? ""
    : t`${ready} of ${sheets.length} sheets; the others are waiting or cannot be read.`;
}

function progress(done) {
  if (done === sheets.length) return "";
  if (isCut) return t`Waiting for the server …`;
  return sheets.length > 1 ? t`Reading ${done + 1} of ${sheets.length} …` : "";
}

const isRead = ({ state }) => state === "read";

// Shows a sheet, or none; resolves when its picture is there.
function show(sheet) {
  const was = openCell();
  if (sheet !== current) {
    leaveKept();
    stopMending();
  }
  current = sheet;
  work.hidden = !sheet;
  if (!sheet) return;
  clearMessage();
  const shown = showPicture(sheet);
  showTexts(sheet, columns);
  if (openCell()) stay(was);
  setMended(sheet);
  // Lines that could not be read are at hand.
  if (sheet.error && sheet.asked?.isMended && !isMending()) mendLines();
  showWork();
  listSheets();
  return shown.then(redraw);
}

// The cell that is open stays open after another reading, if it still is there.
function stay(was) {
  const cell = current.cellAt(was);
  if (cell) return carryOver(current, cell);
  leave();
  title.focus({ preventScroll: true });
}

// Closes the cell that is open, and keeps what was typed.
function leaveKept() {
  keepTyped();
  leave();
}

// What can be done with the current sheet, and how far it is.
function showWork() {
  const { name, state, cells, unchecked, canUndo, error, mayRetry } = current;
  const held = document.activeElement;
  title.textContent = name;
  byId("work-state").replaceChildren(...stateOf(current));
  work.dataset.state = state;
  const check = byId("check");
  check.textContent = unchecked.length ? t`Check ${plural(unchecked.length, "unsure cell")}`
    : nextSheet() ? t`Check the next sheet` : t`Look through the cells`;
  check.hidden = cells.length === 0 && !nextSheet();
  byId("heading").checked = current.hasHeading;
  byId("heading-choice").hidden = cells.length === 0;
  byId("undo").disabled = isMending() ? !canUndoLines() : !canUndo;
  byId("again").hidden = !(error && mayRetry);
  byId("work-state").toggleAttribute("data-failed", Boolean(error));
  for (const id of ["mend", "turn"]) byId(id).disabled = state !== "read";
  for (const id of ["export", "copy"]) byId(id).disabled = state !== "read" || cells.length === 0;
  byId("texts").hidden = cells.length === 0;
  byId("bench").hidden = state === "failed";
  keepFocus(held);
}

// A control that is hidden or disabled would lose the focus: it goes to the title, and back when the
// control can be used again.
function keepFocus(held) {
  const isUsable = (node) => node.checkVisibility() && !node.disabled;
  if (work.contains(held) && !isUsable(held)) {
    lost = held;
    title.focus({ preventScroll: true });
  } else if (held !== title) {
    lost = null;
  } else if (lost && isUsable(lost)) {
    lost.focus({ preventScroll: true });
  }
}

function stateOf(sheet) {
  const told = howFar(sheet);
  // Said as long as it is news: until the next reading.
  return sheet.lost ? [...told, " ", t`Corrections whose cells are gone: ${sheet.lost}.`] : told;
}

function howFar({ state, error, tables, cells, doubtful, unchecked }) {
  if (error) return error;
  if (state !== "read") return [isCut ? t`Waiting for the server …` : t`Reading …`];
  if (tables.length === 0) {
    return [t`No table with printed lines was found: turn the picture, or mend the grid by drawing one.`];
  }
  const count = plural(cells.length, "cell");
  return unchecked.length
    ? parts`${count}, ${doubtful.length} of them unsure, ${doubtful.length - unchecked.length} checked.`
    : parts`${count}, all sure or checked.`;
}

// Opens a cell to be checked.
function open(cell) {
  if (!cell) return;
  keepTyped();
  stopMending();
  walkTo(current, cell);
}

// Opens the next cell to be checked, be it on another sheet; or any if there is none.
function check() {
  if (current.unchecked.length === 0 && nextSheet()) return goOn(nextSheet());
  open(current.unchecked[0] ?? current.cells[0]);
}

// The next sheet with unsure cells, from the first again after the last.
function nextSheet() {
  const after = sheets.indexOf(current) + 1;
  return [...sheets.slice(after), ...sheets.slice(0, after)]
    .find((sheet) => sheet !== current && isRead(sheet) && sheet.unchecked.length > 0);
}

async function goOn(sheet) {
  // Until its picture is there, what is typed goes nowhere.
  title.focus({ preventScroll: true });
  await show(sheet);
  if (sheet === current) open(sheet.unchecked[0]);
}

// The walk shows a cell, or none after `last`.
function shown(cell, last) {
  byId("walk-sheet").textContent = sheets.length > 1 ? `${current.name}:` : "";
  mark(cell);
  markText(cell);
  if (!cell && byId("walk").contains(document.activeElement)) focusText(last);
}

function confirmed(cell, text) {
  if (cell.isChecked && cell.text === text) return;
  current.confirm(cell, text);
  saveDigits(cell, current.labels);
  changed(cell);
}

function undo() {
  if (isMending()) return undoLines();
  if (!current?.canUndo) return;
  const cell = current.undo();
  forgetDigits(cell);
  changed(cell);
  if (openCell()) walkTo(current, cell);
}

function changed(cell) {
  clearMessage();
  repaint(cell);
  rewrite(cell);
  showWork();
  listSheets();
}

// All cells of the sheet are checked.
function done() {
  byId("check").focus({ preventScroll: true });
  beyond();
}

function beyond() {
  if (nextSheet()) goOn(nextSheet());
}

// Asks the server which checkpoint is serving, until it responds.
async function connect() {
  if (connecting) return;
  connecting = true;
  for (;;) {
    try {
      const { current: serving } = await models();
      state.dataset.state = "ready";
      state.textContent = serving;
      break;
    } catch (error) {
      if (isCut && !(error instanceof Unreachable)) resume();
      state.dataset.state = "unreachable";
      state.replaceChildren(error instanceof Unreachable
        ? t`The server is not responding; retrying …` : english(error.message));
      await pause(RETRY_EVERY);
    }
  }
  connecting = false;
  if (isCut) resume();
}
