// What is worth a look, and one click that settles it.

import { audit, relabel, suggestions, teach, told } from "./api.js";
import { byId, element, pause, plural } from "./dom.js";
import { english, number, parts, t } from "./words.js";

const list = byId("look");
const hint = byId("look-hint");
const tabs = [...document.querySelectorAll("[data-kind]")];

let kind = "unsure";
let settled = () => {};

// `onSettled` is called after each label that was given.
export function startSuggestions(onSettled) {
  settled = onSettled;
  for (const tab of tabs) {
    tab.addEventListener("click", () => {
      kind = tab.dataset.kind;
      tabs.forEach((other) => other.setAttribute("aria-pressed", String(other === tab)));
      load();
    });
  }
  load();
}

async function load() {
  const asked = kind;
  try {
    const answer = await suggestions(asked);
    if (asked !== kind) return;
    list.replaceChildren(...answer.suggestions.map(card));
    hint.replaceChildren(...explain(answer));
    if (answer.state === "running") {
      await pause(1500);
      if (asked === kind) load();
    }
  } catch (error) {
    hint.replaceChildren(...told(error));
  }
}

function explain({ state, failure, examples, doubted, suggestions: found }) {
  const look = element("button", { type: "button", class: "small", onclick: begin }, t`Look through it`);
  if (state === "none") {
    const because = parts`It could not be looked through: ${english(failure)}.`;
    return [...(failure ? because : [t`Not looked through yet.`]), " ", look];
  }
  if (state === "running") return [t`Looking through the training set …`];
  if (state === "ready") {
    return [t`${doubted} of ${number(examples)} labels are doubtful; the ${found.length} most doubtful:`];
  }
  return [found.length ? t`${plural(found.length, "sample")} to look at.` : t`Nothing to look at.`];
}

async function begin() {
  try {
    await audit();
    await load();
  } catch (error) {
    hint.replaceChildren(...told(error));
  }
}

function card(suggestion) {
  const { sample, pixels, picture, label, suggested, why } = suggestion;
  let done = false;
  const settle = async (right) => {
    if (done) return;
    done = true;
    try {
      if (sample) await relabel(sample, right);
      else await teach({ pixels }, right);
      node.remove();
      settled();
    } catch (error) {
      done = false;
      hint.replaceChildren(...told(error));
    }
  };
  const choices = [...new Set([label, suggested].filter((text) => text !== null))];
  const other = element("input", {
    size: 5, maxlength: 32, placeholder: t`other`, autocomplete: "off", "aria-label": t`Another label`,
    onchange: () => other.value.trim() && settle(other.value.trim()),
  });
  const node = element("article", { class: "card" },
    element("img", { src: picture, width: 84, height: 84, alt: label === null ? t`Not labelled yet` : t`Labelled ${label}` }),
    element("div", {},
      element("div", { class: "chips" },
        ...choices.map((text) => element("button", {
          type: "button", class: "chip", "aria-label": t`It is ${text}`, onclick: () => settle(text),
        }, text)), other),
      element("p", {}, ...(label === null ? [reason(why)] : parts`labelled ${label}; ${reason(why)}`))));
  return node;
}

// The server's reasons are English sentences; these are known.
function reason(why) {
  if (why === "not labelled yet") return t`not labelled yet`;
  const [, sure] = why.match(/^(\d+) % sure when it came$/) ?? [];
  if (sure) return t`${number(sure, 0, "%")} sure when it came`;
  const [, before, now] = why.match(/^read as (.+) before, as (.+) now$/) ?? [];
  if (now) return t`read as ${before} before, as ${now} now`;
  const [, confidence, other] = why.match(/^the network is (\d+) % sure of (.+)$/) ?? [];
  if (other) return t`the network is ${number(confidence, 0, "%")} sure of ${other}`;
  const [, points, label] = why.match(/^(\d+) points more likely a (.+)$/) ?? [];
  return label ? t`${points} points more likely a ${label}` : english(why);
}
