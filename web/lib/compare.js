// Two checkpoints read the same drawing side by side.

import { load, readBy, told, unload } from "./api.js";
import { buildBars, percent, setBars } from "./bars.js";
import { byId, element } from "./dom.js";
import { Drawing } from "./drawing.js";
import { number, t } from "./words.js";

// One of the two sides: the choice of a checkpoint, and its reading of the drawing.
class Reader {
  #select;
  #label;
  #sentence;
  #bars;
  #models = [];
  #serving = null;
  // The id of the chosen checkpoint, and whether this page had it loaded.
  #chosen = null;
  #loaded = false;
  // One request at a time: the newest drawing waits for its answer.
  #asking = false;
  #again = false;

  constructor(place) {
    this.#select = place.querySelector("select");
    this.#label = place.querySelector(".label");
    this.#sentence = place.querySelector(".sentence");
    this.#bars = place.querySelector(".bars");
    this.#select.addEventListener("change", () => this.#choose(this.#select.value));
  }

  // Sets the checkpoints to choose from and the one that is serving. `first` is chosen until
  // the user chooses another one.
  offer(models, serving, first) {
    this.#models = models;
    this.#serving = serving;
    const wanted = this.#chosen ?? first;
    this.#select.replaceChildren(
      element("option", { value: "" }, t`choose a checkpoint …`),
      ...models.map(({ id }) => element("option", { value: id, selected: id === wanted }, id)),
    );
    if (!this.#chosen && first) this.#choose(first);
  }

  async ask() {
    this.#again = true;
    if (this.#asking || !this.#chosen) return;
    this.#asking = true;
    while (this.#again) {
      this.#again = false;
      await this.#read();
    }
    this.#asking = false;
  }

  // Unloads the checkpoint that was loaded for this page.
  async release() {
    if (!this.#loaded) return;
    this.#loaded = false;
    await unload(this.#chosen).catch(() => {});
  }

  async #choose(id) {
    await this.release();
    this.#chosen = null;
    this.#show(null);
    if (!id) return;
    try {
      // The one that is serving is loaded already.
      if (id !== this.#serving) {
        this.#sentence.textContent = t`Loading …`;
        await load(id);
        this.#loaded = true;
      }
      this.#chosen = id;
      buildBars(this.#bars, this.#models.find((model) => model.id === id).labels);
      this.#show(null);
      await this.ask();
    } catch (error) {
      this.#select.value = "";
      this.#fail(error);
    }
  }

  async #read() {
    const id = this.#chosen;
    if (drawing.isEmpty) return this.#show(null);
    try {
      const answer = await readBy(id, { strokes: drawing.strokes });
      if (id === this.#chosen) this.#show(answer);
    } catch (error) {
      if (id === this.#chosen) this.#fail(error);
    }
  }

  #show(answer) {
    const none = answer?.verdict === "not_a_digit";
    this.#label.textContent = (none ? "?" : answer?.label) ?? "–";
    this.#sentence.textContent = answer?.label == null ? "" : sentence(answer);
    const nothing = () => [...this.#bars.children].map(() => 0);
    const best = answer?.probabilities ? answer.labels.indexOf(answer.label) : -1;
    setBars(this.#bars, answer?.probabilities ?? nothing(), none ? null : best);
  }

  #fail(error) {
    this.#show(null);
    this.#sentence.replaceChildren(...told(error));
  }
}

const section = byId("compare");
const pad = byId("pad");
const readers = [...section.querySelectorAll(".reader")].map((place) => new Reader(place));
const drawing = new Drawing(byId("canvas"), () => {
  pad.toggleAttribute("data-inked", !drawing.isEmpty);
  readers.forEach((reader) => reader.ask());
});
byId("clear").addEventListener("click", () => drawing.clear());
addEventListener("pagehide", () => readers.forEach((reader) => reader.release()));

// Sets the checkpoints to choose from and the one that is serving, which is also the first
// side's choice until the user chooses another one.
export function offer(models, serving) {
  const readable = models.filter(({ error }) => !error);
  section.hidden = readable.length < 2;
  readers.forEach((reader, i) => reader.offer(readable, serving, i === 0 ? serving : null));
}

function sentence({ verdict, confidence, best, timing_us: { compute } }) {
  const time = number(compute / 1000, 2, "ms");
  if (verdict === "not_a_digit") return t`Rejected; ${time}.`;
  if (verdict === "unsure") return t`${best[0].label} or ${best[1].label}; ${time}.`;
  return t`${percent(confidence)} sure; ${time}.`;
}
