// The list of sheets, each with how far it is.

import { byId, element } from "./dom.js";
import { t } from "./words.js";

const pile = byId("pile");
// The sheet that was chosen last.
let chosen = null;

// `show(sheet)` is called for the sheet that is chosen.
export function showPile(sheets, current, show) {
  pile.hidden = sheets.length === 0;
  byId("start").toggleAttribute("data-begun", sheets.length > 0);
  const held = [...pile.querySelectorAll("button")].indexOf(document.activeElement);
  const button = (sheet) => element("button", {
    type: "button", "aria-pressed": String(sheet === current), "data-state": sheet.state, onclick: () => show(sheet),
  }, element("img", { src: sheet.thumbnail ?? "icon.svg", alt: "" }),
  element("span", { class: "name" }, sheet.name), element("small", {}, inShort(sheet)));
  pile.replaceChildren(...sheets.map((sheet) => element("li", {}, button(sheet))));
  pile.querySelectorAll("button")[held]?.focus();
  if (current !== chosen) bringIntoView();
  chosen = current;
}

// The chosen sheet is in the middle, but the page does not scroll to the list.
function bringIntoView() {
  const button = pile.querySelector('[aria-pressed="true"]');
  if (!button) return;
  const [box, view] = [button.getBoundingClientRect(), pile.getBoundingClientRect()];
  pile.scrollBy((box.left + box.right - view.left - view.right) / 2, 0);
}

function inShort({ state, cells, unchecked }) {
  if (state === "read" && cells.length === 0) return t`no table found`;
  return {
    waiting: t`waiting`, reading: t`reading …`, failed: t`cannot be read`,
    read: unchecked.length ? t`${unchecked.length} unsure` : t`all checked`,
  }[state];
}
