// The boxes around the digits of a number, over the pad; edges that can be dragged.

import { byId, element } from "./dom.js";
import { PEN } from "./drawing.js";

const layer = byId("boxes");
const pad = byId("pad");
const picture = byId("picture");

// Room between ink and box, and the least height of a box that has a tag, in pixels.
const ROOM = 4;
const LEAST_TAGGED = 34;

let shown = null;
// Whether an edge is being dragged: then nothing is placed anew.
let dragging = false;
const placeAgain = () => shown && !dragging && place(shown);
new ResizeObserver(placeAgain).observe(pad);
picture.addEventListener("load", placeAgain);

// Shows a box for each digit. `moved(boxes)` is called with all boxes when an edge of the
// chosen one was dragged.
export function showBoxes({ digits, selected, moved }) {
  shown = { digits, selected, moved };
  placeAgain();
}

export function hideBoxes() {
  shown = null;
  layer.replaceChildren();
}

// The pad's pixels for one unit of the boxes, and where their origin is.
function scale() {
  const { clientWidth: width, clientHeight: height } = pad;
  // Points are where the middle of the pen was.
  if (picture.hidden) return { unit: width / 1000, left: 0, top: 0, room: ROOM + (PEN * height) / 2 };
  const { naturalWidth, naturalHeight } = picture;
  if (!naturalWidth) return { unit: 0, left: 0, top: 0, room: 0 };
  const unit = Math.min(width / naturalWidth, height / naturalHeight);
  return { unit, left: (width - naturalWidth * unit) / 2, top: (height - naturalHeight * unit) / 2, room: ROOM };
}

function place({ digits, selected, moved }) {
  const { unit, left, top, room } = scale();
  const box = ({ box: [x, y, width, height], label, verdict, counts }, i) => {
    const node = element("div", { class: "box", "data-verdict": verdict, "data-counts": String(counts) });
    node.style.left = `${left + x * unit - room}px`;
    node.style.top = `${top + y * unit - room}px`;
    node.style.width = `${width * unit + 2 * room}px`;
    node.style.height = `${height * unit + 2 * room}px`;
    node.toggleAttribute("data-small", height * unit + 2 * room < LEAST_TAGGED);
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
        // A tap moves nothing.
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

// Shows the boxes elsewhere, as long as they are moved.
export function previewBoxes(boxes) {
  const { unit, left, room } = scale();
  for (const [at, node] of [...layer.children].entries()) {
    const [x, , width] = boxes[at];
    node.style.left = `${left + x * unit - room}px`;
    node.style.width = `${width * unit + 2 * room}px`;
  }
}

// How wide the pad is in the units of the boxes.
export const extent = () => (picture.hidden ? 1000 : picture.naturalWidth);

// All boxes when one edge of the box `i` has moved by so much.
export function withEdge(digits, i, side, by) {
  const moved = digits.map((digit) => ({ ...digit, box: [...digit.box] }));
  dragged(moved, i, side, by);
  return moved.map(({ box }) => box);
}

// Moves one edge of a box, and with it that of the neighbour whose place it takes.
function dragged(digits, i, side, by) {
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

// Lets a box begin elsewhere and end where it ended.
function startAt(box, left, least) {
  const end = box[0] + box[2];
  box[0] = Math.min(left, end - least);
  box[2] = end - box[0];
}
