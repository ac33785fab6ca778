// Training on the page of checkpoints: starts a run, shows its progress from the server's event
// stream, stops it, and lists the runs that have ended.

import { cancelJob, follow, job as fetchJob, told, train } from "./api.js";
import { drawAccuracy, drawCurve } from "./chart.js";
import { byId, element, plural, sentence } from "./dom.js";
import { duration, english, moment, number, t } from "./words.js";

// The charts are shown from this many points on.
const MIN_POINTS = 2;

const section = byId("runs");
const form = byId("begin");
const from = byId("begin-from");
const message = byId("runs-message");
const panel = byId("run");
const title = byId("run-title");
const bar = byId("run-bar");
const facts = byId("run-facts");
const stop = byId("run-stop");
const past = byId("past");

const startButton = form.querySelector("button");

// The running job, or null.
let active = null;
// Whether a job was requested that the event stream has not shown yet.
let starting = false;
// The jobs in the list, as JSON, to rebuild the list only when they change.
let listed = "";

from.addEventListener("change", describe);
form.addEventListener("submit", (event) => {
  event.preventDefault();
  start();
});
stop.addEventListener("click", () => attempt(() => cancelJob(active.id)));
describe();

// Follows the server's training jobs while the page is visible; `ended` is called when a job has
// ended.
export function followRuns(ended) {
  let following = null;
  const followIfVisible = () => {
    if (document.hidden) {
      following?.close();
      following = null;
    } else {
      following ??= follow({
        jobs(jobs) {
          section.hidden = false;
          // A short job may start and end between two events.
          if (starting && jobs[0]?.finished) starting = false;
          showPast(jobs);
          enable();
        },
        progress(job) {
          if (active && !job) ended();
          show(job);
        },
        // A server without a database does not train.
        none: () => { section.hidden = true; },
      });
    }
  };
  document.addEventListener("visibilitychange", followIfVisible);
  followIfVisible();
}

// Network and epochs can be chosen only for training from scratch.
function describe() {
  const scratch = from.value === "scratch";
  for (const field of form.querySelectorAll("[data-scratch]")) {
    field.hidden = !scratch;
    // A hidden required field would keep the form from being sent.
    field.querySelector("input, select").disabled = !scratch;
  }
}

async function start() {
  const { network, epochs } = Object.fromEntries(new FormData(form));
  const options = from.value === "scratch" ? { from: "scratch", network, epochs } : {};
  // The button stays disabled until the job is running or was refused: a second click must
  // not start a second job.
  starting = true;
  enable();
  if (!(await attempt(() => train(options)))) starting = false;
  enable();
}

// Runs a change and shows its error. A job that is already running is no error.
async function attempt(change) {
  say();
  try {
    await change();
    return true;
  } catch (error) {
    if (error.code === "job_under_way") return true;
    say(...told(error));
    message.className = "bad";
    return false;
  }
}

function say(...words) {
  message.className = "hint";
  message.replaceChildren(...words);
}

function enable() {
  startButton.disabled = starting || active !== null;
}

// Shows the running job, or null if there is none.
function show(job) {
  const held = panel.contains(document.activeElement);
  active = job;
  if (job) starting = false;
  enable();
  panel.hidden = job === null;
  if (job === null && held) startButton.focus();
  if (job === null) return;
  const { step = 0, steps = 0, validation = [] } = job.progress;
  const now = t`${name(job)}: ${phase(job)}`;
  // Screen readers announce a live region each time it is written.
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
    t`${number(Math.round(job.progress.images_per_second))} pictures per second`,
    t`loss ${number(job.progress.loss, 3)}`,
    t`training accuracy ${percent(job.progress.accuracy)}`,
    checked == null ? null : t`validation accuracy ${percent(checked)}`,
  ].filter(Boolean).join(" · ") : "";
}

function phase({ state, cancel, progress: { step, steps } }) {
  if (cancel) return t`stopping …`;
  if (state === "queued") return t`waiting for a free server …`;
  if (!steps) return t`reading the data …`;
  return step < steps ? t`training …` : t`evaluating …`;
}

// A copy of the running job's charts, for a job that has ended.
function curves() {
  const charts = panel.querySelector(".curves").cloneNode(true);
  charts.hidden = true;
  return charts;
}

function drawCurves(place, { curve = [], validation = [], steps }) {
  const charts = place.querySelector(".curves");
  charts.hidden = curve.length < MIN_POINTS;
  if (charts.hidden) return;
  const [loss, accuracy] = charts.querySelectorAll("svg");
  drawCurve(loss, curve, steps);
  drawAccuracy(accuracy, curve, validation, steps);
}

// Lists the jobs that have ended, newest first. Entries that are open stay open.
function showPast(jobs) {
  const ended = jobs.filter(({ state }) => state !== "queued" && state !== "running");
  const text = JSON.stringify(ended);
  if (text === listed) return;
  // Announced when a job ends, not when the page is opened.
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
    promoted: t`trained, now serving`,
    candidate: t`trained, waiting to be promoted`,
    failed: t`failed`,
    cancelled: t`stopped`,
  }[state];
}

function name({ recipe, network, epochs, samples }) {
  if (recipe === "scratch") return t`${network} from scratch, ${plural(epochs, "epoch")}`;
  return samples ? t`Fine-tuning on ${plural(samples, "sample")}` : t`Fine-tuning on the samples`;
}

const percent = (share) => number(100 * share, share > 0.99 ? 2 : 1, "%");
