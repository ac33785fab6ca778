// The belief along the stroke: how the answer changed while the digit was drawn, to be scrubbed.

import "./insight-page.js";
import { PEN } from "./drawing.js";
import { byId } from "./dom.js";
import { sharp } from "./insight-paint.js";
import { percent } from "./bars.js";
import { number, t } from "./words.js";

// How many moments there are along the stroke.
const MOMENTS = 60;
// Colours of the labels: of the answer, and of the others that were likely at some moment.
const COLOURS = ["--strip-1", "--strip-2", "--strip-3", "--strip-4", "--strip-5"];
// A label that was never likelier than this gets no colour.
const LIKELY = 0.12;
// A name is written where its area is at least this high, in pixels.
const NAMED = 18;

const part = byId("stroke");
const strip = byId("strip");
const slider = byId("scrub");
const ink = byId("stroke-ink");
let ask;
let show;
// The strokes that the moments are of, and the moments: { pixels, probabilities, known, label }.
let strokes = null;
let moments = [];
let labels = [];
let key = null;
let run = 0;

// `read(strokes, box)` reads strokes as one symbol, as a moment; `moment(glyph or null)` shows a moment, or the
// end again.
export function startStroke(read, moment) {
  ask = read;
  show = moment;
  slider.max = MOMENTS - 1;
  slider.addEventListener("input", scrubbed);
  const drag = (event) => {
    if (event.type === "pointermove" && event.buttons === 0) return;
    slider.value = Math.round((event.offsetX / strip.clientWidth) * (MOMENTS - 1));
    scrubbed();
  };
  strip.addEventListener("pointerdown", (event) => {
    strip.setPointerCapture(event.pointerId);
    drag(event);
  });
  strip.addEventListener("pointermove", drag);
  byId("replay-stroke").addEventListener("click", replay);
  new ResizeObserver(draw).observe(strip);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
}

// The drawing has changed: what is shown is of an older one.
export function strokeChanged(isOfStrokes) {
  run++;
  part.hidden = !isOfStrokes;
  if (Number(slider.value) !== MOMENTS - 1) slider.value = MOMENTS - 1;
  part.toggleAttribute("data-stale", true);
}

// Reads the strokes up to each moment.
export async function readAlong(given, names) {
  const own = ++run;
  const next = JSON.stringify([given, names]);
  if (next === key) return part.toggleAttribute("data-stale", false);
  const found = [];
  for (let i = 0; i < MOMENTS; i++) {
    found.push(await read(upTo(given, (i + 1) / MOMENTS)));
    if (own !== run) return;
  }
  [strokes, moments, labels, key] = [given, found, names, next];
  part.toggleAttribute("data-stale", false);
  draw();
  say();
}

export function forgetStroke() {
  run++;
  key = null;
}

async function read(given) {
  try {
    return await ask(given, around(given.flat()));
  } catch {
    // Too little ink to read.
    return null;
  }
}

const length = (stroke) => stroke.reduce((sum, [x, y], i) => sum + (i ? Math.hypot(x - stroke[i - 1][0], y - stroke[i - 1][1]) : 1), 0);

// The strokes up to a share of their whole length.
function upTo(all, share) {
  let left = share * all.reduce((sum, stroke) => sum + length(stroke), 0);
  const found = [];
  for (const stroke of all) {
    if (left <= 0) break;
    const own = [stroke[0]];
    left -= 1;
    for (let i = 1; i < stroke.length && left > 0; i++) {
      const [[x1, y1], [x2, y2]] = [stroke[i - 1], stroke[i]];
      const step = Math.hypot(x2 - x1, y2 - y1);
      const way = Math.min(1, left / (step || 1));
      own.push([x1 + (x2 - x1) * way, y1 + (y2 - y1) * way]);
      left -= step;
    }
    found.push(own);
  }
  return found;
}

function around(points) {
  const [xs, ys] = [0, 1].map((axis) => points.map((point) => point[axis]));
  const [left, top] = [Math.min(...xs) - 1, Math.min(...ys) - 1];
  return [left, top, Math.max(...xs) - left + 1, Math.max(...ys) - top + 1];
}

// The moments at which strokes end, as shares.
function ends() {
  const lengths = strokes.map(length);
  const all = lengths.reduce((a, b) => a + b, 0);
  let sum = 0;
  return lengths.slice(0, -1).map((own) => (sum += own) / all);
}

// The likely labels in the order in which they are stacked: the answer lowest.
function stacked() {
  const most = labels.map((_, i) => Math.max(0, ...moments.map((moment) => moment ? moment.probabilities[i] * moment.known : 0)));
  const answer = labels.indexOf(moments.at(-1)?.label);
  const likely = most.map((share, i) => ({ share, i })).filter(({ share, i }) => share > LIKELY || i === answer);
  likely.sort((a, b) => (b.i === answer) - (a.i === answer) || b.share - a.share);
  return likely.slice(0, COLOURS.length).map(({ i }) => i);
}

