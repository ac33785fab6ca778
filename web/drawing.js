// The pad: pointer input to strokes, strokes to pixels. Strokes are the data;
// the canvas is only ever a picture of them.

// Line width as a share of the pad's side: MNIST's 2.5 of 28 pixels.
const PEN = 2.5 / 28;
// Points closer than this share of the side add nothing.
const NEAR = 0.002;

export class Drawing {
  #canvas;
  #context;
  #strokes = [];
  // The stroke under the pen, and the pointer that draws it.
  #open = null;
  #pointer = null;
  #onChange;

  // onChange(finished) is called after every change; finished is false while
  // a stroke is being drawn.
  constructor(canvas, onChange) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d");
    this.#onChange = onChange;
    canvas.addEventListener("pointerdown", (event) => this.#down(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    canvas.addEventListener("pointerup", (event) => this.#up(event));
    canvas.addEventListener("pointercancel", (event) => this.#up(event));
    new ResizeObserver(() => this.#resize()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#draw());
  }

  // Strokes as the server takes them: [[[x, y], …], …], the pad 1000 wide.
  get strokes() {
    return this.#strokes.map((stroke) => stroke.map(([x, y]) => [round(x), round(y)]));
  }

  get isEmpty() {
    return this.#strokes.length === 0;
  }

  undo() {
    if (this.#open || !this.#strokes.pop()) return;
    this.#changed(true);
  }

  clear() {
    this.#strokes = [];
    this.#open = null;
    this.#changed(true);
  }

  #down(event) {
    if (this.#open || event.button !== 0) return;
    event.preventDefault();
    this.#canvas.setPointerCapture(event.pointerId);
    this.#pointer = event.pointerId;
    this.#open = [this.#place(event)];
    this.#strokes.push(this.#open);
    this.#changed(false);
  }

  #move(event) {
    if (!this.#open || event.pointerId !== this.#pointer) return;
    // A frame may hold several samples of a fast pen.
    const events = event.getCoalescedEvents?.() ?? [];
    for (const sample of events.length > 0 ? events : [event]) {
      const point = this.#place(sample);
      const [x, y] = this.#open.at(-1);
      if (Math.hypot(point[0] - x, point[1] - y) >= NEAR) this.#open.push(point);
    }
    this.#changed(false);
  }

  #up(event) {
    if (!this.#open || event.pointerId !== this.#pointer) return;
    this.#open = null;
    this.#changed(true);
  }

  // The pointer's place, both axes 0–1 over the pad.
  #place(event) {
    const box = this.#canvas.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  }

  #changed(finished) {
    this.#draw();
    this.#onChange(finished);
  }

  #resize() {
    const side = Math.round(this.#canvas.clientWidth * devicePixelRatio);
    this.#canvas.width = side;
    this.#canvas.height = side;
    this.#draw();
  }

  #draw() {
    const { width: side } = this.#canvas;
    const context = this.#context;
    context.clearRect(0, 0, side, side);
    context.strokeStyle = getComputedStyle(this.#canvas).getPropertyValue("--pen");
    context.lineWidth = PEN * side * 0.6;
    context.lineCap = "round";
    context.lineJoin = "round";
    for (const stroke of this.#strokes) {
      context.beginPath();
      context.moveTo(stroke[0][0] * side, stroke[0][1] * side);
      // Curves through the middles of the samples hide the corners between them.
      for (let i = 1; i < stroke.length - 1; i++) {
        const [x, y] = stroke[i];
        const [nextX, nextY] = stroke[i + 1];
        context.quadraticCurveTo(x * side, y * side, ((x + nextX) / 2) * side, ((y + nextY) / 2) * side);
      }
      const [x, y] = stroke.at(-1);
      context.lineTo(x * side, y * side);
      context.stroke();
    }
  }
}

function round(share) {
  return Math.round(share * 10000) / 10;
}
