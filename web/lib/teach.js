// The panel "What was it?": saves a drawing as a labelled sample, on the server or in this browser, and
// starts training on the server's.

import { byId, element } from "./dom.js";
import { here, startHere, takeLink } from "./here.js";
import { trainNow, watchJobs } from "./job.js";
import { there } from "./there.js";
import { t } from "./words.js";

const section = byId("teach");
const teachHint = byId("teach-hint");
const chips = byId("teach-labels");
const form = byId("teach-new");
const field = byId("teach-name");
const message = byId("teach-message");
const undoButton = byId("teach-undo");
const count = byId("teach-count");
const kept = byId("teach-kept");
const trainButton = byId("train");

let labels = [];
let added = [];
let current = null;
let callbacks;

// `network` is the one in this browser, and `reader()` says who reads: "server" or "browser", where
// samples go then. `saved()` is called when a drawing was saved as a sample, `changed()` when another
// network may be serving, `taught()` when this browser was taught.
export function startTeaching(given) {
  callbacks = given;
  undoButton.addEventListener("click", undo);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const label = field.value.trim();
    if (!label) return;
    if (![...labels, ...added].includes(label)) added.push(label);
    field.value = "";
    showChips();
    save(label);
  });
  startHere(given.network, say, () => {
    refresh();
    callbacks.taught();
  });
  refresh();
}

// There is a server, which can train.
export function startTraining() {
  trainButton.addEventListener("click", async () => {
    trainButton.disabled = true;
    await trainNow();
    refresh();
  });
  watchJobs(() => {
    refresh();
    callbacks.changed();
  });
}

// Where samples go now.
const place = () => (callbacks?.reader() === "browser" ? here : there);

// The network in this browser can read now: an alphabet in the page's address is taken.
export const ready = () => takeLink();

// Sets the labels of the network that is serving.
export function setLabels(ofNetwork) {
  labels = ofNetwork;
  added = added.filter((label) => !labels.includes(label));
  showChips();
  refresh();
}

// Sets the input that can be saved: { strokes }, { pixels }, { blob } or null. `hint` tells the
// user what to do.
export function setInput(input, hint = t`Say what you drew, and Glyphic saves it as a sample to learn from.`) {
  current = input;
  teachHint.textContent = hint;
  section.toggleAttribute("data-ready", input !== null);
  for (const button of section.querySelectorAll(".chips button, #teach-new button")) {
    button.disabled = input === null;
  }
}

let shownChips = "";
function showChips() {
  const all = [...labels, ...added];
  // Rebuilt only if they have changed: the user may be about to click one.
  if (all.join("\n") === shownChips) return;
  shownChips = all.join("\n");
  const chip = (label) =>
    element("button", {
      type: "button", class: "chip", disabled: current === null,
      "aria-label": t`Save as ${label}`, onclick: () => save(label),
    }, label);
  chips.replaceChildren(...all.map(chip));
}

let saving = false;
async function save(label) {
  const input = current;
  // The second click of a double click is not meant.
  if (saving) return;
  if (!input) return say(t`Draw something first, then say what it is.`);
  saving = true;
  const to = place();
  try {
    const { text, undo: takeBack } = await to.save(input, label);
    say(text);
    if (takeBack) offerUndo(takeBack);
    if (to === here) callbacks.taught();
    // The user may already be drawing the next one.
    if (current === input) callbacks.saved();
    refresh();
  } catch (error) {
    say(to.failure(error));
  }
  saving = false;
}

let takeBack = null;
function offerUndo(last) {
  takeBack = last;
  undoButton.hidden = false;
}

async function undo() {
  try {
    await takeBack();
    say(t`Undone.`);
  } catch (error) {
    say(error.message);
  }
  undoButton.hidden = true;
  refresh();
}

// Shows how many samples there are, and whether there is anything to train on.
async function refresh() {
  if (!callbacks) return;
  const of = place();
  try {
    const state = await of.state();
    if (of !== place()) return;
    section.hidden = state === null;
    if (!state) return;
    section.dataset.place = of.name;
    for (const name of state.names) {
      if (![...labels, ...added].includes(name)) added.push(name);
    }
    showChips();
    trainButton.disabled = !state.canTrain;
    kept.textContent = state.kept;
    count.textContent = state.count;
  } catch {
    // The server does not respond, or this browser keeps nothing: what is shown stays.
  }
}

function say(text) {
  message.textContent = text;
}
