// The page of checkpoints: shows how well each one reads, where it comes from and which one is
// serving, and promotes another one.

import { Unreachable, models, pin, promote, rollBack, told } from "./api.js";
import { offer } from "./compare.js";
import { byId, element, plural } from "./dom.js";
import { followRuns } from "./runs.js";
import { english, moment, number, t } from "./words.js";

// Interval between requests for the list, in ms: other pages and `train` promote too.
const POLL_EVERY = 3000;

const list = byId("checkpoints");
const back = byId("back");
const message = byId("message");
const state = byId("state");

let current = null;
let shown = "";

back.addEventListener("click", () => change(() => rollBack(current)));
poll();
followRuns(load);

async function poll() {
  if (!document.hidden) await load();
  setTimeout(poll, POLL_EVERY);
}

async function load() {
  try {
    const answer = await models();
    show(answer);
    showState("ready", answer.device);
  } catch (error) {
    showState("unreachable", error instanceof Unreachable ? t`The server is not responding; retrying …` : error.message);
  }
}

function show(answer) {
  const text = JSON.stringify(answer);
  // Rebuilt only if it has changed: the user may be about to click.
  if (text === shown) return;
  shown = text;
  current = answer.current;
  back.disabled = answer.previous == null;
  back.title = answer.previous ?? "";
  list.replaceChildren(...answer.models.map((model) => card(model, answer.models)));
  offer(answer.models, current);
}

function card(model, all) {
  const isServing = model.id === current;
  const title = element("h3", {}, element("a", { href: `models/${model.id}` }, model.id),
    isServing ? element("b", { class: "badge" }, t`serving`) : null,
    ...(model.aliases ?? []).map((name) => element("b", { class: "badge" }, name)),
    model.pinned ? element("b", { class: "badge" }, t`pinned`) : null);
  if (model.error) return element("article", { class: "checkpoint" }, title, element("p", { class: "bad" }, english(model.error)));
  const { labels, metrics, parameters, macs, speed, created, parent } = model;
  const facts = [
    [t`Test set`, score(metrics?.test)],
    [t`Validation`, score(metrics?.validation)],
    [t`Labels`, labels.length > 12 ? plural(labels.length, "label") : labels.join(" ")],
    [t`Size`, t`${thousands(parameters)} parameters, ${number(macs / 1e6, 2)} M multiply-adds`],
    [t`Speed`, speed ? fast(speed) : t`not measured`],
    [t`Created`, moment(created)],
    [t`From`, parent ? lineage(model, all) : t`scratch`],
  ];
  return element("article", { class: "checkpoint", "data-serving": String(isServing) },
    title,
    element("dl", {}, ...facts.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)])),
    element("div", { class: "row" },
      isServing ? null : button(t`Promote`, model.id, () => promoteOrAsk(model.id)),
      button(model.pinned ? t`Unpin` : t`Pin`, model.id,
        () => change(() => pin(model.id, !model.pinned),
          () => (model.pinned ? t`Unpinned: it may be removed.` : t`Pinned: it will not be removed.`)))));
}

function fast({ single_ms: single, batched_per_second: batched }) {
  return t`${number(single, 2)} ms per digit, ${number(Math.round(batched))} digits per second in batches, on the machine where it was measured`;
}

// Many buttons have the same text: the accessible name adds the checkpoint.
function button(text, id, onclick) {
  return element("button", { type: "button", class: "small", "aria-label": `${text}: ${id}`, onclick }, text);
}

// The server objects to a checkpoint that is less accurate or reads other labels: then the user is
// asked whether to promote it anyway.
async function promoteOrAsk(id) {
  const error = await change(() => promote(id, current));
  if (error?.code === "objected") {
    message.append(" ", button(t`Promote it anyway`, id, () => change(() => promote(id, current, true))));
  }
}

// Its parent, its parent's parent, and so on.
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

// Runs a change and shows its result. Returns the error if it failed, or null.
async function change(run, done = ({ current: now }) => t`${now} is now serving.`) {
  const buttons = [back, ...list.querySelectorAll("button")];
  buttons.forEach((button) => (button.disabled = true));
  say(t`Verifying and warming up …`);
  let failed = null;
  try {
    say(done(await run()));
  } catch (error) {
    failed = error;
    say(...(error instanceof Unreachable ? [t`The server is not responding: nothing was changed.`] : told(error)));
  }
  shown = "";
  await load();
  return failed;
}

function say(...text) {
  message.replaceChildren(...text);
}

function showState(name, text) {
  state.dataset.state = name;
  if (state.textContent !== text) state.textContent = text;
}
