// The camera, live: hold a note up, and what is read follows it. Its pictures are read like any others, one
// at a time, and one can be taken for the pad. Loaded when the camera is opened first.

import { Refused, told } from "./api.js";
import { element, pause } from "./dom.js";
import { read } from "./engines.js";
import { digitsOf } from "./number.js";
import { listenToInput } from "./upload.js";
import { t } from "./words.js";

// The longer side of the pictures that are read while the camera runs, in pixels. The one that is taken for the
// pad is as large as the camera gives it.
const SIDE = 640;
// Between two pictures, in ms: so much is left to all else that the page and the phone do. It is longer after an
// answer that the server is busy, and after an error.
const REST = 50;
const BUSY = 200;
const RETRY = 1500;
// A text is read aloud once it was the same in so many pictures.
const STEADY = 4;
const WANTED = { facingMode: "environment", width: { ideal: 1920 }, height: { ideal: 1080 } };

const NONE = t`No camera was found.`;
const PROBLEMS = {
  NotAllowedError: t`The camera is not allowed here: allow it for this page in the browser's settings.`,
  NotFoundError: NONE,
  OverconstrainedError: NONE,
  NotReadableError: t`The camera cannot be used: another program may be using it.`,
};

document.head.append(element("link", { rel: "stylesheet", href: "camera.css" }));

let isOpen = false;

// `onPictures(files)` gets the picture that is taken.
export function openCamera(onPictures) {
  if (!isOpen) new Camera(onPictures);
}

