// Samples that are kept by the server, and trained on there.

import { Unreachable, deleteSample, samples, saveSample, summary } from "./api.js";
import { element, plural } from "./dom.js";
import { t } from "./words.js";

// So many thumbnails of a label are shown, the newest first.
export const SHOWN = 12;

export const there = {
  name: "server",

  // Saves what an input shows; returns what to say, and how to take it back.
  async save(input, label) {
    const sample = await saveSample(input, label);
    if (sample.duplicate) return { text: t`This exact picture is already saved as ${label}.` };
    return { text: savedAs(label, sample), undo: () => deleteSample(sample.id) };
  },

  failure: (error) => error instanceof Unreachable
    ? t`The server is not responding: this was not saved.` : error.message,

  async pictures(label) {
    const { total, samples: newest } = await samples({ label, limit: SHOWN });
    return { count: total, pictures: newest.map(({ picture }) => element("img", { src: picture, alt: "", class: "glyph" })) };
  },

  // What is there: the samples' labels, what to say of them, and whether there is anything to train on.
  // Null if nothing is kept here.
  async state() {
    try {
      const { since_training: fresh, labelled, held_back: heldBack, labels, own, kept } = await summary();
      return {
        names: labels.map(({ name }) => name),
        count: counted(fresh, labelled, own, heldBack),
        kept: whatIsKept(kept, own),
        // Without new samples too: those that were deleted are unlearned.
        canTrain: labelled > 0 && heldBack > 0,
      };
    } catch (error) {
      // A server without a database keeps no samples.
      if (error.code === "training_off") return null;
      throw error;
    }
  },
};

// What was saved, and what had been read before: as it was shown.
function savedAs(label, { prediction, verdict, contradicts }) {
  if (contradicts) return t`Saved as ${label}. The same picture is saved with another label too: delete one of them on the page Samples.`;
  if (verdict === "not_a_digit") return t`Saved as ${label} (it was not recognised).`;
  if (prediction === label) return t`Saved as ${label} (it was read correctly).`;
  return t`Saved as ${label} (it was read as ${prediction}).`;
}

function counted(fresh, labelled, own, heldBack) {
  if (own && labelled > 0) {
    return t`${plural(labelled, "sample")} of yours: they count once the server's operator confirms them.`;
  }
  if (labelled > 0 && heldBack === 0) {
    return t`${plural(fresh, "new sample")}. Training needs two of one symbol: one to learn from, one to measure by.`;
  }
  if (fresh > 0) return t`${plural(fresh, "new sample")} to learn from.`;
  return labelled > 0 ? t`${plural(labelled, "sample")}, nothing new to learn from.` : t`No samples yet.`;
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
