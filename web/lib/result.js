// The right side of the page: label, sentence, bars, and what was seen.

import { buildBars, percent, setBars } from "./bars.js";
import { plural } from "./dom.js";
import { digitsOf, hideNumber, inFocus, showNumber } from "./number.js";
import { number, parts, t } from "./words.js";

const verdict = document.getElementById("verdict");
const label = document.getElementById("label");
const sentence = document.getElementById("sentence");
const announcement = document.getElementById("announcement");
const bars = document.getElementById("bars");
const seen = document.getElementById("seen-picture");
const provenance = document.getElementById("provenance");

let shownLabels = [];
// What the foot of the page says while there is no answer.
let idle = ["\u00a0"];

// Says which checkpoint serves.
export function showServing(checkpoint) {
  idle = parts`Checkpoint ${report(checkpoint)} is serving.`;
  if (verdict.dataset.state === "empty") provenance.replaceChildren(...idle);
}

// Builds a bar for each label, if the labels are new.
export function showLabels(labels) {
  if (labels.join("\n") === shownLabels.join("\n")) return;
  shownLabels = labels;
  buildBars(bars, labels);
}

// How long doubt waits for a next stroke, in ms: half a 4 is no digit yet.
const NEXT_STROKE = 600;
let doubt = null;

// Shows an answer. `finished` is false while the pen is down: then nothing is
// announced to screen readers. `engine` is who answered, `waited` the time it took,
// in ms; `drawn` whether it was drawn, so that more strokes may follow; `boxes` where
// the digits were said to be, if they were.
export function showAnswer(answer, finished, { engine, waited, drawn, boxes }) {
  clearTimeout(doubt);
  const digits = digitsOf(answer);
  if (finished && drawn && digits.some(({ verdict }) => verdict !== "read")) {
    const settled = { engine, waited, drawn: false, boxes };
    doubt = setTimeout(() => showAnswer(answer, true, settled), NEXT_STROKE);
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
  const [name, all] = [report(answer.model), number(waited, 0, "ms")];
  const compute = number(answer.timing_us.compute / 1000, 2, "ms");
  provenance.replaceChildren(...(engine === "server"
    ? parts`${name} answered in ${all} on the server, of which the network took ${compute}.`
    : parts`${name} answered in ${all} in this browser, of which preprocessing and network took ${compute}.`));
}

// One digit by itself.
function showOne(digit, labels, finished) {
  // A drawing that is not finished need not look like anything yet.
  const shown = finished ? digit.verdict : "read";
  const said = saying({ ...digit, labels, verdict: shown });
  verdict.dataset.state = shown;
  label.hidden = false;
  label.textContent = said.label;
  label.toggleAttribute("data-long", [...digit.label].length > 2);
  sentence.replaceChildren(...said.sentence);
  showDigit({ ...digit, verdict: shown }, labels);
  if (finished) announcement.textContent = said.aloud ?? sentence.textContent;
}

// The bars of a digit, and what the network saw of it.
export function showDigit(digit, labels) {
  // What is no digit has no best one.
  const best = digit.verdict === "not_a_digit" ? null : labels.indexOf(digit.label);
  setBars(bars, digit.probabilities, best);
  seen.src = digit.seen;
  seen.hidden = false;
}

// Of a number: how many digits there are, and which one the bars speak of.
export function sayNumber(answer, finished = true) {
  const all = digitsOf(answer);
  const counted = all.filter(({ counts }) => counts);
  const { digit, place, isChosen } = inFocus();
  const sure = digit.counts ? percent(digit.confidence) : t`not a digit, it seems`;
  const [count, name] = [plural(counted.length, "digit"), element("b", "", digit.counts ? digit.label : "·")];
  verdict.dataset.state = "number";
  label.hidden = true;
  sentence.replaceChildren(...(isChosen
    ? parts`${count}. Digit ${place}: ${name} (${sure}).`
    : parts`${count}. The least sure is ${name} (${sure}).`));
  if (finished) announcement.textContent = `${answer.text.replaceAll("\n", ", ")}. ${sentence.textContent}`;
}

// What an answer says in large, in small, and to screen readers, by its verdict.
function saying({ label, confidence, verdict, best, labels }) {
  const bold = (text) => element("b", "", text);
  switch (verdict) {
    case "not_a_digit": {
      const digits = labels.every((name) => /^[0-9]$/.test(name));
      const sentence = digits
        ? parts`Not a digit, it seems. The closest is ${bold(label)}.`
        : parts`None of the labels, it seems. The closest is ${bold(label)}.`;
      return { label: "?", sentence };
    }
    case "unsure": {
      const [first, second] = best;
      const each = ({ label, confidence }) => parts`${bold(label)} (${percent(confidence)})`;
      return { label: `${label}?`, sentence: parts`Unsure: ${each(first)} or ${each(second)}.` };
    }
    default: {
      const sure = percent(confidence);
      return { label, sentence: parts`${bold(sure)}sure`, aloud: t`${label}, ${sure} sure` };
    }
  }
}

// A checkpoint's name, with the way to its report where there is a server.
function report(checkpoint) {
  if (document.documentElement.dataset.server === "none") return checkpoint;
  const link = element("a", "", checkpoint);
  link.href = `models/${checkpoint}`;
  // What is drawn stays.
  link.target = "_blank";
  return link;
}

export function showEmpty(message = t`Nothing drawn yet.`, finished = false) {
  clearTimeout(doubt);
  hideNumber();
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
