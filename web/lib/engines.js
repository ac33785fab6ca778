// Who reads: the server, or this browser. While the server reads, this browser reads
// finished drawings beside it, to show the time of both and whether they agree.

import { Away, nearest as nearestThere, read as readThere, told } from "./api.js";
import { InBrowser } from "./inbrowser.js";
import { number, t } from "./words.js";

// Time between two looks for another checkpoint, in ms.
const LOOK_EVERY = 5000;

const panel = document.getElementById("engines");
const said = document.getElementById("engines-said");
const times = {
  server: document.getElementById("time-server"),
  browser: document.getElementById("time-browser"),
};

const inBrowser = new InBrowser();
// "there", "away" for a while, or "none" where the page's files lie alone.
let server = "there";
let onChange;
let loaded;

// `changed` is called, with the browser's checkpoint and labels if it reads, when
// another engine or another checkpoint would answer from now on; `loaded` when this
// browser has another checkpoint.
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
  // Behind everything that the first drawing needs.
  (window.requestIdleCallback ?? setTimeout)(async () => {
    await load();
    look();
  });
}

// { answer, engine, waited, fellBack }: from the engine that was chosen, or from this
// browser if the server does not answer. `waited` is in ms.
export async function read(input) {
  let fellBack = false;
  if (engine() === "server") {
    try {
      return { ...(await timed("server", input)), fellBack };
    } catch (error) {
      if (!(error instanceof Away) || !inBrowser.isReady) throw error;
      fellBack = true;
    }
  }
  if (!inBrowser.isReady) await inBrowser.update();
  return { ...(await timed("browser", input)), fellBack };
}

// Has this browser read what the server read, and says whether both agree, if
// `isShown` still holds then. What this browser reads is not sent to the server.
export async function compare(input, { engine, answer }, isShown) {
  if (engine === "browser" || !inBrowser.isReady) return;
  try {
    const { answer: beside } = await timed("browser", input);
    if (!isShown() || beside.model !== answer.model) return;
    const none = beside.verdict === "not_a_digit";
    const alike = none === (answer.verdict === "not_a_digit") && (none || beside.text === answer.text);
    if (alike) say(t`Both say the same.`);
    else say(none ? t`This browser says that it is none.` : t`This browser says ${beside.text || t`nothing`}.`);
  } catch {
    // It was only to be compared with.
  }
}

// What happens inside the network; of the checkpoint that this browser has.
export const explain = (task, given) => inBrowser.explain(task, given);
export const isUnable = () => panel.dataset.browser === "failed";
export const temperature = () => inBrowser.temperature;

// The training examples nearest to a glyph. The server has them: null if it does not read.
export const nearest = async (pixels) => (engine() === "server" ? nearestThere(pixels) : null);

// Nothing is shown any more.
export function forget() {
  describe();
}

// Says whether the server is "there", "away" or "none".
export function setServer(state) {
  if (server === state) return;
  server = state;
  panel.dataset.server = state;
  times.server.textContent = state === "away" ? t`away` : "";
  if (state === "none") panel.querySelector('[value="browser"]').checked = true;
  describe();
  if (engine() === "browser") onChange();
}

// Whether there is no server, now or at all.
export const isAlone = () => server !== "there";

function engine() {
  return server === "there" ? panel.querySelector("input:checked").value : "browser";
}

// Takes over what is served now, if it is another checkpoint than before.
async function load() {
  const before = inBrowser.checkpoint;
  try {
    await inBrowser.update();
    panel.dataset.browser = "ready";
  } catch (error) {
    // Without a server there is nothing newer to have.
    if (inBrowser.isReady && !(error instanceof Away)) {
      say(t`This page is older than the checkpoint that is served: reload it.`);
    }
    if (inBrowser.isReady) return;
    panel.dataset.browser = "failed";
    times.browser.textContent = t`not available`;
    if (engine() === "browser") said.replaceChildren(...(error instanceof Away ? [t`the network could not be loaded`] : told(error)));
  }
  if (inBrowser.checkpoint === before) return;
  loaded();
  times.browser.textContent = "";
  describe();
  if (engine() === "browser") onChange();
}

// A swap on the server reaches this browser.
function look() {
  setTimeout(async () => {
    if (!document.hidden) await load();
    look();
  }, LOOK_EVERY);
}

async function timed(engine, input) {
  const begun = performance.now();
  const answer = await (engine === "server" ? readThere(input) : inBrowser.read(input));
  const waited = performance.now() - begun;
  times[engine].textContent = number(waited, waited < 10 ? 1 : 0, "ms");
  return { answer, engine, waited };
}

function describe() {
  const alone = server === "away" && inBrowser.isReady;
  if (alone) say(t`Until the server is back, this browser reads by itself.`);
  else if (server === "there" && engine() === "browser") say(t`Nothing is sent to the server.`);
  else say("");
}

function say(text) {
  if (said.textContent !== text) said.textContent = text;
}
