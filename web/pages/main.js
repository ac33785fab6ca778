// Wires the drawing page: sends the drawing or picture to an engine, the server or this browser,
// one request at a time and always the newest, and shows the answer.

import { Unreachable, Refused, models } from "./api.js";
import { blobOf, pause } from "./dom.js";
import { Drawing } from "./drawing.js";
import * as engines from "./engines.js";
import { chooseAt, chooseNothing, chosenDigit, digitsOf, forgetEdge, inFocus, isDigitAt, startNumbers } from "./number.js";
import { sayNumber, showAnswer, showDigit, showEmpty, showError, showLabels, showServing } from "./result.js";
import { ready, setInput, setLabels, setNumber, startTeaching, startTraining } from "./teach.js";
import { listenForPictures, listenToInput } from "./upload.js";
import { t } from "./words.js";

// Interval between attempts to reach a server that is not responding, in ms.
const RETRY_EVERY = 1500;
const READING = t`Reading …`;

const pad = document.getElementById("pad");
const picture = document.getElementById("picture");
const connection = document.getElementById("connection");
const tool = (id) => document.getElementById(id);

document.getElementById("unserved").remove();

// The request that is to be read next, or null: { input, finished }.
let next = null;
let reading = false;
// What pictures need, loaded with the first one.
let photos = null;
// The input before each correction, and before each stroke after one: { input, isStroke }.
let mends = [];
// Those that belong to the drawing before the stroke that is being undone.
let boxesBefore = null;
// Loaded with the first correction.
let extended;
// The last request, which is sent again when the server is back.
let shown = null;
// The last answer, and the input that it belongs to.
let answered = null;
let answeredInput = null;

const drawing = new Drawing(document.getElementById("canvas"), (finished) => {
  if (!drawing.isEmpty) photos?.closePicture(mends);
  const { strokes } = drawing;
  // The user's boxes stay, and new strokes add to them.
  const boxes = boxesBefore ?? (mends.length ? extended?.(shown.input, strokes) : undefined);
  if (!boxes) mends = [];
  else if (strokes.length > shown.input.strokes.length) mends.push({ input: shown.input, isStroke: true });
  updateTools();
  if (drawing.isEmpty) return forget();
  readInput({ strokes, boxes }, finished);
}, { isAt: isDigitAt, choose: chooseAt });

listenToInput(tool("file"), openPictures);
listenForPictures(openPictures);
startNumbers({
  chosen(digit) {
    showDigit(digit, answered.labels);
    sayNumber(answered);
    offerToTeach();
    explainFocus();
  },
  // Returns whether the boxes are being read: not while a newer answer is awaited.
  correct(boxes) {
    if (!isCurrent()) return false;
    import("./extended.js").then((module) => ({ extended } = module));
    // The boxes belong to the picture as it was turned.
    const { orientation } = answered;
    correct({ ...answeredInput, ...(answeredInput.blob && { orientation }), boxes: boxes ?? undefined });
    return true;
  },
});

const tools = {
  undo,
  redo: () => drawing.redo(),
  replay: () => drawing.replay(),
  clear: clearAll,
};
for (const [id, run] of Object.entries(tools)) tool(id).addEventListener("click", run);
document.addEventListener("keydown", (event) => {
  // Typing into a field must not undo or clear the drawing.
  if (event.target.closest("input:not([type=radio], [type=range], [type=file]), textarea, select")) return;
  const command = (event.ctrlKey || event.metaKey) && event.key.toLowerCase();
  if (command === "z" || command === "y") {
    event.preventDefault();
    if (command === "y" || event.shiftKey) drawing.redo();
    else undo();
  } else if (event.key === "Escape" || event.key === "Delete") {
    clearAll();
  }
});

// Its digits are buttons, which browsers would copy line by line.
document.addEventListener("copy", (event) => {
  const selection = getSelection();
  const isOfNumber = selection.isCollapsed || selection.containsNode(tool("number"), true);
  if (!answered?.text || !isOfNumber || event.target.closest?.("input, textarea")) return;
  event.preventDefault();
  event.clipboardData.setData("text/plain", answered.text);
});

