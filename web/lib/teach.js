// Teaching: say what a drawing was, and it is kept; train on what was kept.

import { Away, deleteSample, summary, teach } from "./api.js";
import { byId, element, plural } from "./dom.js";
import { trainNow, watchJobs } from "./job.js";
import { t } from "./words.js";

const section = byId("teach");
const teachHint = byId("teach-hint");
const chips = byId("teach-labels");
const form = byId("teach-new");
const field = byId("teach-name");
const said = byId("teach-said");
const undoButton = byId("teach-undo");
const count = byId("teach-count");
const trainButton = byId("train");

let labels = [];
let added = [];
let current = null;
let callbacks;

// `taught()` is called when a drawing was kept, `changed()` when another
// network may be serving.
export function startTeaching(given) {
  callbacks = given;
  trainButton.addEventListener("click", async () => {
    trainButton.disabled = true;
    await trainNow();
    refresh();
  });
  undoButton.addEventListener("click", takeBack);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const label = field.value.trim();
    if (!label) return;
    if (![...labels, ...added].includes(label)) added.push(label);
    field.value = "";
    showChips();
    keep(label);
  });
  watchJobs(() => {
    refresh();
    callbacks.changed();
  });
  refresh();
}

// The labels that the network knows.
export function setLabels(known) {
  labels = known;
  added = added.filter((label) => !known.includes(label));
  showChips();
  refresh();
}

// What would be taught now: { strokes }, { pixels }, { blob } or null.
// `hint` says what to do first, if there is nothing.
export function setInput(input, hint = t`Say what you drew, and Glyphic keeps it to learn from.`) {
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
  // Rebuilt only if they are others: somebody may be about to click one.
  if (all.join("\n") === shownChips) return;
  shownChips = all.join("\n");
  const chip = (label) =>
    element("button", {
      type: "button", class: "chip", disabled: current === null,
      "aria-label": t`It is ${label}: teach it`, onclick: () => keep(label),
    }, label);
  chips.replaceChildren(...all.map(chip));
}

let keeping = false;
async function keep(label) {
  const input = current;
  // The second click of a double one is not meant.
  if (keeping) return;
  if (!input) return say(t`Draw something first, then say what it is.`);
  keeping = true;
  try {
    const sample = await teach(input, label);
    if (sample.duplicate) say(t`This very picture is known as ${label} already.`);
    else if (sample.prediction === label) say(t`Kept as ${label} (it was read right).`);
    else say(t`Kept as ${label} (it was read as ${sample.prediction}).`);
    if (!sample.duplicate) offerUndo(sample.id);
    // Whoever draws on already keeps that drawing.
    if (current === input) callbacks.taught();
    refresh();
  } catch (error) {
    say(error instanceof Away ? t`The server is away: this was not kept.` : error.message);
  }
  keeping = false;
}

let last = null;
function offerUndo(id) {
  last = id;
  undoButton.hidden = false;
}

async function takeBack() {
  try {
    await deleteSample(last);
    say(t`Taken back.`);
  } catch (error) {
    say(error.message);
  }
  undoButton.hidden = true;
  refresh();
}

// How much is new, and whether it can be trained on.
async function refresh() {
  try {
    const { since_training: fresh, labelled, labels: taught } = await summary();
    for (const { name } of taught) {
      if (![...labels, ...added].includes(name)) added.push(name);
    }
    showChips();
    section.hidden = false;
    // What was deleted can be unlearned, too.
    trainButton.disabled = labelled === 0;
    count.textContent = fresh > 0
      ? t`${plural(fresh, "new sample")} to learn from.`
      : labelled > 0 ? t`${plural(labelled, "sample")}, all learned from.` : t`Nothing taught yet.`;
  } catch (error) {
    // A server without a database does not teach.
    if (error.code === "teaching_off") section.hidden = true;
  }
}

function say(text) {
  said.textContent = text;
}
