// The language of the pages: English as in the code and the HTML, or Spanish by the dictionary
// in es.js. Its keys are the English texts, with {0}, {1} … for the values.

const NAME = "glyphic-language";
const TEXTS = "//text()|//@aria-label|//@placeholder|//@title|//@alt|//@content";

const page = document.documentElement;
const tags = navigator.languages;
const kept = (run) => { try { return run(localStorage); } catch { return null; } };
const language = kept((store) => store.getItem(NAME)) ?? tags.find((tag) => /^(en|es)\b/i.test(tag)) ?? "en";
// The Spanish texts by the English ones; undefined if the page is in English.
export let dictionary;

if (/^es/i.test(language)) {
  // Hides the page until it is translated.
  page.toggleAttribute("data-wording", true);
  // After three seconds the page is shown in English.
  const late = new Promise((resolve) => setTimeout(resolve, 3000));
  dictionary = await Promise.race([import("./es.js").then((words) => words.default, () => undefined), late]);
  if (dictionary) translate();
  page.toggleAttribute("data-wording", false);
}

// The switch names the language that it leads to.
const other = dictionary ? "en" : "es";
const button = document.getElementById("language");
Object.assign(button, { lang: other, textContent: { en: "English", es: "Español" }[other] });
button.addEventListener("click", () => {
  kept((store) => store.setItem(NAME, other));
  location.reload();
});

// t`${right} of ${all} right`: a text in the visitor's language.
export const t = (strings, ...values) => parts(strings, ...values).join("");

// The same with elements among the values: an array to spread into an element.
export function parts(strings, ...values) {
  const key = strings.reduce((all, next, i) => `${all}{${i - 1}}${next}`);
  const pieces = (dictionary?.[key] ?? key).split(/\{(\d)\}/);
  return pieces.flatMap((piece, i) => (i % 2 ? values[piece] : piece || []));
}

// An English text of the server, marked as English if the page is in Spanish.
export function english(text) {
  if (!dictionary) return text;
  const node = document.createElement("span");
  return Object.assign(node, { lang: "en", textContent: text });
}

// With the visitor's region: Spain writes a decimal comma, Mexico a point.
const locale = dictionary ? tags.find((tag) => /^es\b/i.test(tag)) ?? "es" : "en";
const formats = {};

// A number, with a fixed number of decimals if `digits` is given, and with its unit.
export function number(value, digits, unit) {
  const fixed = { minimumFractionDigits: digits, maximumFractionDigits: digits, useGrouping: false };
  formats[digits] ??= new Intl.NumberFormat(locale, digits == null ? {} : fixed);
  const text = formats[digits].format(value);
  return unit ? `${text}${dictionary ? "\u00a0" : " "}${unit}` : text;
}

// A time to wait, rounded up to seconds or minutes.
export function duration(seconds) {
  const whole = Math.ceil(seconds);
  return whole < 100 ? number(whole, 0, "s") : number(Math.ceil(whole / 60), 0, "min");
}

export const moment = (time) => new Date(time).toLocaleString(dictionary && locale);

// Translates the document's texts and attributes.
function translate() {
  page.lang = "es";
  const found = document.evaluate(TEXTS, document, null, XPathResult.ORDERED_NODE_SNAPSHOT_TYPE);
  for (let i = 0; i < found.snapshotLength; i++) {
    const node = found.snapshotItem(i);
    const words = dictionary[node.nodeValue.trim().replace(/\s+/g, " ")];
    if (words) node.nodeValue = node.nodeValue.replace(/\S(.*\S)?/s, () => words);
  }
}
