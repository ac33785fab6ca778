// Wires the page: what is drawn or chosen goes to an engine, the server's or this
// browser's, one request at a time, always the newest; what comes back is shown.

import { Away, Refused, models } from "./api.js";
import { pause } from "./dom.js";
import { Drawing } from "./drawing.js";
import * as engines from "./engines.js";
import { showAnswer, showEmpty, showError, showLabels, showServing } from "./result.js";
import { setInput, setLabels, startTeaching } from "./teach.js";
import { listenForPictures } from "./upload.js";

// Time between two tries to reach a server that is away, in ms.
const RETRY_EVERY = 1500;
// The server's default limit of a request.
const MAX_BYTES = 16 * 2 ** 20;

const pad = document.getElementById("pad");
const picture = document.getElementById("picture");
const undo = document.getElementById("undo");
const clear = document.getElementById("clear");
const connection = document.getElementById("connection");

// What should be read next, or null: { input, finished }.
let next = null;
let asking = false;
// What was last asked, to ask it again when the server is back.
let shown = null;

const drawing = new Drawing(document.getElementById("canvas"), (finished) => {
  if (!drawing.isEmpty) hidePicture();
  updateTools();
  if (drawing.isEmpty) return forget();
  const input = { strokes: drawing.strokes };
  setInput(input);
  read({ input, finished });
});

listenForPictures(document.getElementById("file"), (blob) => {
  drawing.clear();
  showPicture(blob);
  updateTools();
  if (blob.size > MAX_BYTES) return showError("This file is over 16 MB: choose a smaller picture.");
  setInput({ blob });
  read({ input: { blob }, finished: true });
});

undo.addEventListener("click", () => drawing.undo());
clear.addEventListener("click", clearAll);
document.addEventListener("keydown", (event) => {
  // Keys that are typed into a field belong to it.
  if (event.target.closest("input:not([type=radio]), textarea, select")) return;
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z") {
    event.preventDefault();
    drawing.undo();
  } else if (event.key === "Escape" || event.key === "Delete") {
    clearAll();
  }
});

engines.start({ changed: enginesChanged });
if (document.documentElement.dataset.server === "none") {
  alone();
} else {
  startTeaching({ taught: clearAll, changed: connect });
  connect();
}
worksOffline();

function clearAll() {
  if (clear.disabled) return;
  hidePicture();
  drawing.clear();
}

function updateTools() {
  undo.disabled = drawing.isEmpty;
  clear.disabled = drawing.isEmpty && picture.hidden;
  pad.toggleAttribute("data-inked", !clear.disabled);
}

function showPicture(blob) {
  URL.revokeObjectURL(picture.src);
  picture.src = URL.createObjectURL(blob);
  picture.alt = blob.name ? `The picture ${blob.name}` : "The pasted picture";
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
  engines.forget();
  setInput(null);
  showEmpty("Nothing drawn yet.", true);
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
    showAnswer(reading.answer, finished, { ...reading, drawn: Boolean(request.input.strokes) });
    if (finished) engines.compare(request.input, reading, () => shown === request);
    if (reading.fellBack) failed(request);
  } catch (error) {
    if (error instanceof Away && !request.failed) {
      failed(request);
      if (shown !== request) return;
      return showError(document.documentElement.dataset.server === "none"
        ? "The network could not be loaded; trying again …"
        : "The server is away. Your drawing is kept and will be read when it is back.");
    }
    if (error instanceof Refused && error.status === 429) {
      await pause(200);
      if (shown === request) next ??= request;
    } else if (shown === request) {
      showError(error instanceof Away ? "This could not be sent to the server." : error.message);
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
      showConnection("away", "The server is away; trying again …");
      await pause(RETRY_EVERY);
    }
  }
}

// There are only the page's files: this browser does everything.
function alone() {
  engines.setServer("none");
  document.getElementById("pages").hidden = true;
  showConnection("ready", "this browser, by itself");
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
