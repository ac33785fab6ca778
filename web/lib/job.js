// The training job: how far it is, how it ended, what can be done about it.

import { Away, cancelJob, comparison, jobs, promote, rollBack, told, train } from "./api.js";
import { drawCurve } from "./chart.js";
import { byId, element, plural, sentence } from "./dom.js";
import { dictionary, duration, english, number, t } from "./words.js";

// Time between two looks at a job under way, and at none, in ms.
const LOOK_EVERY = 700;
const LOOK_IDLY_EVERY = 8000;
// Pictures that changed sides, shown at most.
const CHANGED = 12;

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

// Watches jobs from now on; `ended` is called when one has ended.
export function watchJobs(ended) {
  onEnd = ended;
  look();
}

// Asks for training.
export async function trainNow() {
  shownEnding = null;
  try {
    await train();
  } catch (error) {
    if (error.code !== "job_under_way") return showProblem(told(error));
  }
  look();
}

let known = null;

async function look() {
  clearTimeout(timer);
  let underWay = false;
  try {
    const [job] = (await jobs()).jobs;
    underWay = job && (job.state === "queued" || job.state === "running");
    const before = known;
    known = job ? `${job.id} ${job.state}` : "none";
    if (underWay) showProgress(job);
    // An ending is shown where its job was seen, and to nobody else.
    else if (before && before !== known && job) showEnding(job);
  } catch (error) {
    // A server without a database will not have jobs later either.
    if (error.code === "teaching_off") return;
    if (!(error instanceof Away)) showProblem(told(error));
  }
  timer = setTimeout(look, underWay ? LOOK_EVERY : LOOK_IDLY_EVERY);
}

function showProgress(job) {
  const { step = 0, steps = 0, seconds_left: left, accuracy, curve: points = [] } = job.progress;
  panel.hidden = false;
  panel.dataset.state = job.state;
  // A live region is written only when it changes.
  const now = job.cancel ? t`Stopping …` : t`Learning …`;
  if (title.textContent !== now) title.textContent = now;
  detail.textContent = steps
    ? t`${duration(left)} left · ${number(100 * accuracy, 1, "%")} of the exercises right`
    : job.state === "queued" ? t`waiting for a free server` : t`reading the samples`;
  bar.hidden = false;
  bar.max = Math.max(steps, 1);
  if (steps) bar.value = step;
  else bar.removeAttribute("value");
  // An SVG has no `hidden` property.
  curve.toggleAttribute("hidden", points.length < 2);
  if (points.length >= 2) drawCurve(curve, points, steps);
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
    promoted: t`Learned, and in use`,
    candidate: t`Learned, but not in use`,
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
    setActions([[t`Roll back`, () => act(back, t`The network before serves again.`)]]);
  }
  if (job.state === "candidate" && job.candidate) {
    const serve = () => promote(job.candidate, job.parent, true);
    setActions([[t`Use it anyway`, () => act(serve, t`It is in use now.`)]]);
  }
  if (job.candidate) await showChanged(job);
}

// The pictures that one of the two networks reads right and the other does not.
async function showChanged(job) {
  let answer;
  try {
    answer = await comparison(job.candidate);
  } catch {
    // The verdict stands without the pictures.
    return;
  }
  if (shownEnding !== job.id || panel.dataset.state !== job.state) return;
  const { changed: pictures, gained, lost } = answer;
  const shown = pictures.slice(0, CHANGED).map((picture) => {
    const better = picture.after === picture.label;
    return element(
      "figure",
      { "data-better": String(better) },
      glyphCanvas(picture.glyph),
      element("figcaption", {}, `${picture.before} → ${picture.after}`,
        element("span", { class: "visually-hidden" }, better ? t`, now right` : t`, now wrong`)),
    );
  });
  if (shown.length === 0) return;
  changed.replaceChildren(
    element("p", {}, t`${plural(gained, "picture")} read right now, ${lost} no more:`),
    element("div", { class: "pictures" }, ...shown),
  );
}

// A glyph's 784 pixels, base64, as a picture.
function glyphCanvas(glyph) {
  const canvas = element("canvas", { width: 28, height: 28, class: "glyph" });
  const context = canvas.getContext("2d");
  const image = context.createImageData(28, 28);
  [...atob(glyph)].forEach((char, i) => {
    const ink = char.charCodeAt(0);
    image.data.set([ink, ink, ink, 255], 4 * i);
  });
  context.putImageData(image, 0, 0);
  return canvas;
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
      look();
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
