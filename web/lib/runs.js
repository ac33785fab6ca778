// Training on the page of checkpoints: begin a run, watch it, stop it, and what became of
// those before it. The server says what happens as it happens.

import { cancelJob, follow, job as fetchJob, told, train } from "./api.js";
import { drawAccuracy, drawCurve } from "./chart.js";
import { byId, element, plural, sentence } from "./dom.js";
import { duration, english, moment, number, t } from "./words.js";

// What a live run shows beside its bar, once there are so many points.
const POINTS = 2;

const section = byId("runs");
const form = byId("begin");
const from = byId("begin-from");
const said = byId("runs-said");
const panel = byId("run");
const title = byId("run-title");
const bar = byId("run-bar");
const facts = byId("run-facts");
const stop = byId("run-stop");
const past = byId("past");

const begins = form.querySelector("button");

// The one under way.
let active = null;
// Whether one was asked for that is not seen yet.
let beginning = false;
// The jobs that are shown, as text.
let listed = "";

from.addEventListener("change", describe);
form.addEventListener("submit", (event) => {
  event.preventDefault();
  begin();
});
stop.addEventListener("click", () => attempt(() => cancelJob(active.id)));
describe();

// Follows the training on this server while the page is looked at; `ended` is called when a
// run has ended.
export function followRuns(ended) {
  let following = null;
  const look = () => {
    if (document.hidden) {
      following?.close();
      following = null;
    } else {
      following ??= follow({
        jobs(jobs) {
          section.hidden = false;
          // It may have come and gone between two events.
          if (beginning && jobs[0]?.finished) beginning = false;
          showPast(jobs);
          enable();
        },
        progress(job) {
          if (active && !job) ended();
          show(job);
        },
        // Without a database nothing is trained here.
        none: () => { section.hidden = true; },
      });
    }
  };
  document.addEventListener("visibilitychange", look);
  look();
}

// Only what is trained from scratch has a network and epochs to choose.
function describe() {
  const scratch = from.value === "scratch";
  for (const field of form.querySelectorAll("[data-scratch]")) {
    field.hidden = !scratch;
    // What is hidden must not be found missing.
    field.querySelector("input, select").disabled = !scratch;
  }
}

async function begin() {
  const { network, epochs } = Object.fromEntries(new FormData(form));
  const options = from.value === "scratch" ? { from: "scratch", network, epochs } : {};
  // Until it is seen to run, or is refused: a second click asks for nothing.
  beginning = true;
  enable();
  if (!(await attempt(() => train(options)))) beginning = false;
  enable();
}

// Says what went wrong, if anything did; what is under way already is what was wanted.
async function attempt(change) {
  say();
  try {
    await change();
    return true;
  } catch (error) {
    if (error.code === "job_under_way") return true;
    say(...told(error));
    said.className = "bad";
    return false;
  }
}

function say(...words) {
  said.className = "hint";
  said.replaceChildren(...words);
}

function enable() {
  begins.disabled = beginning || active !== null;
}

// The run under way; null if there is none.
function show(job) {
  const held = panel.contains(document.activeElement);
  active = job;
  if (job) beginning = false;
  enable();
  panel.hidden = job === null;
  if (job === null && held) begins.focus();
  if (job === null) return;
  const { step = 0, steps = 0, validation = [] } = job.progress;
  const now = t`${name(job)}: ${phase(job)}`;
  // A live region is written only when it changes.
  if (title.textContent !== now) title.textContent = now;
  stop.disabled = job.cancel;
  bar.max = Math.max(steps, 1);
  if (steps) bar.value = step;
  else bar.removeAttribute("value");
  drawCurves(panel, job.progress);
  const checked = validation.at(-1)?.[1];
  facts.textContent = steps ? [
    step < steps ? t`${duration(job.progress.seconds_left)} left` : null,
    t`step ${number(step)} of ${number(steps)}`,
    t`${number(Math.round(job.progress.images_per_second))} pictures a second`,
    t`loss ${number(job.progress.loss, 3)}`,
    t`${percent(job.progress.accuracy)} right in training`,
    checked == null ? null : t`${percent(checked)} of those held back`,
  ].filter(Boolean).join(" · ") : "";
}

function phase({ state, cancel, progress: { step, steps } }) {
  if (cancel) return t`stopping …`;
  if (state === "queued") return t`waiting for a free server …`;
  if (!steps) return t`reading the data …`;
  return step < steps ? t`training …` : t`measuring what it can …`;
}

// Charts like those of the run under way.
function curves() {
  const charts = panel.querySelector(".curves").cloneNode(true);
  charts.hidden = true;
  return charts;
}

function drawCurves(place, { curve = [], validation = [], steps }) {
  const charts = place.querySelector(".curves");
  charts.hidden = curve.length < POINTS;
  if (charts.hidden) return;
  const [loss, accuracy] = charts.querySelectorAll("svg");
  drawCurve(loss, curve, steps);
  drawAccuracy(accuracy, curve, validation, steps);
}

// Those that have ended, newest first. What is open stays open.
function showPast(jobs) {
  const ended = jobs.filter(({ state }) => state !== "queued" && state !== "running");
  const text = JSON.stringify(ended);
  if (text === listed) return;
  // Said aloud when it happens, not when the page is opened.
  const [newest] = ended;
  if (listed && newest) say(t`${name(newest)}: ${ending(newest.state)}`);
  listed = text;
  const open = new Set([...past.querySelectorAll("details[open]")].map(({ dataset }) => dataset.id));
  const held = document.activeElement.closest("#past details")?.dataset.id;
  past.replaceChildren(...ended.map((job) => entry(job, open.has(job.id))));
  if (held) past.querySelector(`[data-id="${held}"] summary`)?.focus();
}

function entry(job, open) {
  const details = element("details", { "data-id": job.id, open },
    element("summary", {}, element("b", {}, name(job)), ` · ${moment(job.finished)} · ${ending(job.state)}`),
    job.message ? element("p", { class: "hint" }, english(sentence(job.message))) : null,
    job.candidate ? element("p", {}, element("a", { href: `models/${job.candidate}` }, job.candidate)) : null,
    curves());
  const fill = async () => {
    if (!details.open || details.dataset.filled) return;
    details.dataset.filled = "";
    const whole = await fetchJob(job.id).catch(() => null);
    if (whole) drawCurves(details, whole.progress);
  };
  details.addEventListener("toggle", fill);
  return details;
}

function ending(state) {
  return {
    promoted: t`learned, and in use`,
    candidate: t`trained; it waits to be promoted`,
    failed: t`failed`,
    cancelled: t`stopped`,
  }[state];
}

function name({ recipe, network, epochs, samples }) {
  if (recipe === "scratch") return t`${network} from scratch, ${plural(epochs, "epoch")}`;
  return samples ? t`What serves, with ${plural(samples, "sample")}` : t`What serves, with the samples`;
}

const percent = (share) => number(100 * share, share > 0.99 ? 2 : 1, "%");
