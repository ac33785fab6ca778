// The page of sheets: reads pictures of tables one after the other, and lets the user check and mend
// what was read.

import { Unreachable, models } from "./api.js";
import { askColumn, columns } from "./columns.js";
import { forgetDigits, saveDigits, startCorrections } from "./corrections.js";
import { byId, pause, plural } from "./dom.js";
import { copy, save, saveAll } from "./export.js";
import { isMending, setMended, startMending, stopMending } from "./mend.js";
import { showPile } from "./pile.js";
import { problemOf, readOne } from "./reading.js";
import { Sheet } from "./sheet.js";
import { mark, repaint, showPicture, startStage } from "./stage.js";
import { focusText, markText, rewrite, showTexts, startTexts } from "./texts.js";
import { listenForPictures, listenToInput } from "./upload.js";
import { leave, openCell, startWalk, walkTo } from "./walk.js";
import { english, parts, t } from "./words.js";

// Interval between attempts to reach a server that is not responding, in ms.
const RETRY_EVERY = 1500;

const work = byId("work");
const message = byId("message");
const state = byId("state");

const sheets = [];
let current = null;
let isReading = false;
let connecting = false;

byId("take").hidden = navigator.maxTouchPoints === 0;
byId("camera").hidden = byId("take").hidden;
for (const id of ["files", "camera"]) listenToInput(byId(id), add);
listenForPictures(add);
startStage(open);
startTexts({ open, choose });
startWalk({ shown, confirmed, undo, done });
startMending({ read: readWith });
startCorrections();
connect();

const tools = {
  check: () => open(current.unchecked[0] ?? current.cells[0]),
  undo,
  turn,
  again: () => again(current),
  remove,
  export: () => save(current),
  "export-all": () => saveAll(sheets.filter(isRead)),
  copy: () => copy(current),
};
for (const [id, run] of Object.entries(tools)) byId(id).addEventListener("click", run);
document.addEventListener("keydown", (event) => {
  if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "z" || event.target.closest("input, select")) return;
  event.preventDefault();
  if (!byId("undo").disabled) undo();
});
addEventListener("beforeunload", (event) => {
  if (sheets.some(({ isUnsaved }) => isUnsaved)) event.preventDefault();
});

// Takes files, and reads them.
function add(files) {
  for (const file of files) {
    const sheet = new Sheet(file, file.name || t`Pasted picture`);
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
  for (let sheet; (sheet = sheets.find(({ state }) => state === "waiting"));) {
    sheet.state = "reading";
    listSheets();
    if (sheet === current) showWork();
    if ((await readOne(sheet)) instanceof Unreachable) connect();
    listSheets();
    if (sheet === current) show(sheet);
  }
  isReading = false;
}

// Has a sheet read again.
function again(sheet) {
  if (sheet.state === "waiting") return;
  sheet.state = "waiting";
  sheet.error = null;
  if (sheet === current) showWork();
  listSheets();
  readAll();
}

function readWith(grid) {
  current.grid = grid;
  again(current);
}

function turn() {
  // The lines belong to the picture as it was turned.
  current.grid = null;
  current.orientation = ((current.orientation ?? 0) + 90) % 360;
  again(current);
}

async function choose(column) {
  if (await askColumn(column)) sheets.filter(({ state }) => state === "read" || state === "reading").forEach(again);
}

function remove() {
  if (current.isUnsaved && !confirm(t`Its corrections are not exported. Remove it?`)) return;
  const at = sheets.indexOf(current);
  sheets.splice(at, 1);
  show(sheets[Math.min(at, sheets.length - 1)] ?? null);
  listSheets();
}

function listSheets() {
  showPile(sheets, current, show);
  const done = sheets.filter(({ state }) => state === "read" || state === "failed").length;
  message.textContent = done < sheets.length && sheets.length > 1 ? t`Reading ${done + 1} of ${sheets.length} …` : "";
  byId("export-all").hidden = sheets.filter(isRead).length < 2;
}

const isRead = ({ state }) => state === "read";

// Shows a sheet, or none.
function show(sheet) {
  const was = openCell();
  if (was && !sheet?.cells.includes(was)) leave();
  current = sheet;
  work.hidden = !sheet;
  if (!sheet) return;
  setMended(sheet);
  stopMending();
  showPicture(sheet);
  showTexts(sheet, columns);
  showWork();
  listSheets();
}

// What can be done with the current sheet, and how far it is.
function showWork() {
  const { name, state, cells, unchecked, canUndo, error } = current;
  byId("work-title").textContent = name;
  byId("work-state").replaceChildren(...stateOf(current));
  work.dataset.state = state;
  const check = byId("check");
  check.textContent = unchecked.length ? t`Check ${plural(unchecked.length, "unsure cell")}` : t`Look through the cells`;
  check.hidden = cells.length === 0;
  byId("undo").disabled = !canUndo;
  byId("again").hidden = !error;
  byId("work-state").toggleAttribute("data-failed", Boolean(error));
  for (const id of ["mend", "turn"]) byId(id).disabled = state !== "read";
  for (const id of ["export", "copy"]) byId(id).disabled = state !== "read" || cells.length === 0;
  byId("texts").hidden = cells.length === 0;
  byId("bench").hidden = state === "failed";
}

function stateOf({ state, error, tables, cells, doubtful, unchecked }) {
  if (error) return error;
  if (state !== "read") return [t`Reading …`];
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
  if (cell && !isMending()) walkTo(current, cell);
}

// The walk shows a cell, or none after `last`.
function shown(cell, last) {
  mark(cell);
  markText(cell);
  if (!cell && last) focusText(last);
}

function confirmed(cell, text) {
  if (cell.isChecked && cell.text === text) return;
  current.confirm(cell, text);
  saveDigits(cell, current.labels);
  changed(cell);
}

function undo() {
  if (!current?.canUndo) return;
  const cell = current.undo();
  forgetDigits(cell);
  changed(cell);
  if (openCell()) walkTo(current, cell);
}

function changed(cell) {
  repaint(cell);
  rewrite(cell);
  showWork();
  listSheets();
}

function done() {
  byId("export").focus();
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
      state.dataset.state = "unreachable";
      state.replaceChildren(error instanceof Unreachable
        ? t`The server is not responding; retrying …` : english(error.message));
      await pause(RETRY_EVERY);
    }
  }
  connecting = false;
}
