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
new ResizeObserver(() => shown && place(shown)).observe(pad);

// Shows a box for each digit. `select(i)` is called for the one that is chosen, and
// `moved(boxes)` with all boxes when an edge was dragged.
export function showBoxes({ digits, selected, select, moved }) {
  shown = { digits, selected, select, moved };
  place(shown);
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
  const unit = Math.min(width / naturalWidth, height / naturalHeight) || 0;
  return { unit, left: (width - naturalWidth * unit) / 2, top: (height - naturalHeight * unit) / 2, room: ROOM };
}

function place({ digits, selected, select, moved }) {
  const { unit, left, top, room } = scale();
  const box = ({ box: [x, y, width, height], label, verdict, counts }, i) => {
    const node = element("div", { class: "box", "data-verdict": verdict, "data-counts": counts });
    node.style.left = `${left + x * unit - room}px`;
    node.style.top = `${top + y * unit - room}px`;
    node.style.width = `${width * unit + 2 * room}px`;
    node.style.height = `${height * unit + 2 * room}px`;
    node.toggleAttribute("data-small", height * unit + 2 * room < LEAST_TAGGED);
    // Those in the row above the bars are for the keyboard and for screen readers.
    node.append(element("button", { class: "tag", type: "button", tabindex: -1, onclick: () => select(i) },
      counts ? label : "·"));
    if (i === selected) {
      node.toggleAttribute("data-selected", true);
      for (const side of ["left", "right"]) node.append(edge(side, i));
    }
    return node;
  };

  const edge = (side, i) => {
    const handle = element("span", { class: `edge ${side}` });
    handle.addEventListener("pointerdown", (down) => {
      down.preventDefault();
      handle.setPointerCapture(down.pointerId);
      const boxes = digits.map((digit) => [...digit.box]);
      const drag = (event) => {
        const by = (event.clientX - down.clientX) / unit;
        digits.forEach((digit, at) => (digit.box = [...boxes[at]]));
        dragged(digits, i, side, by);
        for (const [at, node] of [...layer.children].entries()) {
          const [x, , width] = digits[at].box;
          node.style.left = `${left + x * unit - room}px`;
          node.style.width = `${width * unit + 2 * room}px`;
        }
      };
      handle.addEventListener("pointermove", drag);
      handle.addEventListener("pointerup", () => moved(digits.map((digit) => digit.box)), { once: true });
    });
    return handle;
  };

  layer.replaceChildren(...digits.map(box));
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
