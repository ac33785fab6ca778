// The samples page: find, correct, delete, import and export samples.

import {
  Unreachable, confirmSamples, deleteSample, deleteSamples, exportSamples, importSamples, relabel, samples, summary,
  told, undo,
} from "./api.js";
import { byId, element, plural } from "./dom.js";
import { startSuggestions } from "./suggestions.js";
import { askForToken } from "./token.js";
import { english, moment, number, t } from "./words.js";

const PAGE = 60;
// The names of the files of an export.
const FILES = { jsonl: "samples.jsonl", csv: "samples.csv", idx: "samples-idx.zip", png: "samples-png.zip" };

const form = byId("filters");
const cards = byId("cards");
const more = byId("more");
const drop = byId("drop");
const message = byId("message");
const state = byId("state");

let next = null;
// Whether only this browser's own samples are shown; null until the server has said so.
let own = null;
// Counts the requests, so that the answer to an older one is ignored.
let asked = 0;

form.addEventListener("input", () => load());
form.addEventListener("submit", (event) => event.preventDefault());
more.addEventListener("click", () => load(next));
byId("undo").addEventListener("click", () => act(undo, ({ undone, samples: count }) =>
  ({
    delete: t`Restored ${plural(count, "sample")}.`,
    relabel: t`Restored the label of ${plural(count, "sample")}.`,
    confirm: t`No longer confirmed: ${plural(count, "sample")}.`,
  }[undone])));
drop.addEventListener("click", () => isMeant(Number(drop.dataset.total)) && act(() => deleteSamples(filter()), ({ deleted }) => (own
  ? t`Deleted ${plural(deleted, "sample")} for good.`
  : t`Deleted ${plural(deleted, "sample")}; “Undo” restores them.`)));
byId("show-all").addEventListener("click", async () => {
  if (await askForToken()) load();
});
for (const [format, name] of Object.entries(FILES)) {
  byId(`export-${format}`).addEventListener("click", () => save(format, name));
}
byId("import").addEventListener("change", async ({ target }) => {
  const [file] = target.files;
  target.value = "";
  if (!file) return;
  say(t`Reading ${file.name} …`);
  await act(() => importSamples(file), ({ added, duplicates, contradictions, left_out: leftOut }) => [
    t`${plural(added, "sample")} added, ${duplicates} already here, ${contradictions} already here with another label.`,
    ...(leftOut ? [" ", english(leftOut)] : []),
  ]);
});

load();

// Asks before so many samples are deleted.
function isMeant(count) {
  return window.confirm(t`Delete ${plural(count, "sample")}?`);
}

// Saves the samples that match as a file.
async function save(format, name) {
  try {
    const link = element("a", { href: URL.createObjectURL(await exportSamples(format, filter())), download: name });
    link.click();
    // The browser needs the address for a moment.
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  } catch (error) {
    say(...told(error));
  }
}

// The chosen filters, as the API's parameters.
function filter() {
  const { label, prediction, verdict, source, model, since, until, show } = Object.fromEntries(new FormData(form));
  const time = (text) => (text ? new Date(text).getTime() : "");
  const shown = {
    disagreement: { disagreement: 1 }, unlabelled: { labelled: 0 },
    held_back: { held_back: 1 }, unconfirmed: { unconfirmed: 1 }, deleted: { deleted: 1 },
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
    showWhose(page.own);
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
    drop.hidden = !(narrowed || own) || page.total === 0;
    drop.textContent = t`Delete all ${page.total}`;
    drop.dataset.total = page.total;
    showSummary(all);
    state.dataset.state = "ready";
    state.textContent = plural(all.total, "sample");
  } catch (error) {
    state.dataset.state = "unreachable";
    state.textContent = error instanceof Unreachable ? t`The server is not responding` : error.message;
  }
}

// Shows what is for the token's holder, or what is for visitors.
function showWhose(ofVisitor) {
  if (own === ofVisitor) return;
  own = ofVisitor;
  byId("own").hidden = !own;
  for (const id of ["look-section", "undo", "import-label", "import"]) byId(id).hidden = own;
  if (!own) startSuggestions(() => load());
}

function showSummary({ labels, sources, unconfirmed }) {
  byId("waiting").hidden = unconfirmed.length === 0;
  byId("waiting").querySelector("tbody").replaceChildren(...unconfirmed.map(({ name, samples: count, disagree }) =>
    element("tr", {},
      element("th", { scope: "row" }, name),
      element("td", {}, String(count)),
      element("td", {}, number((100 * disagree) / count, 0, "%")),
      element("td", {}, element("button", {
        type: "button", class: "small", "aria-label": t`Confirm all samples of ${name}`,
        onclick: () => act(() => confirmSamples({ label: name }), ({ confirmed }) =>
          t`Confirmed ${plural(confirmed, "sample")}; “Undo” takes it back.`),
      }, t`Confirm all`), " ", element("button", {
        type: "button", class: "small", "aria-label": t`Delete all unconfirmed samples of ${name}`,
        onclick: () => isMeant(count) && act(() => deleteSamples({ label: name, unconfirmed: 1 }), ({ deleted }) =>
          t`Deleted ${plural(deleted, "sample")}; “Undo” restores them.`),
      }, t`Delete all`)))));
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
        onclick: () => isMeant(count) && act(() => deleteSamples({ source: name }), ({ deleted }) => (own
          ? t`Deleted ${plural(deleted, "sample")} for good.`
          : t`Deleted ${plural(deleted, "sample")} from ${name}; “Undo” restores them.`)),
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
  const waiting = !sample.trusted && !sample.confirmed;
  const label = element("input", {
    value: sample.label ?? "", list: "labels", maxlength: 32, size: 5, autocomplete: "off",
    "aria-label": t`Label of this sample`, placeholder: "?", readonly: own,
    onchange: () => label.value.trim() && act(() => relabel(sample.id, label.value),
      () => t`Its label is now ${label.value.trim()}.`),
  });
  return element("article", { class: "card", "data-wrong": wrong, "data-waiting": waiting, "data-id": sample.id },
    element("img", { src: sample.picture, width: 84, height: 84, alt: t`A sample of ${sample.label ?? t`something`}` }),
    element("div", {},
      label,
      element("p", {}, reading(sample)),
      element("p", { title: `${moment(when)}, ${sample.model}` },
        waiting ? `${t`not confirmed`} · ` : "", sample.held_back ? `${t`held back`} · ` : "", sample.source)),
    waiting && !own && sample.label !== null && sample.deleted === null && element("button", {
      type: "button", class: "small", "aria-label": t`Confirm this sample of ${sample.label}`,
      onclick: () => act(() => relabel(sample.id, sample.label), () => t`Confirmed.`),
    }, t`Confirm`) || "",
    sample.deleted === null && element("button", {
      type: "button", class: "small", "aria-label": t`Delete this sample of ${sample.label ?? t`something`}`,
      onclick: () => act(() => deleteSample(sample.id), () => (own ? t`Deleted for good.` : t`Deleted; “Undo” restores it.`)),
    }, t`Delete`) || "");
}

async function act(action, sentence) {
  try {
    say(...[sentence(await action())].flat());
  } catch (error) {
    say(...(error instanceof Unreachable ? [t`The server is not responding: nothing was changed.`] : told(error)));
  }
  await load();
}

function say(...text) {
  message.replaceChildren(...text);
}