// What few visitors need is loaded when it is needed.
let insight = null;
tool("insight").addEventListener("toggle", async () => {
  insight = await import("./insight.js");
  insight.startInsight(engines.explain, engines.isUnable, engines.nearest);
  explainFocus();
}, { once: true });
tool("tour").addEventListener("click", async () => (await import("./tour.js")).tour());
tool("take").addEventListener("click", async () => (await import("./camera.js")).openCamera(openPictures));

engines.start({
  changed: enginesChanged,
  loaded() {
    insight?.forgetFilters();
    explainFocus();
    ready();
    if (isAlone) greet();
  },
});
const isAlone = document.documentElement.dataset.server === "none";
if (isAlone) alone();
const { network, taughtOne, taught } = engines;
startTeaching({ network, taughtOne, saved, taught, changed: connect });
if (!isAlone) {
  startTraining();
  connect();
}
keepOverReload();
worksOffline();

// Opens the page on something alive.
let isWelcome = !matchMedia("(prefers-reduced-motion: reduce)").matches;
async function greet() {
  if (!isWelcome) return;
  isWelcome = false;
  const { welcome } = await import("./welcome.js");
  const isUntouched = drawing.isEmpty && !drawing.canUndo && !drawing.canRedo && picture.hidden;
  if (isUntouched) drawing.show(welcome());
}

function clearAll() {
  if (tool("clear").disabled) return;
  photos?.closePicture(mends);
  mends = [];
  drawing.clear();
}

// Takes back a stroke or a correction; without any, a closed picture is back.
function undo() {
  forgetEdge();
  const { input, isStroke = true } = mends.pop() ?? {};
  boxesBefore = input?.boxes;
  if (isStroke) drawing.undo();
  else if (input.blob) photos.showAgain(input);
  else readInput(input, true);
  boxesBefore = null;
  updateTools();
  if (drawing.isEmpty && photos?.hasClosed()) photos.reopen();
}

// Reads an input in another way, until Undo.
function correct(input) {
  mends.push({ input: newest(), isStroke: false });
  updateTools();
  readInput(input, true);
}

// Clears a drawing that was saved. A number has other digits to save: it is read anew.
function saved() {
  if (!answered || digitsOf(answered).length < 2) return clearAll();
  // The next key is not meant for the same digit.
  chooseNothing();
  readAgain();
}

function updateTools() {
  const nothing = drawing.isEmpty && picture.hidden;
  tool("undo").disabled = !drawing.canUndo && !mends.length && !photos?.hasClosed();
  tool("redo").disabled = !drawing.canRedo;
  tool("replay").disabled = drawing.isEmpty;
  tool("clear").disabled = nothing;
  photos?.updateTools();
  pad.toggleAttribute("data-inked", !nothing);
}

async function openPictures(files) {
  photos = await import("./photos.js");
  photos.startPhotos({
    begin(before = []) {
      drawing.forget();
      mends = before;
    },
    read: (input) => readInput(input, true),
    correct,
    shown: newest,
    current: () => isCurrent() ? { answer: answered, input: answeredInput } : null,
    update: updateTools,
  });
  photos.openPictures(files);
}

// Has an input read. It can be saved as a sample only once it is read, since it may turn out to be
// a number.
function readInput(input, finished) {
  setInput(null, READING);
  read({ input, finished });
}

// Shows how the digit in focus was read.
function explainFocus() {
  if (!answered || digitsOf(answered).length === 0) return insight?.explainNothing();
  const digit = inFocus()?.digit ?? digitsOf(answered)[0];
  const { labels } = answered;
  const isWhole = engines.isWhole() && Boolean(answeredInput.blob);
  tool("seen").toggleAttribute("data-whole", isWhole);
  insight?.explainDigit({ digit, labels, isWhole, temperature: engines.temperature(), input: answeredInput, drawInk: inkOf(answeredInput) });
}

// Draws the part of an input that a box holds into a square.
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

// The input that was given last.
const newest = () => (next ?? shown)?.input;

// Whether the last answer belongs to the input shown, and no newer request is waiting.
const isCurrent = () => answered !== null && shown?.input === answeredInput && !next;

// Offers to save the drawing or the picture, or the selected digit of a number, as a sample.
function offerToTeach() {
  if (!isCurrent()) return;
  if (drawing.isShown) return setInput(null);
  const input = answeredInput;
  const number = digitsOf(answered).length > 1;
  const digit = chosenDigit();
  if (!number && !input.boxes) return setInput(input);
  if (digit) return setInput(inputOf(digit, input));
  setNumber(digitsOf(answered).map((digit) => inputOf(digit, input)));
}

