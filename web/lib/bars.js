// Bars that show the probability of each label.

import { element } from "./dom.js";
import { number } from "./words.js";

// Builds a bar for each of these labels in a list, without values.
export function buildBars(list, labels) {
  list.replaceChildren(...labels.map((label) => element("li", {},
    element("span", { class: "name" }, label),
    element("span", { class: "track" }, element("span", { class: "fill" })),
    element("span", { class: "value" }, "–"))));
}

// Sets the bars. `best` is the index of the label that was read, null if the reading is none
// of the labels, or -1 if there is nothing to show.
export function setBars(list, probabilities, best) {
  probabilities.forEach((probability, i) => {
    const item = list.children[i];
    item.classList.toggle("best", i === best);
    item.querySelector(".fill").style.transform = `scaleX(${probability})`;
    item.querySelector(".value").textContent = best === -1 ? "–" : percent(probability);
  });
}

// Never shows 100 % or 0 %: the network is never certain.
export function percent(probability) {
  const percent = 100 * probability;
  if (percent > 99.9) return `> ${number(99.9, 1, "%")}`;
  if (percent < 0.1) return `< ${number(0.1, 1, "%")}`;
  return number(percent, 1, "%");
}
