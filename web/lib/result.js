// The reading on the right side of the page: label, sentence, bars, and the network's input.

import { buildBars, percent, setBars } from "./bars.js";
import { plural } from "./dom.js";
import { digitsOf, hideNumber, inFocus, showNumber } from "./number.js";
import { number, parts, t } from "./words.js";

const verdict = document.getElementById("verdict");
const label = document.getElementById("label");
const sentence = document.getElementById("sentence");
const orientation = document.getElementById("orientation");
const announcement = document.getElementById("announcement");
const bars = document.getElementById("bars");
const seen = document.getElementById("seen-picture");
const provenance = document.getElementById("provenance");

let shownLabels = [];
// The text of the footer while there is no answer.
let idle = ["\u00a0"];

// Shows which checkpoint is serving.
export function showServing(checkpoint) {
  idle = parts`Serving checkpoint ${report(checkpoint)}.`;
  if (verdict.dataset.state === "empty") provenance.replaceChildren(...idle);
}

// Builds a bar for each label, if the labels have changed.
export function showLabels(labels) {
  if (labels.join("\n") === shownLabels.join("\n")) return;
  shownLabels = labels;
  buildBars(bars, labels);
}

// A doubtful verdict is shown only if no stroke follows for this long, in ms: half a 4 does not
// look like a digit yet.
const NEXT_STROKE = 600;
let doubtTimer = null;

// Shows an answer. `finished` is false while the pen is down: then nothing is announced to
// screen readers. `engine` gave the answer after `waited` ms. `drawn` tells whether the input
// was drawn, so that more strokes may follow; `boxes` are those that the user gave, if any.
export function showAnswer(answer, finished, { engine, waited, drawn, boxes }) {
  clearTimeout(doubtTimer);
  const digits = digitsOf(answer);
  if (finished && drawn && digits.some(({ verdict }) => verdict !== "read")) {
    const later = { engine, waited, drawn: false, boxes };
    doubtTimer = setTimeout(() => showAnswer(answer, true, later), NEXT_STROKE);
    finished = false;
  }
  showLabels(answer.labels);
  if (digits.length === 0) return showEmpty(t`There is no ink in this picture.`, finished);
  if (digits.length > 1 || boxes) {
    showDigit(showNumber(answer, boxes), answer.labels);
    sayNumber(answer, finished);
  } else {
    hideNumber();
    showOne(digits[0], answer.labels, finished);
  }
  orientation.hidden = !answer.orientation;
  orientation.textContent = t`The picture was turned by ${answer.orientation}° to read it.`;
  const [name, all] = [report(answer.model), number(waited, 0, "ms")];
  const compute = number(answer.timing_us.compute / 1000, 2, "ms");
  provenance.replaceChildren(...(engine === "server"
    ? parts`${name} answered in ${all} on the server, of which the network took ${compute}.`
    : parts`${name} answered in ${all} in this browser, of which preprocessing and the network took ${compute}.`));
}

// One digit by itself.
function showOne(digit, labels, finished) {
  // While the pen moves, a drawing is called neither unsure nor rejected, and nothing is claimed of one
  // that looks like no label yet.
  if (!finished && digit.verdict === "not_a_digit") return showUndecided(digit, labels);
  const shown = finished ? digit.verdict : "read";
  const words = wordsFor({ ...digit, labels, verdict: shown });
  verdict.dataset.state = shown;
  label.hidden = false;
  label.textContent = words.label;
  label.toggleAttribute("data-long", [...digit.label].length > 2);
  sentence.replaceChildren(...words.sentence);
  showDigit({ ...digit, verdict: shown }, labels);
  if (finished) announcement.textContent = words.aloud ?? sentence.textContent;
}

// A drawing that is no label yet: more of it may follow.
function showUndecided(digit, labels) {
  verdict.dataset.state = "undecided";
  label.hidden = false;
  label.textContent = "…";
  label.toggleAttribute("data-long", false);
  sentence.textContent = "\u00a0";
  showDigit(digit, labels);
}

// Shows the bars of a digit and the network's input.
export function showDigit(digit, labels) {
  // If the drawing is rejected, no bar is highlighted, and all together they say how likely it is any
  // of the labels.
  const isRejected = digit.verdict === "not_a_digit";
  const share = isRejected ? digit.in_distribution : 1;
  setBars(bars, digit.probabilities.map((p) => p * share), isRejected ? null : labels.indexOf(digit.label));
  seen.src = digit.seen;
  seen.hidden = false;
}

// Says of a number how many digits it has and whose bars are shown.
export function sayNumber(answer, finished = true) {
  const all = digitsOf(answer);
  const counted = all.filter(({ counts }) => counts);
  const { digit, place, isChosen } = inFocus();
  const sure = digit.counts ? percent(digit.confidence) : t`probably not a digit`;
  const [count, name] = [plural(counted.length, "digit"), element("b", "", digit.counts ? digit.label : "·")];
  verdict.dataset.state = "number";
  label.hidden = true;
  sentence.replaceChildren(...(isChosen
    ? parts`${count}. Digit ${place}: ${name} (${sure}).`
    : parts`${count}. The least sure is ${name} (${sure}).`));
  if (finished) announcement.textContent = `${answer.text.replaceAll("\n", ", ")}. ${sentence.textContent}`;
}

// The words for a verdict: the large label, the sentence, and the announcement to screen readers.
function wordsFor({ label, confidence, verdict, best, labels, taught }) {
  const bold = (text) => element("b", "", text);
  switch (verdict) {
    case "not_a_digit": {
      const digits = labels.every((name) => /^[0-9]$/.test(name));
      const sentence = digits
        ? parts`This does not look like a digit. The closest is ${bold(label)}.`
        : parts`This does not look like any of the labels. The closest is ${bold(label)}.`;
      return { label: "?", sentence };
    }
    case "unsure": {
      const [first, second] = best;
      const each = ({ label, confidence }) => parts`${bold(label)} (${percent(confidence)})`;
      return { label: `${label}?`, sentence: parts`Unsure: ${each(first)} or ${each(second)}.` };
    }
    default: {
      const sure = percent(confidence);
      const sentence = taught
        ? parts`${bold(sure)}sure, from ${plural(taught.samples, "taught drawing")}`
        : parts`${bold(sure)}sure`;
      return { label, sentence, aloud: t`${label}, ${sure} sure` };
    }
  }
}

// A checkpoint's name, as a link to its report if there is a server.
function report(checkpoint) {
  if (document.documentElement.dataset.server === "none") return checkpoint;
  const link = element("a", "", checkpoint);
  link.href = `models/${checkpoint}`;
  // In another tab, so that the drawing is not lost.
  link.target = "_blank";
  return link;
}

export function showEmpty(message = t`Nothing drawn yet.`, finished = false) {
  clearTimeout(doubtTimer);
  hideNumber();
  orientation.hidden = true;
  verdict.dataset.state = "empty";
  label.hidden = false;
  label.textContent = "–";
  sentence.textContent = message;
  setBars(bars, shownLabels.map(() => 0), -1);
  seen.hidden = true;
  provenance.replaceChildren(...idle);
  announcement.textContent = finished ? message : "";
}

export function showError(message) {
  showEmpty(message, true);
  verdict.dataset.state = "error";
  label.textContent = "!";
}

function element(name, className, text = "") {
  const element = document.createElement(name);
  if (className) element.className = className;
  element.textContent = text;
  return element;
}