// One digit of a number as an input.
const inputOf = ({ strokes, seen }, input) => strokes && input.strokes
  ? { strokes: strokes.map((stroke) => input.strokes[stroke]) } : { blob: blobOf(seen) };

// Empties the page. The answer to a running request will be ignored.
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
  insight?.explainNothing();
}

// Reads a request. While another one is being read, only the newest waits.
async function read(request) {
  next = request;
  if (reading) return;
  reading = true;
  while (next) {
    const current = next;
    next = null;
    shown = current;
    await readOnce(current);
  }
  reading = false;
}

async function readOnce(request) {
  try {
    const result = await engines.read(request.input);
    // The drawing may have been cleared meanwhile.
    if (shown !== request) return;
    const finished = request.finished && !next;
    answered = result.answer;
    answeredInput = request.input;
    const { strokes, boxes } = request.input;
    showAnswer(answered, finished, { ...result, drawn: Boolean(strokes), boxes });
    if (request.finished || drawing.isShown) offerToTeach();
    explainFocus();
    if (finished) engines.compare(request.input, result, () => shown === request);
    if (result.fellBack) failed(request);
  } catch (error) {
    if (shown === request) nothingAnswered();
    if (request.input.boxes && error instanceof Refused && error.status !== 429) {
      // The server refused the user's boxes: they are dropped.
      return readInput({ ...request.input, boxes: undefined }, true);
    }
    if (error instanceof Unreachable && !request.failed) {
      failed(request);
      if (shown !== request) return;
      return showError(document.documentElement.dataset.server === "none"
        ? t`The network could not be loaded; retrying …`
        : t`The server is not responding. Your drawing is kept and will be read when the server is back.`);
    }
    if (error instanceof Refused && error.status === 429) {
      await pause(200);
      if (shown === request) next ??= request;
    } else if (shown === request) {
      const alone = document.documentElement.dataset.server === "none";
      showError(error instanceof Unreachable && !alone ? t`This could not be sent to the server.` : error.message);
    }
  }
}

// A request that did not reach the server is sent once more when the server responds again. If
// that fails too, the fault is the request's own.
function failed(request) {
  if (request.failed) return;
  request.failed = true;
  reconnect();
}

// Asks the server which checkpoint is serving, again and again until it responds.
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
      engines.setServer("reachable");
      readAgain();
      greet();
      return;
    } catch {
      engines.setServer("unreachable");
      showConnection("unreachable", t`The server is not responding; retrying …`);
      await pause(RETRY_EVERY);
    }
  }
}

// The host has only the page's files: this browser does everything.
function alone() {
  engines.setServer("none");
  document.getElementById("pages").hidden = true;
  showConnection("ready", t`running in this browser`);
}

// Another engine, or another checkpoint, answers from now on.
function enginesChanged({ checkpoint, labels }) {
  if (checkpoint) {
    showLabels(labels);
    setLabels(labels);
    showServing(checkpoint);
  }
  readAgain();
}

// Reads the last request again, unless a newer one is waiting.
function readAgain() {
  if (shown && !next) read(shown);
}

// Keeps the drawing when the user changes the language, which reloads the page.
function keepOverReload() {
  const name = "glyphic-drawing";
  try {
    const saved = sessionStorage.getItem(name);
    sessionStorage.removeItem(name);
    if (saved) drawing.serialized = saved;
    tool("language").addEventListener("click", () => !drawing.isEmpty && !drawing.isShown && sessionStorage.setItem(name, drawing.serialized));
  } catch {
    // The browser blocks storage: the drawing is lost.
  }
}

// Installs the service worker, so that the page opens without a network after the first visit.
async function worksOffline() {
  try {
    await navigator.serviceWorker?.register("offline.js");
  } catch {
    // Browsers allow it only with https or on localhost. Without it the page needs its host.
  }
}

// Writes the text only if it changes: screen readers announce it each time it is written.
function showConnection(state, text) {
  connection.dataset.state = state;
  if (connection.textContent !== text) connection.textContent = text;
}

let reconnecting = false;
async function reconnect() {
  if (reconnecting || document.documentElement.dataset.server === "none") return;
  reconnecting = true;
  await connect();
  reconnecting = false;
}
