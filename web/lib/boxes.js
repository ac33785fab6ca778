// The boxes drawn over the pad around the digits of a number, and the edges that can be dragged.

import { byId, element } from "./dom.js";
import { PEN } from "./drawing.js";

const layer = byId("boxes");
const pad = byId("pad");
const picture = byId("picture");

// In pixels: the margin between ink and box, and the smallest height of a box with a tag.
const MARGIN = 4;
const MIN_TAGGED_HEIGHT = 34;

let shown = null;
// While an edge is being dragged, the boxes are not laid out again.
let dragging = false;
const placeAgain = () => shown && !dragging && place(shown);
new ResizeObserver(placeAgain).observe(pad);
picture.addEventListener("load", placeAgain);

// Shows a box for each digit. After an edge of the selected box was dragged, `moved(boxes)` is
// called with all boxes.
export function showBoxes({ digits, selected, moved }) {
  shown = { digits, selected, moved };
  placeAgain();
}

export function hideBoxes() {
  shown = null;
  layer.replaceChildren();
}

// The place of the smallest box around a point of the window, or null.
export function boxAt(x, y) {
  const found = [...layer.children].map((node, i) => ({ i, box: node.getBoundingClientRect() }))
    .filter(({ box }) => x >= box.left && x <= box.right && y >= box.top && y <= box.bottom)
    .sort((a, b) => a.box.width * a.box.height - b.box.width * b.box.height);
  return found[0]?.i ?? null;
}

// How the units of the boxes map to pixels of the pad: scale, origin and margin.
export function scale() {
  const { clientWidth: width, clientHeight: height } = pad;
  // Strokes have no width: half the pen's width of ink lies outside of their bounds.
  if (picture.hidden) return { unit: width / 1000, left: 0, top: 0, margin: MARGIN + (PEN * height) / 2 };
  const { naturalWidth, naturalHeight } = picture;
  if (!naturalWidth) return { unit: 0, left: 0, top: 0, margin: 0 };
  const unit = Math.min(width / naturalWidth, height / naturalHeight);
  return { unit, left: (width - naturalWidth * unit) / 2, top: (height - naturalHeight * unit) / 2, margin: MARGIN };
}

function place({ digits, selected, moved }) {
  const { unit, left, top, margin } = scale();
  const box = ({ box: [x, y, width, height], label, verdict, counts }, i) => {
    const node = element("div", { class: "box", "data-verdict": verdict, "data-counts": String(counts) });
    node.style.left = `${left + x * unit - margin}px`;
    node.style.top = `${top + y * unit - margin}px`;
    node.style.width = `${width * unit + 2 * margin}px`;
    node.style.height = `${height * unit + 2 * margin}px`;
    node.toggleAttribute("data-small", height * unit + 2 * margin < MIN_TAGGED_HEIGHT);
    node.append(element("span", { class: "tag" }, counts ? label : "·"));
    if (i === selected) {
      node.toggleAttribute("data-selected", true);
      for (const side of ["left", "right"]) node.append(edge(side, i));
    }
    return node;
  };

  const edge = (side, i) => {
    const handle = element("span", { class: `edge ${side}` });
    handle.addEventListener("pointerdown", (down) => {
      if (down.button !== 0 || unit === 0) return;
      down.preventDefault();
      handle.setPointerCapture(down.pointerId);
      dragging = true;
      let wanted = null;
      const ended = new AbortController();
      const { signal } = ended;
      handle.addEventListener("pointermove", (event) => {
        wanted = withEdge(digits, i, side, (event.clientX - down.clientX) / unit);
        previewBoxes(wanted);
      }, { signal });
      const end = (event) => {
        ended.abort();
        dragging = false;
        placeAgain();
        // A click without a drag changes nothing.
        const isMoved = event.type === "pointerup" && Math.abs(event.clientX - down.clientX) >= 3;
        if (isMoved && wanted) moved(wanted);
      };
      handle.addEventListener("pointerup", end, { signal });
      handle.addEventListener("pointercancel", end, { signal });
    });
    return handle;
  };

  layer.replaceChildren(...digits.map(box));
}

// Moves the shown boxes while the user drags an edge, before they are read again.
export function previewBoxes(boxes) {
  const { unit, left, margin } = scale();
  for (const [at, node] of [...layer.children].entries()) {
    const [x, , width] = boxes[at];
    node.style.left = `${left + x * unit - margin}px`;
    node.style.width = `${width * unit + 2 * margin}px`;
  }
}

// The width of the pad in the units of the boxes.
export const padWidth = () => (picture.hidden ? 1000 : picture.naturalWidth);

// All boxes after one edge of box `i` has moved by `by`.
export function withEdge(digits, i, side, by) {
  const moved = digits.map((digit) => ({ ...digit, box: [...digit.box] }));
  moveEdge(moved, i, side, by);
  return moved.map(({ box }) => box);
}

// Moves one edge of a box. If that makes it overlap its neighbour, the neighbour shrinks.
function moveEdge(digits, i, side, by) {
  const least = 1;
  const own = digits[i].box;
  const end = own[0] + own[2];
  if (side === "right") {
    own[2] = Math.max(least, own[2] + by);
    const next = digits[i + 1];
    if (next?.line === digits[i].line) startAt(next.box, Math.max(next.box[0], own[0] + own[2]), least);
  } else {
    startAt(own, own[0] + by, least);
    const before = digits[i - 1];
    if (before?.line === digits[i].line && own[0] < end) {
      before.box[2] = Math.max(least, Math.min(before.box[2], own[0] - before.box[0]));
    }
  }
}

// Moves the left edge of a box and keeps its right edge.
function startAt(box, left, least) {
  const end = box[0] + box[2];
  box[0] = Math.min(left, end - least);
  box[2] = end - box[0];
}
