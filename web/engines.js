// Who reads: the server, or this browser. The one that was not asked is asked
// beside it when a drawing is finished, to show the times of both.

import { Away, predict } from "./api.js";
import { InBrowser } from "./inbrowser.js";

// Time between two looks for another checkpoint, in ms.
const LOOK_EVERY = 5000;

const panel = document.getElementById("engines");
const said = document.getElementById("engines-said");
const times = {
  server: document.getElementById("time-server"),
  browser: document.getElementById("time-browser"),
};

const inBrowser = new InBrowser();
// "there", "away" for a while, or "none" behind a host of files alone.
let server = "there";
let onAway;
let onChange;

// `away` is called when the server stopped answering; `changed`, with the browser's
// checkpoint and labels if they are what reads, when another engine or another
// checkpoint would answer from now on.
export function start({ away, changed }) {
  onAway = away;
  onChange = () => {
    const { checkpoint, labels } = inBrowser;
    changed(engine() === "browser" ? { checkpoint, labels } : {});
  };
  panel.addEventListener("change", async () => {
    await load();
    onChange();
  });
  // Behind everything that the first drawing needs.
  (window.requestIdleCallback ?? setTimeout)(async () => {
    await load();
    look();
  });
}

// { answer, engine, waited }: from the engine that was chosen, or from this browser if
// the server is away. `waited` is in ms.
export async function read(input) {
  if (engine() === "server") {
    try {
      return await timed("server", input);
    } catch (error) {
      if (!(error instanceof Away) || !inBrowser.isReady) throw error;
      setServer("away");
      onAway();
    }
  }
  if (!inBrowser.isReady) await inBrowser.update();
  return timed("browser", input);
}

// Asks the other engine for the same, and says whether both agree.
export async function compare(input, { engine, answer }) {
  const other = engine === "server" ? "browser" : "server";
  if (other === "server" ? server !== "there" : !inBrowser.isReady) return;
  try {
    const { answer: beside } = await timed(other, input);
    if (beside.model !== answer.model) return say("They have different checkpoints just now.");
    const alike = beside.label === answer.label;
    say(alike ? "Both say the same." : `The other one says ${beside.label ?? "nothing"}.`);
  } catch {
    // It was only to be compared with.
  }
}

// Says whether the server is "there", "away" or "none".
export function setServer(state) {
  if (server === state) return;
  server = state;
  panel.dataset.server = state;
  if (state !== "there") times.server.textContent = state === "away" ? "away" : "none here";
  sayWhoReads();
  if (engine() === "browser") onChange();
}

function sayWhoReads() {
  say(server === "away" && inBrowser.isReady ? "Until it is back, this browser reads by itself." : "");
}

function engine() {
  return server === "there" ? panel.querySelector("input:checked").value : "browser";
}

// Takes over what is served now, if it is another checkpoint than before.
async function load() {
  const before = inBrowser.checkpoint;
  try {
    await inBrowser.update();
    if (panel.dataset.browser === "failed") times.browser.textContent = "";
    panel.dataset.browser = "ready";
  } catch (error) {
    if (inBrowser.isReady) return;
    panel.dataset.browser = "failed";
    times.browser.textContent = "not available";
    if (engine() === "browser") say(error.message);
  }
  if (inBrowser.checkpoint === before) return;
  sayWhoReads();
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
  const answer = await (engine === "server" ? predict(input) : inBrowser.predict(input));
  const waited = performance.now() - begun;
  times[engine].textContent = `${waited < 10 ? waited.toFixed(1) : waited.toFixed(0)} ms`;
  return { answer, engine, waited };
}

function say(text) {
  said.textContent = text;
}
