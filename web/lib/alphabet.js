// The samples that this browser keeps to itself: my alphabet. They are in IndexedDB, as { id, label,
// strokes, glyph, created } with `strokes` null for pictures and `glyph` as 784 bytes, and go as the
// JSON lines that servers export and import.

import { KEPT } from "./inbrowser.js";
import { t } from "./words.js";

const [DATABASE, STORE] = ["glyphic", "samples"];
// The same as the server's.
const LONGEST_LABEL = 32;
const PIXELS = 784;
// So many are kept.
const MOST = 1000;
// The part of an address that is an alphabet.
const MARK = "#alphabet=";

// The page's other windows, which keep the same samples.
const windows = new BroadcastChannel("glyphic-alphabet");
// Calls `changed()` when another window has other samples.
export const follow = (changed) => windows.addEventListener("message", changed);

let opened = null;

// Opens the database once. Browsers may refuse it, in private windows for example.
function database() {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "id", autoIncrement: true });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error("blocked"));
  });
  opened.catch(() => (opened = null));
  return opened;
}

// What `use(store)` asks for, when all of it is on disk.
async function transaction(mode, use) {
  const all = (await database()).transaction(STORE, mode, { durability: "strict" });
  const request = use(all.objectStore(STORE));
  return new Promise((resolve, reject) => {
    all.oncomplete = () => resolve(request?.result);
    all.onabort = () => reject(all.error);
  });
}

export const samples = () => transaction("readonly", (store) => store.getAll());
export const count = () => transaction("readonly", (store) => store.count());
export async function remove(ids) {
  await transaction("readwrite", (store) => ids.forEach((id) => store.delete(id)));
  windows.postMessage("removed");
}

// Keeps samples, all or none; returns them with their ids.
export async function add(added) {
  if ((await count()) + added.length > MOST) {
    throw new Error(t`This browser keeps at most ${MOST} drawings: delete some first.`);
  }
  const all = (await database()).transaction(STORE, "readwrite", { durability: "strict" });
  const requests = added.map((sample) => all.objectStore(STORE).add({ ...sample, created: Date.now() }));
  await new Promise((resolve, reject) => {
    all.oncomplete = resolve;
    all.onabort = () => reject(all.error);
  });
  try {
    localStorage.setItem(KEPT, "yes");
  } catch {
    // They are kept, and read until the next reload.
  }
  windows.postMessage("added");
  return added.map((sample, i) => ({ ...sample, id: requests[i].result }));
}

// The samples as JSON lines.
export const lines = (all) => all.map(({ label, strokes, glyph }) =>
  `${JSON.stringify({ label, source: "browser", ...(strokes && { strokes }), glyph: base64(glyph) })}\n`).join("");

// The samples of JSON lines. Those without a glyph get theirs by `glyphOf({ strokes })`. Fails with what
// is wrong, and in which line.
export async function parsed(text, glyphOf) {
  const found = [];
  for (const [i, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    try {
      const sample = JSON.parse(line);
      // Servers keep samples that are still to be labelled.
      if (sample?.label !== null) found.push(await sampleOf(sample ?? {}, glyphOf));
    } catch (error) {
      throw new Error(t`Line ${i + 1}: ${error.message}`);
    }
  }
  if (found.length === 0) throw new Error(t`There are no samples in it.`);
  return found;
}

async function sampleOf({ label, strokes = null, glyph }, glyphOf) {
  const name = checkedLabel(label);
  const isPoint = (point) => Array.isArray(point) && point.length === 2 && point.every(Number.isFinite);
  if (strokes !== null && !(Array.isArray(strokes) && strokes.every((s) => Array.isArray(s) && s.every(isPoint)))) {
    throw new Error(t`its strokes are not lists of points`);
  }
  const pixels = glyph === undefined && strokes ? await glyphOf({ strokes }) : bytes(glyph);
  if (pixels?.length !== PIXELS) throw new Error(t`it has no glyph of 784 pixels and no strokes`);
  return { label: name, strokes, glyph: pixels };
}

// A label without the spaces around it. Fails with what is wrong.
export function checkedLabel(label) {
  const name = typeof label === "string" ? label.trim().normalize("NFC") : "";
  if (name === "" || [...name].length > LONGEST_LABEL) throw new Error(t`its label is missing or too long`);
  // Two labels that differ must look different.
  if (/[\p{C}\p{Zl}\p{Zp}]/u.test(name)) throw new Error(t`its label has an invisible character`);
  return name;
}

// An address that opens this page with these samples.
export async function link(all) {
  const packed = await through(new CompressionStream("deflate-raw"), new TextEncoder().encode(lines(all.map(slim))));
  const safe = base64(packed).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  return `${location.href.split("#")[0]}${MARK}${safe}`;
}

// The JSON lines in this page's address; null if there are none. They are taken out of it.
export async function fromLink() {
  if (!location.hash.startsWith(MARK)) return null;
  const text = location.hash.slice(MARK.length).replaceAll("-", "+").replaceAll("_", "/");
  history.replaceState(null, "", location.href.split("#")[0]);
  try {
    return new TextDecoder().decode(await through(new DecompressionStream("deflate-raw"), bytes(text)));
  } catch {
    throw new Error(t`The link is damaged: copy it again, whole.`);
  }
}

// Whole coordinates of a drawing are enough, and half as long; its glyph is made anew.
const slim = ({ label, strokes, glyph }) => {
  const whole = (n) => Math.round(n);
  return strokes
    ? { label, strokes: strokes.map((stroke) => stroke.map((point) => point.map(whole))), glyph }
    : { label, strokes, glyph };
};

async function through(stream, content) {
  const answer = new Response(new Blob([content]).stream().pipeThrough(stream));
  return new Uint8Array(await answer.arrayBuffer());
}

const base64 = (content) => btoa(Array.from(content, (byte) => String.fromCharCode(byte)).join(""));

function bytes(text) {
  if (typeof text !== "string") return null;
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