class Camera {
  #onPictures;
  #stream = null;
  #video = element("video", { playsinline: true, "aria-hidden": "true" });
  #boxes = element("div", { class: "boxes" });
  #view = element("div", { class: "view", hidden: true }, this.#video, this.#boxes);
  #text = element("p", { class: "read", "aria-hidden": "true" });
  #aloud = element("p", { class: "visually-hidden", role: "status" });
  #hint = element("p", { class: "hint", role: "status" }, t`The camera is starting …`);
  #engine = element("p", { class: "hint" });
  #shutter = element("button", { type: "button", class: "primary", id: "shutter", hidden: true, onclick: () => this.#take() }, t`Take the picture`);
  #row = element("div", { class: "row" }, this.#shutter,
    element("button", { type: "button", id: "camera-close", onclick: () => this.#dialog.close() }, t`Close`));
  #dialog = element("dialog", { class: "camera", "aria-labelledby": "camera-title" }, this.#view,
    element("div", {}, element("h2", { id: "camera-title" }, t`Camera`), this.#text, this.#hint, this.#engine, this.#row, this.#aloud));
  // What was read last, and in how many pictures.
  #last = "";
  #times = 0;
  #hidden = () => document.hidden && this.#dialog.close();

  constructor(onPictures) {
    this.#onPictures = onPictures;
    // Muted, so that it may begin by itself; the attribute alone does not do that.
    this.#video.muted = true;
    isOpen = true;
    this.#dialog.addEventListener("close", () => this.#end());
    // The page's own keys are not meant.
    this.#dialog.addEventListener("keydown", (event) => event.stopPropagation());
    // Nobody looks.
    document.addEventListener("visibilitychange", this.#hidden);
    document.body.append(this.#dialog);
    this.#dialog.showModal();
    this.#start();
  }

  async #start() {
    try {
      const stream = await camera();
      if (!this.#dialog.open) return stop(stream);
      this.#stream = stream;
      stream.getVideoTracks()[0].addEventListener("ended", () => this.#fail(NONE));
      this.#video.srcObject = stream;
      await this.#video.play();
    } catch (error) {
      if (this.#dialog.open) this.#fail(PROBLEMS[error.name] ?? error.message);
      return;
    }
    this.#view.hidden = this.#shutter.hidden = false;
    this.#shutter.focus();
    this.#hint.textContent = t`Hold a note up to the camera.`;
    await this.#follow();
  }

  // Reads what the camera sees, until it ends.
  async #follow() {
    while (this.#stream) {
      await nextFrame(this.#video);
      try {
        const frame = drawn(this.#video, SIDE);
        const blob = await frame.convertToBlob({ type: "image/jpeg", quality: 0.9 });
        if (this.#stream) this.#show(await read({ blob }), frame);
      } catch (error) {
        const isBusy = error instanceof Refused && error.status === 429;
        if (this.#stream && !isBusy) this.#hint.replaceChildren(...told(error));
        await pause(isBusy ? BUSY : RETRY);
      }
      await pause(REST);
    }
  }

  #show({ answer, engine }, { width, height }) {
    if (!this.#stream) return;
    this.#view.style.setProperty("--ratio", width / height);
    // A room has many things that look like no digit.
    const digits = digitsOf(answer).filter(({ counts, verdict }) => counts && verdict !== "not_a_digit");
    showBoxes(this.#boxes, digits, width, height);
    const text = digits.length ? answer.text : "";
    this.#text.textContent = text;
    this.#hint.textContent = t`Hold a note up to the camera.`;
    this.#engine.textContent = engine === "server" ? t`Its pictures are sent to the server to be read.` : t`Nothing is sent to the server.`;
    this.#times = text === this.#last ? this.#times + 1 : 1;
    this.#last = text;
    if (this.#times === STEADY) this.#aloud.textContent = text.replaceAll("\n", ", ");
  }

  async #take() {
    const blob = await drawn(this.#video).convertToBlob({ type: "image/jpeg", quality: 0.95 });
    this.#dialog.close();
    this.#onPictures([new File([blob], "camera.jpg", { type: blob.type })]);
  }

  // Says why there is no picture. A phone's own camera program works without this page's permission.
  #fail(reason) {
    this.#release();
    this.#view.hidden = this.#shutter.hidden = true;
    this.#text.textContent = this.#engine.textContent = "";
    this.#hint.textContent = reason;
    if (navigator.maxTouchPoints === 0 || this.#row.querySelector("input")) return;
    const input = element("input", { type: "file", id: "camera-file", class: "hidden-input", accept: "image/*", capture: "environment" });
    listenToInput(input, (files) => {
      this.#dialog.close();
      this.#onPictures(files);
    });
    this.#row.prepend(input, element("label", { class: "button", for: "camera-file" }, t`Use the camera app`));
  }

  #release() {
    if (this.#stream) stop(this.#stream);
    this.#stream = this.#video.srcObject = null;
  }

  #end() {
    this.#release();
    document.removeEventListener("visibilitychange", this.#hidden);
    this.#dialog.remove();
    isOpen = false;
  }
}

// The camera at the back, if there is one.
function camera() {
  if (navigator.mediaDevices) return navigator.mediaDevices.getUserMedia({ video: WANTED });
  throw new Error(isSecureContext ? NONE : t`Browsers allow the camera only with https or on localhost.`);
}

function stop(stream) {
  for (const track of stream.getTracks()) track.stop();
}

// Waits for a picture that was not read yet.
const nextFrame = (video) => new Promise((resolve) => {
  if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(resolve);
  else requestAnimationFrame(resolve);
});

// What a video shows, at most so large.
function drawn(video, most = Infinity) {
  const { videoWidth: width, videoHeight: height } = video;
  const scale = Math.min(1, most / Math.max(width, height));
  const canvas = new OffscreenCanvas(Math.round(width * scale), Math.round(height * scale));
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(video, 0, 0, canvas.width, canvas.height);
  return canvas;
}

// Boxes that are there already move.
function showBoxes(layer, digits, width, height) {
  while (layer.children.length > digits.length) layer.lastChild.remove();
  const share = (value, all) => `${(100 * value) / all}%`;
  for (const [i, { box: [x, y, across, down], label, verdict }] of digits.entries()) {
    const node = layer.children[i] ?? layer.appendChild(element("div", { class: "box" }, element("span", { class: "tag" })));
    node.dataset.verdict = verdict;
    node.firstChild.textContent = label;
    Object.assign(node.style, {
      left: share(x, width), top: share(y, height), width: share(across, width), height: share(down, height),
    });
  }
}
