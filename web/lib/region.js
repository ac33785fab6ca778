// A box on the picture, which the user draws, moves and resizes with any pointer or with the keyboard,
// and what can be done with what is in it. Loaded when a part of a picture is marked first.

import { scale } from "./boxes.js";
import { byId, element } from "./dom.js";
import { told } from "./api.js";
import { number, t } from "./words.js";

const pad = byId("pad");
const tools = document.querySelector(".tools");
const picture = byId("picture");

// How far an arrow key moves an edge, as a share of the picture's side.
const STEP = 0.02;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
// The smallest box, in pixels of the screen. What is drawn smaller is a slip.
const LEAST = 10;

// What the user does with the box: `crop(box)`, and `readToo(box)`, which may return why it does not work.
// `ended()` is called when the user cancels. Returns a function that removes everything again and returns
// whether the focus was there.
export function startRegion({ crop, readToo, ended }) {
  const hint = element("p", { class: "hint", role: "status" }, t`Draw a box round a part of the picture.`);
  const act = (work) => async () => {
    try {
      hint.textContent = t`Reading …`;
      hint.textContent = (await work(region.box)) ?? hint.textContent;
    } catch (error) {
      hint.replaceChildren(...told(error));
    }
  };
  const button = (id, text, onclick, name = "") => element("button", { type: "button", id, onclick, class: name }, text);
  const acts = [
    button("region-read", t`Read this too`, act(readToo), "primary"), button("region-crop", t`Crop to this`, act(crop)),
  ];
  const own = element("div", { class: "tools part", role: "group", "aria-label": t`The marked part` }, hint,
    ...acts, button("region-cancel", t`Cancel`, ended));
  const region = new Region((isDrawn) => acts.forEach((one) => (one.disabled = !isDrawn)));
  const keys = (event) => {
    const isUndo = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z";
    if (event.key !== "Escape" && !isUndo) return;
    // On the page, they would take back something else.
    event.stopPropagation();
    event.preventDefault();
    ended();
  };
  document.addEventListener("keydown", keys, true);
  tools.after(own);
  tools.hidden = true;
  region.node.focus({ preventScroll: true });
  return () => {
    const { activeElement } = document;
    const isHeld = own.contains(activeElement) || region.node.contains(activeElement);
    document.removeEventListener("keydown", keys, true);
    own.remove();
    region.remove();
    tools.hidden = false;
    return isHeld;
  };
}

class Region {
  // Two opposite corners, in pixels of the picture: [x, y]. Null until there is a box.
  #from = null;
  #to = null;
  #frame;
  #where = element("p", { class: "visually-hidden", role: "status" });
  #pointer = null;
  #resized = new ResizeObserver(() => this.#place());
  #changed;

  // `changed(isDrawn)` is called when there is a box, or none.
  constructor(changed) {
    this.#changed = changed;
    const corners = [[0, 0], [1, 0], [0, 1], [1, 1]].map(([x, y]) => element("span", { class: "corner", "data-x": x, "data-y": y }));
    this.#frame = element("div", { class: "frame", hidden: true }, ...corners);
    this.node = element("div", {
      class: "region", tabindex: 0, role: "application",
      "aria-label": t`The marked part of the picture: draw a box round it. With the keyboard, the arrow keys move the box, and with Shift they change its size`,
      onpointerdown: (event) => this.#down(event), onkeydown: (event) => this.#key(event),
    }, this.#frame);
    pad.append(this.node, this.#where);
    this.#resized.observe(pad);
    this.#place();
  }

  get width() {
    return picture.naturalWidth;
  }

  get height() {
    return picture.naturalHeight;
  }

  // In whole pixels of the picture: x, y, width and height.
  get box() {
    const [left, top, right, bottom] = this.#sides();
    const [x, y] = [Math.floor(left), Math.floor(top)];
    return [x, y, Math.max(1, Math.ceil(right) - x), Math.max(1, Math.ceil(bottom) - y)];
  }

  remove() {
    this.#resized.disconnect();
    this.node.remove();
    this.#where.remove();
  }

  #sides() {
    const [[x, y], [x2, y2]] = [this.#from, this.#to];
    return [Math.min(x, x2), Math.min(y, y2), Math.max(x, x2), Math.max(y, y2)];
  }

  #place() {
    this.#frame.hidden = !this.#from;
    this.#changed(Boolean(this.#from));
    if (!this.#from) return;
    const { unit, left, top } = scale();
    const [x, y, right, bottom] = this.#sides();
    const px = (value) => `${value * unit}px`;
    Object.assign(this.#frame.style, {
      left: `calc(${left}px + ${px(x)})`, top: `calc(${top}px + ${px(y)})`, width: px(right - x), height: px(bottom - y),
    });
  }

  #say() {
    if (!this.#from) return;
    const [left, top, right, bottom] = this.#sides();
    const share = (value, all) => number((100 * value) / all, 0, "%");
    const { width, height } = this;
    this.#where.textContent = t`From ${share(left, width)} to ${share(right, width)} of its width, and from ${share(top, height)} to ${share(bottom, height)} of its height`;
  }

  // The place of a pointer on the picture.
  #at({ clientX, clientY }) {
    const { unit, left, top } = scale();
    const { x, y } = pad.getBoundingClientRect();
    return this.#within([(clientX - x - pad.clientLeft - left) / unit, (clientY - y - pad.clientTop - top) / unit]);
  }