function draw() {
  if (!moments.length || !strip.clientWidth) return;
  const { context, width, height } = sharp(strip);
  const colour = (name) => getComputedStyle(part).getPropertyValue(name);
  const x = (i) => (i / (MOMENTS - 1)) * width;
  const floor = moments.map(() => 0);
  const names = [];
  stacked().forEach((label, place) => {
    const shares = moments.map((moment) => (moment ? moment.probabilities[label] * moment.known : 0));
    context.beginPath();
    shares.forEach((share, i) => context.lineTo(x(i), height * (1 - floor[i] - share)));
    for (let i = MOMENTS - 1; i >= 0; i--) context.lineTo(x(i), height * (1 - floor[i]));
    context.fillStyle = colour(COLOURS[place]);
    context.fill();
    const best = shares.reduce((best, share, i) => (share > shares[best] + 0.02 ? i : best), 0);
    // In the middle of where it is about as likely as at its best.
    const high = shares.map((share, i) => (share > shares[best] - 0.05 ? i : -1)).filter((i) => i >= 0);
    const at = high[Math.floor(high.length / 2)];
    if (shares[at] * height > NAMED) names.push([labels[label], Math.min(width - 10, Math.max(10, x(at))), height * (1 - floor[at] - shares[at] / 2)]);
    shares.forEach((share, i) => (floor[i] += share));
  });
  context.strokeStyle = colour("--line");
  context.lineWidth = 1;
  for (const share of ends()) {
    context.beginPath();
    context.moveTo(share * width, 0);
    context.lineTo(share * width, height);
    context.stroke();
  }
  context.fillStyle = colour("--strip-name");
  context.font = "600 1rem ui-serif, Georgia, serif";
  context.textAlign = "center";
  context.textBaseline = "middle";
  for (const [name, left, top] of names) context.fillText(name, left, top);
  drawMoment();
}

// The cursor on the strip, and the ink at that moment.
function drawMoment() {
  const share = Number(slider.value) / (MOMENTS - 1);
  byId("strip-cursor").style.transform = `translateX(${share * (strip.clientWidth - 2)}px)`;
  drawInk();
}

// The strokes, of which the part that is not drawn yet is pale.
function drawInk() {
  const { context, width } = sharp(ink);
  const [left, top, w, h] = around(strokes.flat());
  const room = 0.12 * width;
  const scale = (width - 2 * room) / Math.max(w, h);
  const [dx, dy] = [(width - w * scale) / 2 - left * scale, (width - h * scale) / 2 - top * scale];
  context.lineCap = context.lineJoin = "round";
  context.lineWidth = Math.max(2, PEN * 750 * scale);
  const style = getComputedStyle(part);
  const all = [[strokes, "--line"], [upTo(strokes, (Number(slider.value) + 1) / MOMENTS), "--pen"]];
  for (const [given, name] of all) {
    context.strokeStyle = style.getPropertyValue(name);
    for (const stroke of given) {
      context.beginPath();
      for (const [x, y] of stroke) context.lineTo(x * scale + dx, y * scale + dy);
      // A canvas draws no line without a length.
      if (stroke.length === 1) context.lineTo(stroke[0][0] * scale + dx + 0.01, stroke[0][1] * scale + dy);
      context.stroke();
    }
  }
}

function say() {
  const i = Number(slider.value);
  const moment = moments[i];
  const drawn = number((100 * (i + 1)) / MOMENTS, 0, "%");
  const likely = moment?.probabilities.map((share, label) => [share, labels[label]]).sort((a, b) => b[0] - a[0]).slice(0, 2) ?? [];
  const text = likely.length === 0 ? t`${drawn} drawn: too little ink to read.`
    : moment.known < 0.5 ? t`${drawn} drawn: this looks like no label yet.`
      : t`${drawn} drawn: ${likely[0][1]} (${percent(likely[0][0])}), then ${likely[1]?.[1] ?? "–"} (${percent(likely[1]?.[0] ?? 0)}).`;
  byId("scrub-text").textContent = text;
  slider.setAttribute("aria-valuetext", text);
}

let due = false;
function scrubbed() {
  if (due || !moments.length || part.hasAttribute("data-stale")) return;
  due = true;
  requestAnimationFrame(() => {
    due = false;
    drawMoment();
    say();
    const i = Number(slider.value);
    show(i === MOMENTS - 1 ? null : moments[i]);
  });
}

// Plays the moments one after the other; the slider shows each without motion.
function replay() {
  if (!moments.length) return;
  const own = run;
  let i = 0;
  const next = () => {
    if (own !== run || i >= MOMENTS) return;
    slider.value = i++;
    scrubbed();
    setTimeout(next, 60);
  };
  next();
}

