// Keeps what the user says is written in a cell as samples: each digit by its own ink, so that nothing
// of its neighbours or of the printed lines is in them.

import { deleteSample, saveSample, summary, told } from "./api.js";
import { blobOf, byId, plural } from "./dom.js";
import { patiently } from "./patience.js";
import { Sheet } from "./sheet.js";
import { parts, t } from "./words.js";

const choice = byId("teach-choice");
const box = byId("teach");
const message = byId("taught");

let saved = 0;
// One after the other: a server answers only so many requests at a time.
let last = Promise.resolve();

// Offers to keep samples, if the server does.
export async function startCorrections() {
  try {
    await summary();
    choice.hidden = false;
  } catch {
    box.checked = false;
  }
}

// Saves the digits of a cell under the symbols of its text, instead of what was saved of it before.
export function saveDigits(cell, labels) {
  forgetDigits(cell);
  // A heading is printed.
  if (!box.checked || cell.isHeading) return;
  // A slip of the finger must not teach a new symbol.
  const digits = Sheet.digitsOf(cell, cell.text).filter(([{ seen }, label]) => seen && labels.includes(label));
  cell.samples = digits.length > 0 ? queue(() => saveAll(digits)) : null;
}

async function saveAll(digits) {
  const ids = [];
  for (const [{ seen }, label] of digits) {
    const { id, duplicate } = await patiently(() => saveSample({ blob: blobOf(seen) }, label));
    if (duplicate) continue;
    ids.push(id);
    say(1);
  }
  return ids;
}

// Deletes what was saved of a cell.
export function forgetDigits(cell) {
  const { samples } = cell;
  cell.samples = null;
  if (!samples) return;
  queue(async () => {
    for (const id of await samples) {
      await patiently(() => deleteSample(id));
      say(-1);
    }
    return [];
  });
}

// Does some work after all that came before; a failure of it is told.
function queue(work) {
  const done = last.then(work).catch((error) => {
    message.replaceChildren(...parts`Not all samples were saved: ${told(error)}`);
    return [];
  });
  last = done;
  return done;
}

function say(more) {
  saved += more;
  message.textContent = t`${plural(saved, "sample")} saved.`;
}
