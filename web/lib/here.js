// Samples that this browser keeps to itself and reads at once: see alphabet.js.

import * as alphabet from "./alphabet.js";
import { importSamples, told } from "./api.js";
import { byId, element, plural } from "./dom.js";
import { glyphCanvas } from "./glyph.js";
import { SHOWN } from "./there.js";
import { t } from "./words.js";

const tools = byId("alphabet");
let network;
let say;
let changed;

const here = {
  name: "browser",

  async save(input, label) {
    const glyph = await network.glyph(input);
    const name = alphabet.checkedLabel(label);
    const kept = await alphabet.add([{ label: name, strokes: input.strokes ?? null, glyph: glyph.slice() }]);
    await network.teach(kept);
    const own = (await alphabet.samples()).filter((sample) => sample.label === name).length;
    return { text: t`Saved as ${name}: ${plural(own, "drawing")}. It is read from now on.`, undo: () => forget(kept) };
  },

  takeLink,

  failure: (error) => t`This was not saved: ${error.message}`,

  async pictures(label) {
    const own = (await alphabet.samples()).filter((sample) => sample.label === label).reverse();
    return { count: own.length, pictures: own.slice(0, SHOWN).map(({ glyph }) => glyphCanvas(glyph)) };
  },

  async state() {
    const all = await alphabet.samples();
    tools.toggleAttribute("data-empty", all.length === 0);
    return {
      names: [...new Set(all.map(({ label }) => label))],
      count: all.length ? t`${plural(all.length, "drawing")} in this browser.` : t`Nothing taught yet.`,
      kept: t`What you save stays in this browser and is sent nowhere. Three drawings of a new symbol are enough to read it.`,
      canTrain: false,
    };
  },
};

// `given` is the network in this browser: `glyph(input)`, `teach(samples)`, `forget(ids)`. `tell(text)`
// shows a message, `onChange()` is called when other samples are there. Returns this place.
export function startHere(given, tell, onChange) {
  [network, say, changed] = [given, tell, onChange];
  byId("alphabet-save").addEventListener("click", () => doing(saveFile));
  byId("alphabet-link").addEventListener("click", () => doing(copyLink));
  byId("alphabet-send").addEventListener("click", () => doing(send));
  byId("alphabet-clear").addEventListener("click", () => doing(clear));
  byId("alphabet-open").addEventListener("change", ({ target }) => {
    const [file] = target.files;
    target.value = "";
    if (file) doing(async () => addAll(await alphabet.parsed(await file.text(), network.glyph)));
  });
  alphabet.follow(() => doing(async () => {
    await network.teachInstead(await alphabet.samples());
    changed();
  }));
  return here;
}

// Takes what the page's address holds, once the network can read it.
function takeLink() {
  return doing(async () => {
    const text = await alphabet.fromLink();
    if (text === null) return;
    const found = await alphabet.parsed(text, network.glyph);
    const labels = [...new Set(found.map(({ label }) => label))].join(" ");
    // A link changes how this browser reads.
    if (window.confirm(t`Add ${plural(found.length, "drawing")} of ${labels} from this link?`)) await addAll(found);
  });
}

async function doing(work) {
  try {
    await work();
  } catch (error) {
    say(...told(error));
  }
}

async function addAll(found) {
  // What is there already is not kept twice.
  const known = new Set((await alphabet.samples()).map(nameOf));
  const added = await alphabet.add(found.filter((sample) => !known.has(nameOf(sample))));
  await network.teach(added);
  say(t`${plural(added.length, "drawing")} added.`);
  changed();
}

const nameOf = ({ label, glyph }) => `${label} ${glyph.join()}`;

async function forget(samples) {
  const ids = samples.map(({ id }) => id);
  await alphabet.remove(ids);
  await network.forget(ids);
  changed();
}

const file = async () => new Blob([alphabet.lines(await alphabet.samples())], { type: "application/x-ndjson" });

async function saveFile() {
  const link = element("a", { href: URL.createObjectURL(await file()), download: "my-alphabet.jsonl" });
  link.click();
  // The browser needs the address for a moment.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

async function copyLink() {
  if (!navigator.clipboard) throw new Error(t`Browsers copy only with https or on localhost: save a file instead.`);
  await navigator.clipboard.writeText(await alphabet.link(await alphabet.samples()));
  say(t`The link is copied. It adds these drawings where it is opened.`);
}

async function send() {
  const { added } = await importSamples(await file());
  say(t`${plural(added, "drawing")} sent to the server.`);
}

async function clear() {
  const all = await alphabet.samples();
  if (!window.confirm(t`Delete ${plural(all.length, "drawing")}?`)) return;
  await forget(all);
  say(t`Deleted ${plural(all.length, "drawing")}.`);
}
