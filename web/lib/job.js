// The training job on the drawing page: its progress, its result, and the buttons to cancel it,
// to use the new network or to roll back.

import { Unreachable, cancelJob, comparison, jobs, promote, rollBack, told, train } from "./api.js";
import { byId, element, plural, sentence } from "./dom.js";
import { glyphCanvas } from "./glyph.js";
import { dictionary, duration, english, number, t } from "./words.js";

// Intervals between requests for the jobs, while one is running and while none is, in ms.
const POLL_EVERY = 700;
const POLL_IDLE_EVERY = 8000;
// How many pictures are shown at most that only one of the two networks reads correctly.
const MAX_CHANGED = 12;

const panel = byId("job");
const title = byId("job-title");
const detail = byId("job-detail");
const bar = byId("job-bar");
const curve = byId("job-curve");
const actions = byId("job-actions");
const changed = byId("job-changed");

let timer = null;
let shownEnding = null;
let onEnd = () => {};

// Polls the server's jobs from now on; `ended` is called when one has ended.
export function watchJobs(ended) {
  onEnd = ended;
  poll();
}

// Starts a training job.
export async function trainNow() {
  shownEnding = null;
  try {
    await train();
  } catch (error) {
    if (error.code !== "job_under_way") return showProblem(told(error));
  }
  poll();
}

// The newest job and its state when it was last polled, as text.
let lastSeen = null;

async function poll() {
  clearTimeout(timer);
  let underWay = false;
  try {
    const [job] = (await jobs()).jobs;
    underWay = job && (job.state === "queued" || job.state === "running");
    const before = lastSeen;
    lastSeen = job ? `${job.id} ${job.state}` : "none";
    if (underWay) showProgress(job);
    // The result of a job that ended before this page was opened is not news.
    else if (before && before !== lastSeen && job) showEnding(job);
  } catch (error) {
    // A server without a database will never have jobs.
    if (error.code === "training_off") return;
    if (!(error instanceof Unreachable)) showProblem(told(error));
  }
  timer = setTimeout(poll, underWay ? POLL_EVERY : POLL_IDLE_EVERY);
}

function showProgress(job) {
  const { step = 0, steps = 0, seconds_left: left, accuracy, curve: points = [] } = job.progress;
  panel.hidden = false;
  panel.dataset.state = job.state;
  // Screen readers announce a live region each time it is written.
  const now = job.cancel ? t`Stopping …` : t`Training …`;
  if (title.textContent !== now) title.textContent = now;
  detail.textContent = steps
    ? t`${duration(left)} left · training accuracy ${number(100 * accuracy, 1, "%")}`
    : job.state === "queued" ? t`waiting for a free server` : t`reading the samples`;
  bar.hidden = false;
  bar.max = Math.max(steps, 1);
  if (steps) bar.value = step;
  else bar.removeAttribute("value");
  // SVG elements have no `hidden` property, only the attribute.
  curve.toggleAttribute("hidden", points.length < 2);
  if (points.length >= 2) import("./chart.js").then(({ drawCurve }) => drawCurve(curve, points, steps));
  changed.replaceChildren();
  setActions(job.cancel ? [] : [[t`Cancel`, () => act(() => cancelJob(job.id))]]);
}

async function showEnding(job) {
  if (shownEnding === job.id) return;
  shownEnding = job.id;
  panel.hidden = false;
  panel.dataset.state = job.state;
  bar.hidden = true;
  curve.toggleAttribute("hidden", true);
  const titles = {
    promoted: t`Training finished: the new network is in use`,
    candidate: t`Training finished: the new network is not in use`,
    failed: t`Training failed`,
    cancelled: t`Training was cancelled`,
  };
  title.textContent = titles[job.state];
  const inShort = dictionary ? [dictionary[`job ${job.state}`], " "] : [];
  detail.replaceChildren(...inShort, english(sentence(job.message ?? "")));
  setActions([]);
  onEnd(job);
  if (job.state === "promoted") {
    const back = () => rollBack(job.candidate);
    setActions([[t`Roll back`, () => act(back, t`The previous network is in use again.`)]]);
  }
  if (job.state === "candidate" && job.candidate) {
    const serve = () => promote(job.candidate, job.parent, true);
    setActions([[t`Use it anyway`, () => act(serve, t`It is in use now.`)]]);
  }
  if (job.candidate) await showChanged(job);
}

// Shows the pictures that only one of the two networks reads correctly.
async function showChanged(job) {
  let answer;
  try {
    answer = await comparison(job.candidate);
  } catch {
    // The result is shown without the pictures.
    return;
  }
  if (shownEnding !== job.id || panel.dataset.state !== job.state) return;
  const { changed: pictures, gained, lost } = answer;
  const shown = pictures.slice(0, MAX_CHANGED).map((picture) => {
    const better = picture.after === picture.label;
    return element(
      "figure",
      { "data-better": String(better) },
      glyphCanvas([...atob(picture.glyph)].map((char) => char.charCodeAt(0))),
      element("figcaption", {}, `${picture.before} → ${picture.after}`,
        element("span", { class: "visually-hidden" }, better ? t`, now correct` : t`, now wrong`)),
    );
  });
  if (shown.length === 0) return;
  changed.replaceChildren(
    element("p", {}, t`Now read correctly: ${plural(gained, "picture")}. No longer read correctly: ${lost}.`),
    element("div", { class: "pictures" }, ...shown),
  );
}

async function act(action, done) {
  for (const button of actions.children) button.disabled = true;
  try {
    await action();
    if (done) {
      detail.textContent = done;
      setActions([]);
      onEnd(null);
    } else {
      poll();
    }
  } catch (error) {
    showProblem(told(error));
  }
}

function showProblem(words) {
  panel.hidden = false;
  panel.dataset.state = "failed";
  title.textContent = t`That did not work`;
  detail.replaceChildren(...(dictionary ? words : words.map(sentence)));
  bar.hidden = true;
  curve.toggleAttribute("hidden", true);
  setActions([]);
}

function setActions(list) {
  const names = list.map(([name]) => name).join();
  if (actions.dataset.names === names && names) return;
  actions.dataset.names = names;
  actions.replaceChildren(
    ...list.map(([name, onclick]) => element("button", { type: "button", onclick }, name)),
  );
}
