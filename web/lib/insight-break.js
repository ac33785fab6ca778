// What would change the network's mind, and how it reads when it is broken.

import "./insight-page.js";
import { buildBars, percent, setBars } from "./bars.js";
import { byId, element } from "./dom.js";
import { SIDE, paintInk } from "./insight-paint.js";
import { number, t } from "./words.js";

// Colours of the ink that was added and removed.
const ADDED = [240, 163, 94];
const REMOVED = [106, 165, 240];
// The search ends after this long, in ms.
const PATIENCE = 20_000;
// It is made for so many labels, besides any.
const RIVALS = 3;

const target = byId("mind-target");
const search = byId("mind-search");
const picture = byId("mind-picture");
const bars = byId("broken-bars");
const chips = byId("silenced");

let ask;
let readAgain;
let change;
// What is shown: { pixels, clean, label, labels, probabilities, whole, silenced, noise, shapes, known }.
// `clean` is the glyph without noise, and `whole` what the whole network says of it.
let now = null;
let names = null;
let searching = 0;

// `inside(name, …args)` asks the network, `read(pixels)` reads a glyph, and `changed({ silenced,
// noise, first })` breaks the network or the picture.
export function startBreak({ inside, read, changed }) {
  ask = inside;
  readAgain = read;
  change = changed;
  search.addEventListener("click", () => (searching ? stop() : seek()));
  byId("noise").addEventListener("input", () => changed({ noise: Number(byId("noise").value) / 100 }));
  byId("silence-path").addEventListener("click", () => changed({ first: true }));
  byId("mend").addEventListener("click", () => {
    byId("noise").value = 0;
    changed({ silenced: [], noise: 0 });
  });
}

export function showBroken(next) {
  const isOther = now?.pixels.join() !== next.pixels.join();
  now = next;
  if (names !== now.labels.join()) nameLabels();
  if (isOther) forgetMind();
  const { labels, probabilities, known, whole, label, silenced, noise } = now;
  const isBroken = silenced.length > 0 || noise > 0;
  setBars(bars, probabilities, labels.indexOf(label));
  [...bars.children].forEach((item, i) => {
    const mark = item.querySelector(".whole");
    mark.style.left = `${100 * whole.probabilities[i]}%`;
    mark.hidden = !isBroken;
  });
  byId("noise-value").textContent = number(100 * noise, 0, "%");
  byId("mend").disabled = !isBroken;
  const sure = percent(Math.max(...probabilities));
  const before = percent(Math.max(...whole.probabilities));
  const says = !isBroken ? t`Nothing is broken: it reads ${label} (${sure}).`
    : label === whole.label ? t`It still reads ${label} (${sure}; whole: ${before}).`
      : t`Now it reads ${label} (${sure}) and no longer ${whole.label} (whole: ${before}).`;
  const text = known < 0.5 ? `${says} ${t`It doubts that this is any of the labels.`}` : says;
  if (byId("broken-text").textContent !== text) byId("broken-text").textContent = text;
  byId("broken").dataset.state = !isBroken ? "whole" : label === whole.label ? "holds" : "flipped";
  showChips();
}

function nameLabels() {
  names = now.labels.join();
  buildBars(bars, now.labels);
  for (const item of bars.children) item.querySelector(".track").append(element("span", { class: "whole", hidden: true }));
  target.replaceChildren(element("option", { value: "" }, t`anything else`), ...now.labels.map((label, i) => element("option", { value: String(i) }, label)));
}

function showChips() {
  const key = now.silenced.join(";");
  if (chips.dataset.shown === key) return;
  chips.dataset.shown = key;
  chips.replaceChildren(...now.silenced.map(([layer, map]) => {
    const name = now.shapes[layer].to === 1 ? t`Layer ${layer + 1}, unit ${map + 1}` : t`Layer ${layer + 1}, map ${map + 1}`;
    const rest = now.silenced.filter(([l, m]) => l !== layer || m !== map);
    return element("button", { type: "button", class: "small", "aria-label": t`Let it speak again: ${name}`, onclick: () => change({ silenced: rest }) }, `${name} ×`);
  }));
}

