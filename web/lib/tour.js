// A tour of three steps, on request. It does not cover or block the page.

import { byId, element } from "./dom.js";
import { t } from "./words.js";

const STEPS = [
  ["pad", t`Draw here`, t`Draw a digit or a whole number with a mouse, pen or finger, or with the arrow keys and Space. You can drop a picture here too.`],
  ["verdict", t`Read as you draw`, t`This is what the network reads and how sure it is. In a number, choose a digit to see its bars or to correct a wrong split.`],
  ["insight", t`Look inside`, t`See what each layer makes of your ink. Below, say what you drew, and Glyphic learns from it.`],
];

document.head.append(element("link", { rel: "stylesheet", href: "tour.css" }));

let card = null;

export const tour = () => show(0);

function show(step) {
  end();
  if (step >= STEPS.length) return byId("tour").focus();
  const [id, title, text] = STEPS[step];
  const place = byId(id);
  place.classList.add("toured");
  if (id === "insight") place.open = true;
  const last = step === STEPS.length - 1;
  const next = element("button", { type: "button", class: "primary small", onclick: () => show(step + 1) }, last ? t`Done` : t`Next`);
  card = element("section", { class: "tour", role: "dialog", "aria-label": t`Tour, step ${step + 1} of ${STEPS.length}` },
    element("p", { class: "hint" }, t`${step + 1} of ${STEPS.length}`),
    element("h2", {}, title), element("p", {}, text),
    element("div", { class: "row" }, next,
      last ? null : element("button", { type: "button", class: "small", onclick: () => show(STEPS.length) }, t`Skip`)));
  document.body.append(card);
  place.scrollIntoView({ block: "nearest" });
  next.focus({ preventScroll: true });
}

function end() {
  card?.remove();
  card = null;
  document.querySelector(".toured")?.classList.remove("toured");
}