  #within([x, y]) {
    return [Math.min(Math.max(x, 0), this.width), Math.min(Math.max(y, 0), this.height)];
  }

  #down(event) {
    if (event.button !== 0 || this.#pointer !== null) return;
    event.preventDefault();
    this.node.focus({ preventScroll: true });
    const { pointerId } = event;
    this.#pointer = pointerId;
    this.node.setPointerCapture(pointerId);
    const before = [this.#from, this.#to];
    const drag = this.#dragOf(event);
    const ending = new AbortController();
    const listen = (name, run) =>
      this.node.addEventListener(name, (event) => event.pointerId === pointerId && run(event), { signal: ending.signal });
    const end = (isMeant) => {
      ending.abort();
      this.#pointer = null;
      if (!isMeant || !this.#isLarge()) [this.#from, this.#to] = before;
      this.#place();
      this.#say();
    };
    listen("pointermove", (event) => {
      // The release went elsewhere.
      if (event.buttons === 0) return end(true);
      drag(this.#at(event));
      this.#place();
    });
    listen("pointerup", (event) => {
      drag(this.#at(event));
      end(true);
    });
    listen("lostpointercapture", () => end(true));
    listen("pointercancel", () => end(false));
  }

  #isLarge() {
    if (!this.#from) return false;
    const [left, top, right, bottom] = this.#sides();
    return Math.min(right - left, bottom - top) >= LEAST / scale().unit;
  }

  // What a drag that begins here does with the places that it reaches.
  #dragOf(event) {
    const begun = this.#at(event);
    if (!this.#from) return (to) => ([this.#from, this.#to] = [begun, to]);
    const [left, top, right, bottom] = this.#sides();
    const corner = event.target.closest(".corner");
    if (corner) {
      const [x, y] = [Number(corner.dataset.x), Number(corner.dataset.y)];
      const held = [x ? right : left, y ? bottom : top];
      this.#from = [x ? left : right, y ? top : bottom];
      this.#to = held;
      return (to) => (this.#to = this.#within(held.map((value, axis) => value + to[axis] - begun[axis])));
    }
    if (event.target.closest(".frame")) {
      [this.#from, this.#to] = [[left, top], [right, bottom]];
      return (to) => this.#moveTo(left + to[0] - begun[0], top + to[1] - begun[1]);
    }
    return (to) => ([this.#from, this.#to] = [begun, to]);
  }

  // Moves the box, as a whole, to where it is still on the picture.
  #moveTo(x, y) {
    const [left, top, right, bottom] = this.#sides();
    const [width, height] = [right - left, bottom - top];
    const [newX, newY] = [Math.min(Math.max(x, 0), this.width - width), Math.min(Math.max(y, 0), this.height - height)];
    [this.#from, this.#to] = [[newX, newY], [newX + width, newY + height]];
  }

  #key(event) {
    const arrow = ARROWS[event.key];
    if (!arrow || this.#pointer !== null) return;
    event.preventDefault();
    const { width, height } = this;
    // The first key puts a box into the middle.
    if (!this.#from) [this.#from, this.#to] = [[width / 4, height / 4], [(3 * width) / 4, (3 * height) / 4]];
    const [dx, dy] = [arrow[0] * STEP * width, arrow[1] * STEP * height];
    const [left, top, right, bottom] = this.#sides();
    if (event.shiftKey) {
      const least = LEAST / scale().unit;
      [this.#from, this.#to] = [[left, top], this.#within([Math.max(right + dx, left + least), Math.max(bottom + dy, top + least)])];
    } else {
      this.#moveTo(left + dx, top + dy);
    }
    this.#place();
    this.#say();
  }
}