function forgetMind() {
  stop();
  paintInk(picture, now.pixels);
  byId("mind").dataset.state = "idle";
  byId("mind-text").textContent = t`Now it reads ${now.whole.label}.`;
}

function stop() {
  searching = 0;
  search.textContent = t`Search`;
}

// Searches dot by dot, and shows each. For anything else it also searches for each of the likeliest
// labels, and keeps what took the least ink. What is found is read once more, as every glyph is.
async function seek() {
  const begun = now.clean;
  const own = (searching = performance.now());
  const isOwn = () => searching === own;
  const wanted = target.value === "" ? undefined : Number(target.value);
  search.textContent = t`Stop`;
  byId("mind").dataset.state = "searching";
  byId("mind-text").textContent = t`Searching …`;
  let best = null;
  try {
    for (const label of wanted === undefined ? [undefined, ...rivals()] : [wanted]) {
      const pixels = await searchFor(label, begun, own);
      if (!isOwn()) return;
      if (pixels && !(best && inkBetween(begun, best) <= inkBetween(begun, pixels))) best = pixels;
    }
    if (!best) return nothing(wanted);
    showChange(begun, best);
    const { lines } = await readAgain(best);
    if (isOwn()) found(begun, best, lines.flatMap((line) => line.digits)[0]);
  } catch {
    if (isOwn()) nothing(wanted);
  }
}

// The glyph that is found to be read as a label, or as anything else; null if there is none, or if it
// takes too long.
async function searchFor(label, begun, own) {
  await ask("seek", begun, label);
  while (searching === own && performance.now() - own < PATIENCE) {
    const step = await ask("step");
    if (step.length === 0) return null;
    if (searching === own) showChange(begun, step.subarray(1));
    if (step[0] === 1) return step.subarray(1);
  }
  return null;
}

// The labels that are likeliest after the answer.
function rivals() {
  const { probabilities } = now.whole;
  return probabilities.map((_, i) => i).sort((a, b) => probabilities[b] - probabilities[a]).slice(1, 1 + RIVALS);
}

const inkBetween = (a, b) => a.reduce((sum, ink, i) => sum + Math.abs(ink - b[i]), 0);

function nothing(wanted) {
  stop();
  byId("mind").dataset.state = "nothing";
  byId("mind-text").textContent = wanted === undefined
    ? t`No small change was found that makes it read something else.`
    : t`No small change was found that makes it read ${now.labels[wanted]}.`;
}

function found(begun, pixels, digit) {
  stop();
  const ink = (pixels, amount) => number(pixels.reduce((sum, _, i) => sum + Math.max(0, amount(i)), 0) / 255, 1);
  const added = ink(pixels, (i) => pixels[i] - begun[i]);
  const removed = ink(pixels, (i) => begun[i] - pixels[i]);
  const all = ink(begun, (i) => begun[i]);
  byId("mind").dataset.state = "found";
  byId("mind").dataset.pixels = pixels.join();
  byId("mind-text").replaceChildren(
    t`It reads ${digit.label} (${percent(digit.confidence)}) with this much ink added: ${added}, and removed: ${removed}. The digit has ${all} pixels full of ink.`);
}

// The ink that stayed is white, what was added and removed has a colour.
function showChange(begun, pixels) {
  const image = new ImageData(SIDE, SIDE);
  for (let i = 0; i < SIDE * SIDE; i++) {
    const [colour, share] = pixels[i] > begun[i] ? [ADDED, (pixels[i] - begun[i]) / 255] : [REMOVED, (begun[i] - pixels[i]) / 255];
    const stays = Math.min(pixels[i], begun[i]);
    image.data.set([...colour.map((part) => stays + part * share), 255], 4 * i);
  }
  picture.getContext("2d").putImageData(image, 0, 0);
}
