// The drawings of the label that was taught last, and how many more would help.

import { byId, element, plural } from "./dom.js";
import { t } from "./words.js";

const box = byId("teach-drawings");
// From so many drawings other people's are read well (docs/teaching.md): more help less and less.
const GOAL = 5;

// Shows `count` drawings of a label, of which `pictures` are elements.
export function showDrawings(label, { count, pictures }) {
  box.hidden = count === 0;
  const stars = "★".repeat(Math.min(count, GOAL)) + "☆".repeat(Math.max(0, GOAL - count));
  box.replaceChildren(
    element("b", {}, label),
    element("span", { class: "stars", "aria-hidden": "true" }, stars),
    element("span", { class: "hint" }, count < GOAL ? t`${count} of ${GOAL} drawings` : plural(count, "drawing")),
    element("span", { class: "drawings", "aria-hidden": "true" }, ...pictures),
  );
}
