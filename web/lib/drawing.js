// The pad: turns pointer and key events into strokes, and strokes into pixels. The strokes
// are the data; the canvas is redrawn from them.

// Line width as a share of the pad's height: MNIST's 2.5 of 28 pixels, for a digit that is
// half as high as the pad.
export const PEN = 0.5 * (2.5 / 28);
// Points closer than this share of the pad's width are dropped.
const NEAR = 0.002;
// A stroke that reaches no farther than this share of the pad's width is a tap.
const TAP = 0.008;
// Touches are the pen's hand for this long after it was near the pad, in ms.
const PALM = 1000;
// Longest pause between two points of a replay, in ms.
const PAUSE = 250;
// How far an arrow key moves the pen, as a share of the pad's width; FINE with Shift.
const STEP = 0.03;
const FINE = 0.005;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

const NO_TARGETS = { isAt: () => false };

// A point is [x, y, time in ms, pressure 0–1]; x and y in widths of the pad.
export class Drawing {
  #canvas;
  #context;
  #strokes = [];
  // Earlier and later states, for undo and redo.
  #past = [];
  #future = [];
  // The stroke under the pen, and the pointer that draws it.
  #open = null;
  #pointer = null;
  // Whether that is a finger.
  #touches = false;
  // When a pen was last near the pad.
  #penNear = -Infinity;
  // Position of the keyboard's pen; null until a key moves it.
  #cursor = null;
  // Whether what is drawn is not the user's.
  #isShown = false;
  // All strokes of the drawing that is being replayed; null without a replay.
  #replayed = null;
  #onChange;
  // What is at a point of the window: isAt(x, y), and choose(x, y) for a tap there.
  #targets;
  // A press on a target, which becomes a stroke if it moves.
  #press = null;

