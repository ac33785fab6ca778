// The two engines that can read: the server and this browser. While the server is chosen, this
// browser reads finished drawings too, to show both times and whether the answers agree.

import { Unreachable, nearest as nearestThere, read as readThere, told } from "./api.js";
import { InBrowser } from "./inbrowser.js";
import { digitsOf } from "./number.js";
import { number, t } from "./words.js";

// Interval between checks for a new checkpoint, in ms.
const CHECK_EVERY = 5000;
// In ms. Then this browser loads the network although the page is still busy.
const IDLE_WITHIN = 2000;

const panel = document.getElementById("engines");
const message = document.getElementById("engines-message");
const times = {
  server: document.getElementById("time-server"),
  browser: document.getElementById("time-browser"),
};

const inBrowser = new InBrowser();
// "reachable", "unreachable", or "none" on a host that has only the page's files.
let server = "reachable";
let onChange;
let loaded;

// `changed` is called when another engine or another checkpoint will answer from now on, with
// the checkpoint and labels if the engine is this browser; `loaded` when this browser has
// loaded another checkpoint.
export function start({ changed, loaded: onLoad }) {
  loaded = onLoad;
  onChange = () => {
    const { checkpoint, labels } = inBrowser;
    changed(engine() === "browser" ? { checkpoint, labels } : {});
  };
  panel.addEventListener("change", async () => {
    describe();
    await load();
    onChange();
  });
  // Not before everything that the first drawing needs has loaded; a busy page is never idle.
  const begin = async () => {
    await load();
    checkRegularly();
  };
  if (window.requestIdleCallback) requestIdleCallback(begin, { timeout: IDLE_WITHIN });
  else setTimeout(begin);
}

// Reads an input with the chosen engine, or with this browser if the server does not respond:
// { answer, engine, waited, fellBack }, where `waited` is in ms.
export async function read(input) {
  let fellBack = false;
  if (engine() === "server") {
    try {
      return { ...(await timed("server", input)), fellBack };
    } catch (error) {
      if (!(error instanceof Unreachable) || !inBrowser.isReady) throw error;
      fellBack = true;
    }
  }
  if (!inBrowser.isReady) await inBrowser.update();
  return { ...(await timed("browser", input)), fellBack };
}

// Has this browser read an input that the server has read, and shows whether the answers
// agree, if `isShown()` is still true then.
export async function compare(input, { engine, answer }, isShown) {
  if (engine === "browser" || !inBrowser.isReady) return;
  try {
    const { answer: own } = await timed("browser", input);
    // The memories of the two are not the same.
    const isTaught = [answer, own].some((one) => digitsOf(one).some(({ taught }) => taught));
    if (!isShown() || own.model !== answer.model || isTaught) return;
    const rejected = own.verdict === "not_a_digit";
    const agrees = rejected === (answer.verdict === "not_a_digit") && (rejected || own.text === answer.text);
    if (agrees) say(t`Both give the same answer.`);
    else say(rejected ? t`This browser rejects it: no label fits.` : t`This browser reads ${own.text || t`nothing`}.`);
  } catch {
    // Only the comparison is missing; the server's answer is shown.
  }
}

// What happens inside the network, by the checkpoint that this browser has loaded.
export const explain = (task, given) => inBrowser.explain(task, given);
export const isUnable = () => panel.dataset.browser === "failed";
export const temperature = () => inBrowser.temperature;
export const isWhole = () => inBrowser.isWhole;

// The network in this browser, to be taught: it is loaded first, if need be.
export const network = {
  glyph: async (input) => (await loadedNow()).glyph(input),
  teach: async (samples) => (await loadedNow()).teach(samples),
  teachInstead: async (samples) => (await loadedNow()).teachInstead(samples),
  forget: async (ids) => (await loadedNow()).forget(ids),
};

// Who is taught, "server" or "browser": whom the user chose, also while the server does not respond.
export const taughtOne = () => chosen();

// This browser was taught: it may have other labels now.
export function taught() {
  if (engine() === "browser") onChange();
}

async function loadedNow() {
  if (!inBrowser.isReady) await inBrowser.update();
  return inBrowser;
}

// The training examples nearest to a glyph. Only the server has them: null if this browser is
// the engine.
export const nearest = async (pixels) => (engine() === "server" ? nearestThere(pixels) : null);

// The drawing was cleared: removes the message about it.
export function forget() {
  describe();
}

// Sets whether the server is "reachable", "unreachable" or "none".
export function setServer(state) {
  if (server === state) return;
  server = state;
  panel.dataset.server = state;
  times.server.textContent = state === "unreachable" ? t`not responding` : "";
  if (state === "none") panel.querySelector('[value="browser"]').checked = true;
  describe();
  if (engine() === "browser") onChange();
}

const chosen = () => panel.querySelector("input:checked").value;

const engine = () => (server === "reachable" ? chosen() : "browser");

// Loads the checkpoint that is being served, if it is not loaded already.
async function load() {
  const before = inBrowser.checkpoint;
  try {
    await inBrowser.update();
    panel.dataset.browser = "ready";
  } catch (error) {
    // An unreachable server says nothing about a newer checkpoint.
    if (inBrowser.isReady && !(error instanceof Unreachable)) {
      say(t`This page is too old for the checkpoint being served: reload it.`);
    }
    if (inBrowser.isReady) return;
    panel.dataset.browser = "failed";
    times.browser.textContent = t`not available`;
    if (engine() === "browser") message.replaceChildren(...(error instanceof Unreachable ? [t`the network could not be loaded`] : told(error)));
  }
  if (inBrowser.checkpoint === before) return;
  loaded();
  times.browser.textContent = "";
  describe();
  if (engine() === "browser") onChange();
}

// Follows promotions on the server.
function checkRegularly() {
  setTimeout(async () => {
    if (!document.hidden) await load();
    checkRegularly();
  }, CHECK_EVERY);
}

async function timed(engine, input) {
  const begun = performance.now();
  const answer = await (engine === "server" ? readThere(input) : inBrowser.read(input));
  const waited = performance.now() - begun;
  times[engine].textContent = number(waited, waited < 10 ? 1 : 0, "ms");
  return { answer, engine, waited };
}

function describe() {
  if (server === "unreachable" && inBrowser.isReady) say(t`This browser reads your drawings until the server is back.`);
  else if (server === "reachable" && engine() === "browser") say(t`Nothing is sent to the server.`);
  else say("");
}

function say(text) {
  if (message.textContent !== text) message.textContent = text;
}
