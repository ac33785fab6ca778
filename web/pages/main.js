// Wires the page: what is drawn or chosen goes to an engine, the server's or this
// browser's, one request at a time, always the newest; what comes back is shown.

import { Away, Refused, models } from "./api.js";
import { pause } from "./dom.js";
import { Drawing } from "./drawing.js";
import * as engines from "./engines.js";
import { explainDigit, explainNothing, forgetStencils, startInsight } from "./insight.js";
import { chosenDigit, digitsOf, inFocus, startNumbers } from "./number.js";
import { sayNumber, showAnswer, showDigit, showEmpty, showError, showLabels, showServing } from "./result.js";
import { setInput, setLabels, startTeaching } from "./teach.js";
import "./tour.js";
import { listenForPictures, listenToInput } from "./upload.js";
import { t } from "./words.js";

// Time between two tries to reach a server that is away, in ms.
const RETRY_EVERY = 1500;
const READING = t`Reading …`;
// The server's default limit of a request.
const MAX_BYTES = 16 * 2 ** 20;

const pad = document.getElementById("pad");
const picture = document.getElementById("picture");
const connection = document.getElementById("connection");
const tool = (id) => document.getElementById(id);

// What should be read next, or null: { input, finished }.
let next = null;
let asking = false;
// What was last asked, to ask it again when the server is back.
let shown = null;
// What was last answered, and the input that it answers.
let answered = null;
let answeredInput = null;

const drawing = new Drawing(document.getElementById("canvas"), (finished) => {
  if (!drawing.isEmpty) hidePicture();
  updateTools();
  if (drawing.isEmpty) return forget();
  look({ strokes: drawing.strokes }, finished);
});

for (const id of ["file", "camera"]) listenToInput(tool(id), openPicture);
// Where fingers draw there is a camera; elsewhere this would be the file dialog again.
tool("take").hidden = navigator.maxTouchPoints === 0;
tool("camera").hidden = tool("take").hidden;
listenForPictures(openPicture);
startNumbers({
  chosen(digit) {
    showDigit(digit, answered.labels);
    sayNumber(answered);
    teachable();
    explainFocus();
  },
  // Says whether it is done: not while something newer is awaited.
  mend(boxes) {
    if (!isCurrent()) return false;
    look({ ...answeredInput, boxes: boxes ?? undefined }, true);
    return true;
  },
});

const tools = {
  undo: () => drawing.undo(),
  redo: () => drawing.redo(),
  replay: () => drawing.replay(),
  clear: clearAll,
};
for (const [id, run] of Object.entries(tools)) tool(id).addEventListener("click", run);
document.addEventListener("keydown", (event) => {
  // Keys that are typed into a field belong to it.
  if (event.target.closest("input:not([type=radio], [type=range]), textarea, select")) return;
  const command = (event.ctrlKey || event.metaKey) && event.key.toLowerCase();
  if (command === "z" || command === "y") {
    event.preventDefault();
    if (command === "y" || event.shiftKey) drawing.redo();
    else drawing.undo();
  } else if (event.key === "Escape" || event.key === "Delete") {
    clearAll();
  }
});

startInsight(engines.explain, engines.isUnable, engines.nearest);
engines.start({
  changed: enginesChanged,
  loaded() {
    forgetStencils();
    explainFocus();
  },
});
if (document.documentElement.dataset.server === "none") {
  alone();
} else {
  startTeaching({ taught, changed: connect });
  connect();
}
keepOverReload();
worksOffline();

function clearAll() {
  if (tool("clear").disabled) return;
  hidePicture();
  drawing.clear();
}

// A taught drawing has served; a number has other digits to teach.
function taught() {
  if (chosenDigit() === null) clearAll();
}

function updateTools() {
  const nothing = drawing.isEmpty && picture.hidden;
  tool("undo").disabled = !drawing.canUndo;
  tool("redo").disabled = !drawing.canRedo;
  tool("replay").disabled = drawing.isEmpty;
  tool("clear").disabled = nothing;
  pad.toggleAttribute("data-inked", !nothing);
}

function openPicture(blob) {
  drawing.forget();
  showPicture(blob);
  updateTools();
  if (blob.size > MAX_BYTES) return showError(t`This file is over 16 MB: choose a smaller picture.`);
  look({ blob }, true);
}

// Has an input read. It can be taught when it is read: it may be a number.
function look(input, finished) {
  setInput(null, READING);
  read({ input, finished });
}

// Shows how the digit in focus was read.
function explainFocus() {
  if (!answered || digitsOf(answered).length === 0) return explainNothing();
  const digit = inFocus()?.digit ?? digitsOf(answered)[0];
  const { labels } = answered;
  explainDigit({ digit, labels, temperature: engines.temperature(), drawInk: inkOf(answeredInput) });
}

// Draws what is in a box of an input into a square.
const inkOf = (input) => (context, side, [x, y, width, height]) => {
  const longest = Math.max(width, height, 1);
  const room = 0.12 * side;
  const scale = (side - 2 * room) / longest;
  const [left, top] = [room + (side - 2 * room - width * scale) / 2, room + (side - 2 * room - height * scale) / 2];
  context.save();
  if (input.strokes) {
    context.translate(left - x * scale, top - y * scale);
    drawing.drawOn(context, input.strokes, scale);
  } else if (picture.complete && picture.naturalWidth) {
    context.drawImage(picture, x, y, width, height, left, top, width * scale, height * scale);
  }
  context.restore();
  context.strokeStyle = getComputedStyle(pad).getPropertyValue("--accent");
  context.strokeRect(left - 2, top - 2, width * scale + 4, height * scale + 4);
};

