// The samples and training examples that are worth a look, each labelled with one click.

import { audit, relabel, saveSample, suggestions, told } from "./api.js";
import { byId, element, pause, plural } from "./dom.js";
import { english, number, parts, t } from "./words.js";

const list = byId("look");
const hint = byId("look-hint");
const tabs = [...document.querySelectorAll("[data-kind]")];

let kind = "unsure";
let labelled = () => {};

// `onLabelled` is called after each label that was given.
export function startSuggestions(onLabelled) {
  labelled = onLabelled;
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
  const look = element("button", { type: "button", class: "small", onclick: check }, t`Check the training set`);
  if (state === "none") {
    const because = parts`The check failed: ${english(failure)}.`;
    return [...(failure ? because : [t`Not checked yet.`]), " ", look];
  }
  if (state === "running") return [t`Checking the training set …`];
  if (state === "ready") {
    return [t`${doubted} of ${number(examples)} labels are doubtful; the ${found.length} most doubtful:`];
  }
  return [found.length ? t`${plural(found.length, "sample")} to review.` : t`Nothing to review.`];
}

async function check() {
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
  const giveLabel = async (right) => {
    if (done) return;
    done = true;
    try {
      if (sample) await relabel(sample, right);
      else await saveSample({ pixels }, right);
      node.remove();
      labelled();
    } catch (error) {
      done = false;
      hint.replaceChildren(...told(error));
    }
  };
  const choices = [...new Set([label, suggested].filter((text) => text !== null))];
  const other = element("input", {
    size: 5, maxlength: 32, placeholder: t`other`, autocomplete: "off", "aria-label": t`Another label`,
    onchange: () => other.value.trim() && giveLabel(other.value.trim()),
  });
  const node = element("article", { class: "card" },
    element("img", { src: picture, width: 84, height: 84, alt: label === null ? t`Not labelled yet` : t`Labelled ${label}` }),
    element("div", {},
      element("div", { class: "chips" },
        ...choices.map((text) => element("button", {
          type: "button", class: "chip", "aria-label": t`It is ${text}`, onclick: () => giveLabel(text),
        }, text)), other),
      element("p", {}, ...(label === null ? [reason(why)] : parts`labelled ${label}; ${reason(why)}`))));
  return node;
}

// Translates the server's reasons, which are English sentences. One that is not recognized is
// shown as it is, marked as English.
function reason(why) {
  if (why === "not labelled yet") return t`not labelled yet`;
  const [, sure] = why.match(/^(\d+) % sure when it arrived$/) ?? [];
  if (sure) return t`${number(sure, 0, "%")} sure when it arrived`;
  const [, before, now] = why.match(/^read as (.+) before, as (.+) now$/) ?? [];
  if (now) return t`read as ${before} before, now as ${now}`;
  const [, confidence, other] = why.match(/^the network is (\d+) % sure it is (.+)$/) ?? [];
  if (other) return t`the network is ${number(confidence, 0, "%")} sure it is ${other}`;
  const [, points, label] = why.match(/^(\d+) points more likely to be (.+)$/) ?? [];
  return label ? t`${points} points more likely to be ${label}` : english(why);
}
