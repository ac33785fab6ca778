// Wires the page: what is drawn or chosen goes to the server, one request at a
// time, always the newest; what comes back is shown.

import { Away, Refused, models, predict } from "./api.js";
import { pause } from "./dom.js";
import { Drawing } from "./drawing.js";
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
  if (event.target.closest("input, textarea, select")) return;
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z") {
    event.preventDefault();
    drawing.undo();
  } else if (event.key === "Escape" || event.key === "Delete") {
    clearAll();
  }
});

startTeaching({ taught: clearAll, changed: connect });
connect();

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
  const begun = performance.now();
  try {
    const answer = await predict(request.input);
    // The drawing may have been cleared meanwhile.
    if (shown === request) showAnswer(answer, request.finished && !next, performance.now() - begun);
  } catch (error) {
    if (error instanceof Away && !request.failed) {
      // Once more when the server answers again; if it fails then too, the
      // request itself is at fault.
      request.failed = true;
      return away();
    }
    if (error instanceof Refused && error.status === 429) {
      await pause(200);
      if (shown === request) next ??= request;
    } else if (shown === request) {
      showError(error instanceof Away ? "This could not be sent to the server." : error.message);
    }
  }
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
      // What was drawn meanwhile is newer than what was asked last.
      if (shown && !next) read(shown);
      return;
    } catch {
      showConnection("away", "The server is away; trying again …");
      await pause(RETRY_EVERY);
    }
  }
}

// Says it once: the element is a live region.
function showConnection(state, text) {
  connection.dataset.state = state;
  if (connection.textContent !== text) connection.textContent = text;
}

let reconnecting = false;
async function away() {
  if (reconnecting) return;
  reconnecting = true;
  showError("The server is away. Your drawing is kept and will be read when it is back.");
  await connect();
  reconnecting = false;
}
