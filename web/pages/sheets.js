// The page of sheets: reads pictures of tables one after the other, and lets the user check and mend
// what was read.

import { Refused, Unreachable, models, readSheet, told } from "./api.js";
import { askColumn, columns, known } from "./columns.js";
import { forgetDigits, saveDigits, startCorrections } from "./corrections.js";
import { csv, tsv } from "./csv.js";
import { byId, element, pause, plural, sentence } from "./dom.js";
import { isMending, setMended, startMending, stopMending } from "./mend.js";
import { Sheet, drawUpright } from "./sheet.js";
import { mark, repaint, showPicture, startStage } from "./stage.js";
import { focusText, markText, rewrite, showTexts, startTexts } from "./texts.js";
import { listenForPictures, listenToInput } from "./upload.js";
import { leave, openCell, startWalk, walkTo } from "./walk.js";
import { english, parts, t } from "./words.js";

// Interval between attempts to reach a server that is not responding, in ms.
const RETRY_EVERY = 1500;
// A server that is busy is asked again so often, after pauses of so many ms.
const TRIES = 5;
const BUSY = 1000;
// The server's default limit for a request body.
const MAX_BYTES = 16 * 2 ** 20;
// The longest side of a thumbnail, in pixels.
const THUMBNAIL = 120;

const pile = byId("pile");
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
  export: () => save([current], `${stem(current.name)}.csv`),
  "export-all": () => save(sheets.filter(({ state }) => state === "read"), "sheets.csv"),
  copy,
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
    if (problem) fail(sheet, [problem]);
    sheets.push(sheet);
  }
  if (!current || current.state === "failed") show(sheets.at(-files.length));
  showPile();
  readAll();
}

function problemOf({ size, type }) {
  if (type === "application/pdf") return t`This is a PDF: save its pages as pictures first.`;
  return size > MAX_BYTES ? t`This file is over 16 MB: choose a smaller picture.` : null;
}

// What was read before stays.
function fail(sheet, error) {
  sheet.giveUp();
  sheet.state = sheet.tables.length > 0 ? "read" : "failed";
  sheet.error = error;
}

// Reads the sheets that wait, one after the other.
async function readAll() {
  if (isReading) return;
  isReading = true;
  for (let sheet; (sheet = sheets.find(({ state }) => state === "waiting"));) {
    sheet.state = "reading";
    showPile();
    if (sheet === current) showWork();
    await readOne(sheet);
    showPile();
    if (sheet === current) show(sheet);
  }
  isReading = false;
}

async function readOne(sheet) {
  try {
    sheet.thumbnail ??= await thumbnailOf(sheet.file);
    showPile();
    await sheet.take(await patiently(() => readSheet(sheet.file, { ...sheet.question(), columns: known() })));
    // The user may have asked for something else meanwhile.
    if (sheet.state === "reading") sheet.state = "read";
  } catch (error) {
    fail(sheet, error instanceof Refused || error instanceof Unreachable ? told(error).map(asSentence)
      : [t`This browser cannot show the picture.`]);
    if (error instanceof Unreachable) connect();
  }
}

const asSentence = (part) => (typeof part === "string" ? sentence(part) : part);

async function patiently(ask) {
  for (let tries = 1; ; tries++) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof Refused && error.status === 429) || tries === TRIES) throw error;
      await pause(tries * BUSY);
    }
  }
}

async function thumbnailOf(file) {
  const canvas = element("canvas");
  await drawUpright(canvas, file, 0, THUMBNAIL).catch(() => {});
  return canvas.toDataURL("image/jpeg", 0.8);
}

// Has a sheet read again.
function again(sheet) {
  if (sheet.state === "waiting") return;
  sheet.state = "waiting";
  sheet.error = null;
  if (sheet === current) showWork();
  showPile();
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
  showPile();
}

// The list of sheets.
function showPile() {
  pile.hidden = sheets.length === 0;
  byId("start").toggleAttribute("data-begun", sheets.length > 0);
  const held = [...pile.querySelectorAll("button")].indexOf(document.activeElement);
  pile.replaceChildren(...sheets.map((sheet) => element("li", {}, element("button", {
    type: "button", "aria-pressed": String(sheet === current), "data-state": sheet.state, onclick: () => show(sheet),
  }, element("img", { src: sheet.thumbnail ?? "icon.svg", alt: "" }),
  element("span", { class: "name" }, sheet.name), element("small", {}, inShort(sheet))))));
  pile.querySelectorAll("button")[held]?.focus();
  const done = sheets.filter(({ state }) => state === "read" || state === "failed").length;
  message.textContent = done < sheets.length && sheets.length > 1 ? t`Reading ${done + 1} of ${sheets.length} …` : "";
  byId("export-all").hidden = sheets.filter(({ state }) => state === "read").length < 2;
}

function inShort(sheet) {
  const { state, cells, unchecked } = sheet;
  if (state === "read" && cells.length === 0) return t`no table found`;
  return {
    waiting: t`waiting`, reading: t`reading …`, failed: t`cannot be read`,
    read: unchecked.length ? t`${unchecked.length} unsure` : t`all checked`,
  }[state];
}

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
  showPile();
}

// What can be done with the current sheet, and how far it is.
function showWork() {
  const { name, state, cells, unchecked, canUndo, error } = current;
  const isRead = state === "read";
  byId("work-title").textContent = name;
  byId("work-state").replaceChildren(...stateOf(current));
  work.dataset.state = state;
  const check = byId("check");
  check.textContent = unchecked.length ? t`Check ${plural(unchecked.length, "unsure cell")}` : t`Look through the cells`;
  check.hidden = cells.length === 0;
  byId("undo").disabled = !canUndo;
  byId("again").hidden = !error;
  byId("work-state").toggleAttribute("data-failed", Boolean(error));
  for (const id of ["mend", "turn"]) byId(id).disabled = !isRead;
  for (const id of ["export", "copy"]) byId(id).disabled = !isRead || cells.length === 0;
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
  showPile();
}

function done() {
  byId("export").focus();
}

const stem = (name) => name.replace(/\.\w+$/, "");

// Saves sheets as a file; of several, each row begins with the sheet's name.
function save(chosen, name) {
  const rows = chosen.length === 1 ? chosen[0].rows
    : chosen.flatMap((sheet) => sheet.rows.map((row) => (row.length ? [sheet.name, ...row] : row)));
  const file = new Blob([csv(rows)], { type: "text/csv;charset=utf-8" });
  const link = element("a", { href: URL.createObjectURL(file), download: name });
  link.click();
  // The browser needs the address for a moment.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  exported(chosen);
}

async function copy() {
  try {
    await navigator.clipboard.writeText(tsv(current.rows));
    exported([current]);
  } catch {
    message.textContent = t`This browser does not let the page copy: save it as CSV.`;
  }
}

function exported(chosen) {
  for (const sheet of chosen) sheet.isUnsaved = false;
  const left = chosen.reduce((sum, { unchecked }) => sum + unchecked.length, 0);
  message.textContent = left
    ? t`Done. Still unsure, with a question mark at the end: ${left}.` : t`Done.`;
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
