// What the columns of the tables hold, as the user says it: of several readings, the best that fits is
// taken. It holds for all sheets, until the tab is closed.

import { element, plural } from "./dom.js";
import { number, t } from "./words.js";

const NAME = "glyphic-columns";
// Numbers with more digits than this are not written by hand.
const MOST_DIGITS = 30;
const CHECKS = {
  luhn: "Luhn (cards, IMEI)", ean: "EAN, UPC, GTIN", isbn13: "ISBN-13", isbn10: "ISBN-10", mod11: "mod 11",
};

// What a column holds, or null, by its index.
export const columns = restored();

function restored() {
  try {
    return JSON.parse(sessionStorage.getItem(NAME)) ?? [];
  } catch {
    return [];
  }
}

function keep() {
  try {
    sessionStorage.setItem(NAME, JSON.stringify(columns));
  } catch {
    // The browser blocks storage: they are forgotten with the page.
  }
}

// The server's parameter: null without any.
export const known = () => (columns.some(Boolean) ? JSON.stringify(columns) : null);

// What a column holds, in a few words.
export function describe(column) {
  if (!column) return t`anything`;
  const { digits, min, max, values, check } = column;
  if (check) return t`a check digit: ${CHECKS[check]}`;
  if (values) return values.join(", ");
  if (digits) {
    const [least, most] = [digits].flat();
    return most && most !== least ? t`${least} to ${plural(most, "digit")}` : plural(least, "digit");
  }
  if (max == null) return t`${number(min)} or more`;
  return t`${number(min ?? 0)} to ${number(max)}`;
}

const kindOf = (column) => (!column ? "any" : column.check ? "check" : column.values ? "values" : column.digits ? "digits" : "range");

// Asks what a column holds, from 0; resolves with whether the answer is another one.
export function askColumn(index) {
  const column = columns[index] ?? null;
  const dialog = dialogFor(index, column);
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      if (dialog.returnValue !== "given") return resolve(false);
      const before = JSON.stringify(columns);
      while (columns.length <= index) columns.push(null);
      columns[index] = columnFrom(dialog.querySelector("form"));
      while (columns.length && !columns.at(-1)) columns.pop();
      keep();
      resolve(JSON.stringify(columns) !== before);
    });
  });
}

function dialogFor(index, column) {
  const [least, most] = [column?.digits ?? []].flat();
  const kinds = [
    ["any", t`anything`], ["digits", t`a number of digits`], ["range", t`numbers in a range`],
    ["values", t`only these texts`], ["check", t`a number with a check digit`],
  ];
  const option = ([value, text], chosen) => element("option", { value, selected: value === chosen }, text);
  const choice = element("select", { name: "kind" }, ...kinds.map((kind) => option(kind, kindOf(column))));
  const field = (name, value, text, [min, max]) => element("label", {}, text, " ",
    element("input", { type: "number", name, min, max, step: 1, value: value ?? "" }));
  const [lengths, numbers] = [[1, MOST_DIGITS], [0, Number.MAX_SAFE_INTEGER]];
  const parts = {
    digits: [field("least", least, t`Digits`, lengths), field("most", most, t`At most`, lengths)],
    range: [field("min", column?.min, t`At least`, numbers), field("max", column?.max, t`At most`, numbers)],
    values: [element("label", {}, t`Texts, with commas between them`, " ",
      element("input", { name: "values", value: column?.values?.join(", ") ?? "", autocomplete: "off" }))],
    check: [element("label", {}, t`Check digit`, " ", element("select", { name: "check" },
      ...Object.entries(CHECKS).map((each) => option(each, column?.check))))],
  };
  const groups = Object.entries(parts).map(([kind, fields]) => element("div", { class: "row", "data-kind": kind }, ...fields));
  const show = () => groups.forEach((group) => {
    const isShown = group.dataset.kind === choice.value;
    group.hidden = !isShown;
    group.querySelectorAll("input, select").forEach((field, i) => {
      field.disabled = !isShown;
      field.required = isShown && i === 0 && group.dataset.kind !== "range";
    });
  });
  choice.addEventListener("change", show);
  show();
  return element("dialog", { "aria-labelledby": "column-title", class: "column" },
    element("form", { method: "dialog", oninput: ({ currentTarget }) => checkOrder(currentTarget) },
      element("h2", { id: "column-title" }, t`Column ${index + 1} holds`),
      element("div", { class: "row" }, element("label", {}, element("span", { class: "visually-hidden" }, t`Kind`), choice)),
      ...groups,
      element("p", { class: "hint" }, t`Of several readings, the best that fits is taken. It holds for this column of all sheets, which are read again.`),
      element("div", { class: "row" },
        element("button", { type: "submit", class: "primary", value: "given" }, t`Read again`),
        element("button", { type: "submit", value: "", formnovalidate: true }, t`Cancel`))));
}

// The second of two numbers must not be less than the first.
function checkOrder({ least, most, min, max }) {
  for (const [first, second] of [[least, most], [min, max]]) {
    const isLess = first.value && second.value && Number(second.value) < Number(first.value);
    second.setCustomValidity(isLess ? t`This is less than the number before it.` : "");
  }
}

// What the dialog says, as the server wants it; null for anything.
function columnFrom(form) {
  const { kind, least, most, min, max, values = "", check } = Object.fromEntries(new FormData(form));
  const whole = (text) => (text ? Number(text) : undefined);
  const texts = values.split(",").map((text) => text.trim()).filter(Boolean);
  return {
    any: null,
    digits: { digits: whole(most) > whole(least) ? [whole(least), whole(most)] : whole(least) },
    range: min || max ? { min: whole(min), max: whole(max) } : null,
    values: texts.length ? { values: texts } : null,
    check: { check },
  }[kind];
}
