// The panel "What was it?": saves a drawing as a labelled sample, and starts training on the
// samples.

import { Unreachable, deleteSample, saveSample, summary } from "./api.js";
import { byId, element, plural } from "./dom.js";
import { trainNow, watchJobs } from "./job.js";
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

// `saved()` is called when a drawing was saved as a sample, `changed()` when another network may
// be serving.
export function startTeaching(given) {
  callbacks = given;
  trainButton.addEventListener("click", async () => {
    trainButton.disabled = true;
    await trainNow();
    refresh();
  });
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
  watchJobs(() => {
    refresh();
    callbacks.changed();
  });
  refresh();
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
  try {
    const sample = await saveSample(input, label);
    if (sample.duplicate) say(t`This exact picture is already saved as ${label}.`);
    else say(savedAs(label, sample));
    if (!sample.duplicate) offerUndo(sample.id);
    // The user may already be drawing the next one.
    if (current === input) callbacks.saved();
    refresh();
  } catch (error) {
    say(error instanceof Unreachable ? t`The server is not responding: this was not saved.` : error.message);
  }
  saving = false;
}

// What was saved, and what had been read before: as it was shown.
function savedAs(label, { prediction, verdict, contradicts }) {
  if (contradicts) return t`Saved as ${label}. The same picture is saved with another label too: delete one of them on the page Samples.`;
  if (verdict === "not_a_digit") return t`Saved as ${label} (it was not recognised).`;
  if (prediction === label) return t`Saved as ${label} (it was read correctly).`;
  return t`Saved as ${label} (it was read as ${prediction}).`;
}

let last = null;
function offerUndo(id) {
  last = id;
  undoButton.hidden = false;
}

async function undo() {
  try {
    await deleteSample(last);
    say(t`Undone.`);
  } catch (error) {
    say(error.message);
  }
  undoButton.hidden = true;
  refresh();
}

// Shows how many samples are new, and whether there is anything to train on.
async function refresh() {
  try {
    const { since_training: fresh, labelled, labels: ofSamples, own, kept: policy } = await summary();
    for (const { name } of ofSamples) {
      if (![...labels, ...added].includes(name)) added.push(name);
    }
    showChips();
    section.hidden = false;
    // Without new samples too: those that were deleted are unlearned.
    trainButton.disabled = labelled === 0;
    kept.textContent = whatIsKept(policy, own);
    if (own && labelled > 0) {
      count.textContent = t`${plural(labelled, "sample")} of yours: they count once the server's operator confirms them.`;
      return;
    }
    count.textContent = fresh > 0
      ? t`${plural(fresh, "new sample")} to learn from.`
      : labelled > 0 ? t`${plural(labelled, "sample")}, nothing new to learn from.` : t`No samples yet.`;
  } catch (error) {
    // A server without a database keeps no samples.
    if (error.code === "training_off") section.hidden = true;
  }
}

// What the server keeps of what is sent to it, and why.
function whatIsKept({ originals, disagreements }, own) {
  const sentences = [
    originals
      ? t`What you save is kept so that the network can learn from it: with its label, and pictures as you send them, with all that is in their files, such as where a photo was taken.`
      : t`What you save is kept so that the network can learn from it: with its label, and pictures scaled down, without what else is in their files.`,
    own ? t`Your network address is kept for 30 days, so that nobody fills the server.` : "",
    disagreements
      ? t`Pictures that two networks read differently are kept too, even if you do not save them.`
      : t`What you do not save is not kept.`,
    t`You can delete your samples on the page Samples.`,
  ];
  return sentences.filter(Boolean).join(" ");
}

function say(text) {
  message.textContent = text;
}