// Whether what was answered is what is drawn, and nothing newer is wanted.
const isCurrent = () => answered !== null && shown?.input === answeredInput && !next;

// What can be taught: the drawing or the picture, or the chosen digit of a number.
function teachable() {
  if (!isCurrent()) return;
  const input = answeredInput;
  const number = digitsOf(answered).length > 1;
  const digit = chosenDigit();
  if (!number && !input.boxes) return setInput(input);
  if (!digit) return setInput(null, t`Choose one of the digits to say what it was.`);
  if (digit.strokes && input.strokes) {
    return setInput({ strokes: digit.strokes.map((stroke) => input.strokes[stroke]) });
  }
  setInput({ blob: fromDataUrl(digit.seen) });
}

function fromDataUrl(url) {
  const bytes = Uint8Array.from(atob(url.split(",")[1]), (byte) => byte.charCodeAt(0));
  return new Blob([bytes], { type: "image/png" });
}

function showPicture(blob) {
  URL.revokeObjectURL(picture.src);
  picture.src = URL.createObjectURL(blob);
  picture.alt = blob.name ? t`The picture ${blob.name}` : t`The pasted picture`;
  picture.hidden = false;
}

function hidePicture() {
  picture.hidden = true;
  updateTools();
}

// Nothing is there to be read any more; an answer under way is dropped.
function forget() {
  next = null;
  shown = null;
  nothingAnswered();
  engines.forget();
  setInput(null);
  showEmpty(t`Nothing drawn yet.`, true);
}

function nothingAnswered() {
  answered = answeredInput = null;
  explainNothing();
}

// Asks for a reading. While one is under way only the newest waits.
async function read(request) {
  next = request;
  if (asking) return;
  asking = true;
  while (next) {
    const current = next;
    next = null;
    shown = current;
    await askOnce(current);
  }
  asking = false;
}

async function askOnce(request) {
  try {
    const reading = await engines.read(request.input);
    // The drawing may have been cleared meanwhile.
    if (shown !== request) return;
    const finished = request.finished && !next;
    answered = reading.answer;
    answeredInput = request.input;
    const { strokes, boxes } = request.input;
    showAnswer(answered, finished, { ...reading, drawn: Boolean(strokes), boxes });
    if (request.finished) teachable();
    explainFocus();
    if (finished) engines.compare(request.input, reading, () => shown === request);
    if (reading.fellBack) failed(request);
  } catch (error) {
    if (shown === request) nothingAnswered();
    if (request.input.boxes && error instanceof Refused && error.status !== 429) {
      // A mend that is refused is none.
      return look({ ...request.input, boxes: undefined }, true);
    }
    if (error instanceof Away && !request.failed) {
      failed(request);
      if (shown !== request) return;
      return showError(document.documentElement.dataset.server === "none"
        ? t`The network could not be loaded; trying again …`
        : t`The server is away. Your drawing is kept and will be read when it is back.`);
    }
    if (error instanceof Refused && error.status === 429) {
      await pause(200);
      if (shown === request) next ??= request;
    } else if (shown === request) {
      const alone = document.documentElement.dataset.server === "none";
      showError(error instanceof Away && !alone ? t`This could not be sent to the server.` : error.message);
    }
  }
}

// A request that reached no server is sent once more when it answers again; if it fails
// then too, the request itself is at fault.
function failed(request) {
  if (request.failed) return;
  request.failed = true;
  away();
}

// Finds out what is serving; shows that the server is away until it is not.
async function connect() {
  for (;;) {
    try {
      const { current, device, models: all } = await models();
      const serving = all.find((model) => model.id === current);
      if (serving) {
        showLabels(serving.labels);
        setLabels(serving.labels);
      }
      showServing(current);
      showConnection("ready", device);
      engines.setServer("there");
      readAgain();
      return;
    } catch {
      engines.setServer("away");
      showConnection("away", t`The server is away; trying again …`);
      await pause(RETRY_EVERY);
    }
  }
}

// There are only the page's files: this browser does everything.
function alone() {
  engines.setServer("none");
  document.getElementById("pages").hidden = true;
  showConnection("ready", t`this browser, by itself`);
}

// Another engine, or another checkpoint, answers from now on.
function enginesChanged({ checkpoint, labels }) {
  if (checkpoint) {
    showLabels(labels);
    showServing(checkpoint);
  }
  readAgain();
}

// What was drawn meanwhile is newer than what was asked last.
function readAgain() {
  if (shown && !next) read(shown);
}

// What is drawn outlives the change of the language, which loads the page anew.
function keepOverReload() {
  const name = "glyphic-drawing";
  try {
    const kept = sessionStorage.getItem(name);
    sessionStorage.removeItem(name);
    if (kept) drawing.kept = kept;
    tool("language").addEventListener("click", () => !drawing.isEmpty && sessionStorage.setItem(name, drawing.kept));
  } catch {
    // A browser that keeps nothing begins anew.
  }
}

// Keeps the page, so that it opens without a network after the first visit.
async function worksOffline() {
  try {
    await navigator.serviceWorker?.register("offline.js");
  } catch {
    // Only from https and from this machine; without it the page needs its host.
  }
}

// Says it once: the element is a live region.
function showConnection(state, text) {
  connection.dataset.state = state;
  if (connection.textContent !== text) connection.textContent = text;
}

let reconnecting = false;
async function away() {
  if (reconnecting || document.documentElement.dataset.server === "none") return;
  reconnecting = true;
  await connect();
  reconnecting = false;
}
