// The panel "What was it?": saves a drawing, or each digit of a number, as a labelled sample, on the server
// or in this browser, and starts training on the server's.

import { byId, element, plural } from "./dom.js";
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
// What can be saved: one sample, or the symbols of a number.
let current = null;
let symbols = null;
let callbacks;

// `network` is the one in this browser, and `taughtOne()` says who is taught: "server" or "browser". `saved()` is called when a drawing was saved as a sample, `changed()` when another
// network may be serving, `taught()` when this browser was taught.
export function startTeaching(given) {
  callbacks = given;
  undoButton.addEventListener("click", undo);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const label = field.value.trim();
    if (!label) return;
    if (symbols) return saveNumber(label);
    if (![...labels, ...added].includes(label)) added.push(label);
    field.value = "";
    showChips();
    save(label);
  });
  document.addEventListener("keydown", onKey);
  addEventListener("hashchange", ready);
  refresh();
}

let browsers = null;
// The place in this browser, whose code is loaded when it is needed.
function here() {
  browsers ??= import("./here.js").catch((error) => {
    browsers = null;
    throw error;
  }).then(({ startHere }) => startHere(callbacks.network, say, () => {
    refresh();
    callbacks.taught();
  }));
  return browsers;
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
const place = async () => (callbacks.taughtOne() === "browser" ? here() : there);

// The network in this browser can read now: an alphabet in the page's address is taken.
export async function ready() {
  if (location.hash.startsWith("#alphabet=")) (await here()).takeLink();
}

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
  set(input, null, hint);
}

// Sets the inputs of a number's symbols, which can be saved at once.
export function setNumber(inputs) {
  set(null, inputs, t`Choose a digit to say what it was, or type the whole number.`);
}

function set(input, ofNumber, hint) {
  [current, symbols] = [input, ofNumber];
  teachHint.textContent = hint;
  section.toggleAttribute("data-ready", input !== null);
  for (const button of chips.children) button.disabled = input === null;
  form.querySelector("button").disabled = input === null && ofNumber === null;
  field.placeholder = ofNumber ? t`the whole number` : t`another symbol`;
}

// A label's own key says what was drawn.
function onKey(event) {
  const { key, target } = event;
  const isTyping = target.closest("input:not([type=radio], [type=range], [type=file]), textarea, select, dialog, .tour");
  if (isTyping || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (section.hidden || key === " " || ![...labels, ...added].includes(key)) return;
  // The key is then typed into the field.
  if (symbols) field.focus({ preventScroll: true });
  if (!current) return;
  event.preventDefault();
  save(key);
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

function save(label) {
  const input = current;
  if (!input) return say(t`Draw something first, then say what it is.`);
  return saveAll(async (to) => {
    const { text, undo: takeBack } = await to.save(input, label);
    say(text);
    if (takeBack) offerUndo(takeBack);
    // It is saved, even if its thumbnails do not come.
    showDrawings(label, to.pictures(label)).catch(hideDrawings);
    // The user may already be drawing the next one.
    return current === input;
  });
}

// Saves each symbol of a number as what it was.
function saveNumber(text) {
  const inputs = symbols;
  const shown = [...text.normalize("NFC").replaceAll(/\s/g, "")];
  if (shown.length !== inputs.length) {
    return say(t`${text} has ${plural(shown.length, "symbol")}, and ${inputs.length} were found: join or split them first.`);
  }
  return saveAll(async (to) => {
    const undos = [];
    const offer = () => offerUndo(() => Promise.all(undos.map((takeBack) => takeBack?.())));
    try {
      for (const [i, input] of inputs.entries()) undos.push((await to.save(input, shown[i])).undo);
    } catch (error) {
      say(to.failure(error));
      if (undos.length) offer();
      return false;
    }
    field.value = "";
    say(t`Saved as ${shown.join(" ")}.`);
    offer();
    hideDrawings();
    return symbols === inputs;
  });
}

let saving = false;
// Has `work(place)` save something; it returns whether that is still shown.
async function saveAll(work) {
  // The second click of a double click is not meant.
  if (saving) return;
  saving = true;
  let to = there;
  try {
    to = await place();
    const isShown = await work(to);
    if (to !== there) callbacks.taught();
    if (isShown) callbacks.saved();
    refresh();
  } catch (error) {
    say(to.failure(error));
  }
  saving = false;
}

async function showDrawings(label, found) {
  (await import("./thumbnails.js")).showDrawings(label, await found);
}

const hideDrawings = () => (byId("teach-drawings").hidden = true);

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
  hideDrawings();
  refresh();
}

// Shows how many samples there are, and whether there is anything to train on.
async function refresh() {
  if (!callbacks) return;
  try {
    const of = await place();
    const state = await of.state();
    if (of !== await place()) return;
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

// Undo belongs to the last message, if that offers it.
function say(...text) {
  undoButton.hidden = true;
  message.replaceChildren(...text);
}
