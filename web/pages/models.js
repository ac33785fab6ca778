// The page of checkpoints: what each can, where it comes from, which one serves; and
// making another one serve.

import { Away, models, pin, promote, rollBack, told } from "./api.js";
import { offer } from "./compare.js";
import { byId, element, plural } from "./dom.js";
import { followRuns } from "./runs.js";
import { english, moment, number, t } from "./words.js";

// Other pages and `train` change what serves, too. In ms.
const LOOK_EVERY = 3000;

const list = byId("checkpoints");
const back = byId("back");
const said = byId("said");
const state = byId("state");

let current = null;
let shown = "";

back.addEventListener("click", () => change(() => rollBack(current)));
look();
followRuns(load);

async function look() {
  if (!document.hidden) await load();
  setTimeout(look, LOOK_EVERY);
}

async function load() {
  try {
    const answer = await models();
    show(answer);
    showState("ready", answer.device);
  } catch (error) {
    showState("away", error instanceof Away ? t`The server is away; trying again …` : error.message);
  }
}

function show(answer) {
  const text = JSON.stringify(answer);
  // Rebuilt only if it is another list: somebody may be about to click.
  if (text === shown) return;
  shown = text;
  current = answer.current;
  back.disabled = answer.previous == null;
  back.title = answer.previous ?? "";
  list.replaceChildren(...answer.models.map((model) => card(model, answer.models)));
  offer(answer.models, current);
}

function card(model, all) {
  const serves = model.id === current;
  const title = element("h3", {}, element("a", { href: `models/${model.id}` }, model.id),
    serves ? element("b", { class: "badge" }, t`serving`) : null,
    ...(model.names ?? []).map((name) => element("b", { class: "badge" }, name)),
    model.pinned ? element("b", { class: "badge" }, t`pinned`) : null);
  if (model.error) return element("article", { class: "checkpoint" }, title, element("p", { class: "bad" }, english(model.error)));
  const { labels, metrics, parameters, macs, speed, created, parent } = model;
  const facts = [
    [t`Test set`, score(metrics?.test)],
    [t`Held back`, score(metrics?.validation)],
    [t`Labels`, labels.length > 12 ? plural(labels.length, "label") : labels.join(" ")],
    [t`Size`, t`${thousands(parameters)} parameters, ${number(macs / 1e6, 2)} M multiply-adds`],
    [t`Speed`, speed ? fast(speed) : t`not measured`],
    [t`Made`, moment(created)],
    [t`From`, parent ? lineage(model, all) : t`scratch`],
  ];
  return element("article", { class: "checkpoint", "data-serving": String(serves) },
    title,
    element("dl", {}, ...facts.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)])),
    element("div", { class: "row" },
      serves ? null : button(t`Let it serve`, model.id, () => serve(model.id)),
      button(model.pinned ? t`Unpin` : t`Pin`, model.id,
        () => change(() => pin(model.id, !model.pinned), () => (model.pinned ? t`It may be removed.` : t`It stays.`)))));
}

function fast({ single_ms: single, batched_per_second: batched }) {
  return t`${number(single, 2)} ms a digit, ${number(Math.round(batched))} a second in batches, where it was measured`;
}

// One of several with the same text: its name says for which checkpoint.
function button(text, id, onclick) {
  return element("button", { type: "button", class: "small", "aria-label": `${text}: ${id}`, onclick }, text);
}

// What is worse, or reads something else, serves only if it is asked for twice.
async function serve(id) {
  const error = await change(() => promote(id, current));
  if (error?.code === "objected") {
    said.append(" ", button(t`Serve it all the same`, id, () => change(() => promote(id, current, true))));
  }
}

// Its parent, that one's parent, and so on.
function lineage({ parent }, all) {
  const line = [];
  while (parent && !line.includes(parent)) {
    line.push(parent);
    parent = all.find(({ id }) => id === parent)?.parent;
  }
  return line.join(" ← ");
}

function score(score) {
  if (!score?.examples) return t`not measured`;
  return t`${number(100 * score.accuracy, 2, "%")} of ${thousands(score.examples)}`;
}

const thousands = (count) => number(count);

// Says what came of it; the error, if it failed.
async function change(run, done = ({ current: now }) => t`${now} serves now.`) {
  const buttons = [back, ...list.querySelectorAll("button")];
  buttons.forEach((button) => (button.disabled = true));
  say(t`Verifying, warming …`);
  let failed = null;
  try {
    say(done(await run()));
  } catch (error) {
    failed = error;
    say(...(error instanceof Away ? [t`The server is away: nothing was changed.`] : told(error)));
  }
  shown = "";
  await load();
  return failed;
}

function say(...text) {
  said.replaceChildren(...text);
}

function showState(name, text) {
  state.dataset.state = name;
  if (state.textContent !== text) state.textContent = text;
}
