// The samples page: find, correct, delete, import and export samples.

import {
  Unreachable, deleteSample, deleteSamples, exportAddress, importSamples, relabel, samples, summary, told, undo,
} from "./api.js";
import { byId, element, plural } from "./dom.js";
import { startSuggestions } from "./suggestions.js";
import { moment, number, t } from "./words.js";

const PAGE = 60;

const form = byId("filters");
const cards = byId("cards");
const more = byId("more");
const drop = byId("drop");
const message = byId("message");
const state = byId("state");

let next = null;
// Counts the requests, so that the answer to an older one is ignored.
let asked = 0;

form.addEventListener("input", () => load());
form.addEventListener("submit", (event) => event.preventDefault());
more.addEventListener("click", () => load(next));
byId("undo").addEventListener("click", () => act(undo, ({ undone, samples: count }) =>
  (undone === "delete"
    ? t`Restored ${plural(count, "sample")}.`
    : t`Restored the label of ${plural(count, "sample")}.`)));
drop.addEventListener("click", () => act(() => deleteSamples(filter()), ({ deleted }) =>
  t`Deleted ${plural(deleted, "sample")}; “Undo” restores them.`));
byId("import").addEventListener("change", async ({ target }) => {
  const [file] = target.files;
  target.value = "";
  if (!file) return;
  say(t`Reading ${file.name} …`);
  await act(() => importSamples(file), ({ added, duplicates, contradictions }) =>
    t`${plural(added, "sample")} added, ${duplicates} already here, ${contradictions} already here with another label.`);
});

startSuggestions(() => load());
load();

// The chosen filters, as the API's parameters.
function filter() {
  const { label, prediction, verdict, source, model, since, until, show } = Object.fromEntries(new FormData(form));
  const time = (text) => (text ? new Date(text).getTime() : "");
  const shown = {
    disagreement: { disagreement: 1 }, unlabelled: { labelled: 0 },
    held_back: { held_back: 1 }, deleted: { deleted: 1 },
  };
  return { label, prediction, verdict, source, model, since: time(since), until: time(until), ...shown[show] };
}

async function load(before = null) {
  const ask = ++asked;
  try {
    const chosen = filter();
    const [page, all] = await Promise.all([samples({ ...chosen, before, limit: PAGE }), summary()]);
    // The user has chosen other filters since.
    if (ask !== asked) return;
    const fresh = page.samples.map(card);
    if (before) cards.append(...fresh);
    else cards.replaceChildren(...fresh);
    if (cards.children.length === 0) {
      cards.append(element("p", { class: "hint" }, all.total > 0
        ? t`No samples match.` : t`No samples yet: draw something and say what it is.`));
    }
    next = page.next;
    more.hidden = !next;
    const narrowed = Object.values(chosen).some((value) => value !== "") && chosen.deleted !== 1;
    drop.hidden = !narrowed || page.total === 0;
    drop.textContent = t`Delete all ${page.total}`;
    for (const format of ["jsonl", "csv", "idx", "png"]) {
      byId(`export-${format}`).href = exportAddress(format, chosen);
    }
    showSummary(all);
    state.dataset.state = "ready";
    state.textContent = plural(all.total, "sample");
  } catch (error) {
    state.dataset.state = "unreachable";
    state.textContent = error instanceof Unreachable ? t`The server is not responding` : error.message;
  }
}

function showSummary({ labels, sources }) {
  byId("labels").replaceChildren(...labels.map(({ name }) => element("option", { value: name })));
  const choice = form.elements.source;
  const chosen = choice.value;
  choice.replaceChildren(
    element("option", { value: "" }, t`anyone`),
    ...sources.map(({ name }) => element("option", { value: name }, name)),
  );
  choice.value = chosen;
  byId("sources").tBodies[0].replaceChildren(...sources.map(({ name, samples: count, disagree }) =>
    element("tr", {},
      element("th", { scope: "row" }, name),
      element("td", {}, String(count)),
      element("td", {}, number((100 * disagree) / count, 0, "%")),
      element("td", {}, element("button", {
        type: "button", class: "small", "aria-label": t`Delete all samples from ${name}`,
        onclick: () => act(() => deleteSamples({ source: name }), ({ deleted }) =>
          t`Deleted ${plural(deleted, "sample")} from ${name}; “Undo” restores them.`),
      }, t`Delete all`)))));
}

// The network's reading of a sample when it arrived.
function reading({ verdict, prediction, confidence }) {
  const label = `${prediction}, ${number(100 * confidence, 0, "%")}`;
  if (verdict === "not_a_digit") return t`rejected; closest ${label}`;
  return verdict === "unsure" ? t`unsure: ${label}` : t`read as ${label}`;
}

function card(sample) {
  const wrong = sample.label !== null && sample.label !== sample.prediction;
  const when = new Date(sample.created);
  const label = element("input", {
    value: sample.label ?? "", list: "labels", maxlength: 32, size: 5, autocomplete: "off",
    "aria-label": t`Label of this sample`, placeholder: "?",
    onchange: () => label.value.trim() && act(() => relabel(sample.id, label.value),
      () => t`Its label is now ${label.value.trim()}.`),
  });
  return element("article", { class: "card", "data-wrong": wrong, "data-id": sample.id },
    element("img", { src: sample.picture, width: 84, height: 84, alt: t`A sample of ${sample.label ?? t`something`}` }),
    element("div", {},
      label,
      element("p", {}, reading(sample)),
      element("p", { title: `${moment(when)}, ${sample.model}` },
        sample.held_back ? `${t`held back`} · ` : "", sample.source)),
    sample.deleted === null && element("button", {
      type: "button", class: "small", "aria-label": t`Delete this sample of ${sample.label ?? t`something`}`,
      onclick: () => act(() => deleteSample(sample.id), () => t`Deleted; “Undo” restores it.`),
    }, t`Delete`) || "");
}

async function act(action, sentence) {
  try {
    say(sentence(await action()));
  } catch (error) {
    say(...(error instanceof Unreachable ? [t`The server is not responding: nothing was changed.`] : told(error)));
  }
  await load();
}

function say(...text) {
  message.replaceChildren(...text);
}