  // onChange(finished) is called after every change; finished is false while
  // a stroke is being drawn. A tap on one of the `targets` is no ink, but chooses it.
  constructor(canvas, onChange, targets = NO_TARGETS) {
    this.#targets = targets;
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d");
    this.#onChange = onChange;
    canvas.addEventListener("pointerdown", (event) => this.#down(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    canvas.addEventListener("pointerup", (event) => this.#up(event));
    canvas.addEventListener("lostpointercapture", (event) => this.#up(event));
    canvas.addEventListener("pointercancel", (event) => this.#cancel(event));
    canvas.addEventListener("keydown", (event) => this.#key(event));
    canvas.addEventListener("blur", () => this.#leave());
    new ResizeObserver(() => this.#resize()).observe(canvas);
    this.#followDensity();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#draw());
  }

  // Strokes as the server takes them: [[[x, y], …], …], the pad 1000 wide.
  get strokes() {
    return this.#strokes.map((stroke) => stroke.map(([x, y]) => [round(x), round(y)]));
  }

  // The drawing with time and pressure, as text. Setting it restores the drawing, with an
  // undo step for each stroke.
  get serialized() {
    return JSON.stringify(this.#replayed ?? this.#strokes);
  }

  set serialized(text) {
    this.#strokes = JSON.parse(text);
    this.#past = this.#strokes.map((_, i) => this.#strokes.slice(0, i));
    this.#changed(true);
  }

  get isEmpty() {
    return this.#strokes.length === 0;
  }

  // Whether the drawing is one that the page shows.
  get isShown() {
    return this.#isShown;
  }

  get canUndo() {
    return this.#past.length > 0;
  }

  get canRedo() {
    return this.#future.length > 0;
  }

  undo() {
    this.#turn(this.#past, this.#future);
  }

  redo() {
    this.#turn(this.#future, this.#past);
  }

  clear() {
    this.#stop();
    this.#endShow();
    this.#open = this.#pointer = this.#press = null;
    if (!this.isEmpty) this.#remember();
    this.#strokes = [];
    this.#changed(true);
  }

  // Clears the drawing and its history: another input has replaced it.
  forget() {
    this.clear();
    this.#past = [];
    this.#future = [];
  }

  // Draws strokes, in the units in which they are sent, on another canvas; `scale` is that
  // canvas's pixels per unit.
  drawOn(context, strokes, scale) {
    context.strokeStyle = getComputedStyle(this.#canvas).getPropertyValue("--pen");
    context.lineCap = "round";
    context.lineJoin = "round";
    const pen = (PEN * this.#canvas.height) / this.#canvas.width;
    for (const stroke of strokes) {
      drawStroke(context, stroke.map(([x, y]) => [x, y, 0, 0.5]), scale, 1000 * scale * pen);
    }
  }

  // Draws these strokes until the user draws.
  show(strokes) {
    this.#strokes = strokes;
    this.#isShown = true;
    this.replay();
  }

  #endShow() {
    if (!this.#isShown) return;
    this.#isShown = false;
    this.#strokes = [];
  }

  // Draws everything again at the speed at which it was drawn, and has it read meanwhile.
  replay() {
    if (this.#open || this.isEmpty) return;
    this.#stop();
    const all = this.#strokes;
    const points = all.flatMap((stroke, i) => stroke.map((point) => [i, point]));
    let last = points[0][1][2];
    let at = 0;
    const times = points.map(([, [, , time]]) => {
      at += Math.min(Math.max(time - last, 0), PAUSE);
      last = time;
      return at;
    });
    this.#replayed = all;
    this.#strokes = [];
    let next = 0;
    let begun = null;
    const frame = (now) => {
      if (this.#replayed !== all) return;
      begun ??= now;
      for (; next < points.length && times[next] <= now - begun; next++) {
        const [i, point] = points[next];
        (this.#strokes[i] ??= []).push(point);
      }
      if (next === points.length) this.#stop();
      this.#changed(next === points.length);
      if (next < points.length) requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  }

  // Ends a replay and shows the whole drawing.
  #stop() {
    if (this.#replayed) this.#strokes = this.#replayed;
    this.#replayed = null;
  }

  #remember() {
    this.#past.push(this.#strokes.slice());
    this.#future = [];
  }

  #turn(from, to) {
    if (this.#open || from.length === 0) return;
    this.#stop();
    to.push(this.#strokes);
    this.#strokes = from.pop();
    this.#changed(true);
  }

  #begin(point) {
    this.#stop();
    this.#endShow();
    this.#remember();
    this.#open = [point];
    this.#strokes.push(this.#open);
    this.#changed(false);
  }

  #end() {
    this.#open = null;
    this.#changed(true);
  }

  // Takes back what the pointer did.
  #takeBack() {
    const isDrawn = this.#open !== null;
    this.#open = this.#pointer = this.#press = null;
    if (!isDrawn) return;
    this.#strokes = this.#past.pop();
    this.#changed(true);
  }

  #down(event) {
    if (event.button !== 0 || this.#isPalm(event)) return;
    // The hand lay down before its pen.
    if (this.#pointer !== null && event.pointerType === "pen" && this.#touches) this.#takeBack();
    if (this.#open || this.#pointer !== null) return;
    this.#canvas.focus({ preventScroll: true });
    event.preventDefault();
    this.#canvas.setPointerCapture(event.pointerId);
    this.#pointer = event.pointerId;
    this.#touches = event.pointerType === "touch";
    this.#cursor = null;
    const { clientX, clientY } = event;
    if (this.#targets.isAt(clientX, clientY)) this.#press = { clientX, clientY, point: this.#place(event) };
    else this.#begin(this.#place(event));
  }

  #move(event) {
    if (event.pointerType === "pen") this.#penNear = event.timeStamp;
    if (event.pointerId !== this.#pointer) return;
    if (this.#press && isFar(this.#press.point, this.#place(event))) {
      this.#begin(this.#press.point);
      this.#press = null;
    }
    if (!this.#open) return;
    // The release went elsewhere, to another window for example.
    if (event.buttons === 0) return this.#up(event);
    // Browsers merge the moves of a fast pen into one event a frame.
    const events = event.getCoalescedEvents?.() ?? [];
    for (const sample of events.length > 0 ? events : [event]) {
      const point = this.#place(sample);
      const [x, y] = this.#open.at(-1);
      if (Math.hypot(point[0] - x, point[1] - y) >= NEAR) this.#open.push(point);
    }
    this.#changed(false);
  }

  #up(event) {
    if (event.pointerId !== this.#pointer) return;
    this.#pointer = null;
    if (this.#press) {
      const { clientX, clientY } = this.#press;
      this.#press = null;
      this.#targets.choose(clientX, clientY);
    }
    if (!this.#open) return;
    if (!this.#open.some((point) => isFar(this.#open[0], point))) this.#open.length = 1;
    this.#end();
  }

  // The system took the pointer: what it drew was not meant.
  #cancel(event) {
    if (event.pointerId === this.#pointer) this.#takeBack();
  }

  // Whether a touch is the hand that holds a pen.
  #isPalm(event) {
    if (event.pointerType === "pen") this.#penNear = event.timeStamp;
    return event.pointerType === "touch" && event.timeStamp - this.#penNear < PALM;
  }

  // The arrow keys move the pen; Space lowers and lifts it.
  #key(event) {
    if (this.#pointer !== null || event.ctrlKey || event.metaKey || event.altKey) return;
    const height = this.#canvas.clientHeight / this.#canvas.clientWidth;
    if (event.key === " ") {
      event.preventDefault();
      if (event.repeat) return;
      this.#cursor ??= [0.5, height / 2];
      if (this.#open && this.#pointer === null) this.#end();
      else if (!this.#open) this.#begin([...this.#cursor, event.timeStamp, 0.5]);
    } else if (ARROWS[event.key] && this.#pointer === null) {
      event.preventDefault();
      const step = event.shiftKey ? FINE : STEP;
      const [dx, dy] = ARROWS[event.key];
      const [x, y] = this.#cursor ?? [0.5, height / 2];
      this.#cursor = [clamp(x + dx * step, 1), clamp(y + dy * step, height)];
      if (this.#open) {
        this.#open.push([...this.#cursor, event.timeStamp, 0.5]);
        this.#changed(false);
      } else {
        this.#draw();
      }
    }
  }

  #leave() {
    if (this.#open && this.#pointer === null) this.#end();
    this.#cursor = null;
    this.#draw();
  }

  #place(event) {
    const box = this.#canvas.getBoundingClientRect();
    // Browsers report the pressure of a mouse as 0.5; fingers get the same.
    const pressure = event.pointerType === "pen" ? event.pressure : 0.5;
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    return [x / box.width, y / box.width, event.timeStamp, pressure];
  }

  #changed(finished) {
    this.#draw();
    // What the page shows is not announced, and cannot be saved.
    this.#onChange(finished && !this.#isShown);
  }

  #resize() {
    this.#canvas.width = Math.round(this.#canvas.clientWidth * devicePixelRatio);
    this.#canvas.height = Math.round(this.#canvas.clientHeight * devicePixelRatio);
    this.#draw();
  }

  // A window may move to another screen and keep its size.
  #followDensity() {
    const query = matchMedia(`(resolution: ${devicePixelRatio}dppx)`);
    query.addEventListener("change", () => {
      this.#resize();
      this.#followDensity();
    }, { once: true });
  }

  #draw() {
    const { width: unit, height } = this.#canvas;
    const context = this.#context;
    context.clearRect(0, 0, unit, height);
    context.strokeStyle = getComputedStyle(this.#canvas).getPropertyValue("--pen");
    context.lineCap = "round";
    context.lineJoin = "round";
    for (const stroke of this.#strokes) drawStroke(context, stroke, unit, PEN * height);
    if (this.#cursor) {
      const [x, y] = this.#cursor;
      context.lineWidth = 2 * devicePixelRatio;
      context.beginPath();
      context.arc(x * unit, y * unit, PEN * height, 0, 2 * Math.PI);
      context.stroke();
    }
  }
}

// Draws a quadratic curve through the midpoints between samples, which hides the corners. The
// pressure changes only what the user sees: the network's input has one line width.
function drawStroke(context, stroke, unit, pen) {
  const middle = (i) => {
    const [a, b] = [stroke[i], stroke[Math.min(i + 1, stroke.length - 1)]];
    return [((a[0] + b[0]) / 2) * unit, ((a[1] + b[1]) / 2) * unit];
  };
  // A canvas draws no line without a length.
  if (stroke.length === 1) return drawDot(context, stroke[0], unit, pen);
  let from = [stroke[0][0] * unit, stroke[0][1] * unit];
  for (let i = 0; i < stroke.length; i++) {
    const [x, y, , pressure] = stroke[i];
    const to = i === stroke.length - 1 ? [x * unit, y * unit] : middle(i);
    context.lineWidth = pen * (0.5 + pressure);
    context.beginPath();
    context.moveTo(...from);
    context.quadraticCurveTo(x * unit, y * unit, ...to);
    context.stroke();
    from = to;
  }
}

function drawDot(context, [x, y, , pressure], unit, pen) {
  context.fillStyle = context.strokeStyle;
  context.beginPath();
  context.arc(x * unit, y * unit, (pen * (0.5 + pressure)) / 2, 0, 2 * Math.PI);
  context.fill();
}

const isFar = ([x, y], [x2, y2]) => Math.hypot(x2 - x, y2 - y) >= TAP;

function clamp(value, most) {
  return Math.min(Math.max(value, 0), most);
}

function round(share) {
  return Math.round(share * 10000) / 10;
}
