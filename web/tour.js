// A tour of three steps for those who ask for it; it covers nothing and blocks nothing.

import { byId, element } from "./dom.js";

const STEPS = [
  ["pad", "Draw here", "A digit or a whole number, by mouse, pen, finger or the arrow keys and Space. A picture can be dropped here too."],
  ["verdict", "Read while you draw", "What the network reads, and how sure it is. Of a number choose a digit to see its bars, or to mend a wrong split."],
  ["insight", "Look inside", "What becomes of your ink, layer by layer. Below, say what it was, and Glyphic learns from it."],
];

let card = null;

byId("tour").addEventListener("click", () => show(0));

function show(step) {
  end();
  if (step >= STEPS.length) return byId("tour").focus();
  const [id, title, text] = STEPS[step];
  const place = byId(id);
  place.classList.add("toured");
  if (id === "insight") place.open = true;
  const last = step === STEPS.length - 1;
  const next = element("button", { type: "button", class: "primary small", onclick: () => show(step + 1) }, last ? "Done" : "Next");
  card = element("section", { class: "tour", role: "dialog", "aria-label": `Tour, step ${step + 1} of ${STEPS.length}` },
    element("p", { class: "hint" }, `${step + 1} of ${STEPS.length}`),
    element("h2", {}, title), element("p", {}, text),
    element("div", { class: "row" }, next,
      last ? null : element("button", { type: "button", class: "small", onclick: () => show(STEPS.length) }, "Skip")));
  document.body.append(card);
  place.scrollIntoView({ block: "nearest" });
  next.focus({ preventScroll: true });
}

function end() {
  card?.remove();
  card = null;
  document.querySelector(".toured")?.classList.remove("toured");
}
