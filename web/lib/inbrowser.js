// The network in this browser: loads the checkpoint from the page's own host, the weights by
// their hash, and runs the same code as the server, in a worker.

import { Unreachable, Refused } from "./api.js";
import { glyphCanvas } from "./glyph.js";
import { t } from "./words.js";

// Less than the server reads: here the pixels are in memory twice.
const MAX_PIXELS = 24e6;
// A 2D canvas may have at most so many pixels in every browser.
const CANVAS_PIXELS = 4e6;
const SIDE = 28;
// What is in the local storage where this browser keeps samples.
export const KEPT = "glyphic-alphabet";
// In ms. The first answer includes the download of the code.
const TIMEOUT = { manifest: 10_000, weights: 60_000, answer: 60_000 };
// Delay before a checkpoint that could not be used is tried again, in ms.
const RETRY_REFUSED = 60_000;

export class InBrowser {
  // The id of the loaded checkpoint, or null.
  checkpoint = null;
  labels = [];
  // The temperature that divides its logits.
  temperature = null;
  // Whether it reads pictures as they are, and not only their ink.
  isWhole = false;
  #worker = null;
  #waiting = new Map();
  #lastRequest = 0;
  #updating = null;
  // The checkpoint that could not be used: { id, error, at }, `at` the time of the last try.
  #refused = null;

  get isReady() {
    return this.checkpoint !== null;
  }

  // Loads the checkpoint that is being served now, unless it is loaded already.
  update() {
    this.#updating ??= this.#update().finally(() => (this.#updating = null));
    return this.#updating;
  }

  async #update() {
    const manifest = await bytes("checkpoint.json", TIMEOUT.manifest);
    const { id, weights, temperature, pictures } = JSON.parse(new TextDecoder().decode(manifest));
    if (id === this.checkpoint) return;
    const before = this.#refused?.id === id ? this.#refused : null;
    if (before && performance.now() - before.at < RETRY_REFUSED) throw before.error;
    try {
      // The copy in the browser's cache may be the damaged one.
      const cache = before ? "reload" : "default";
      const content = await bytes(`weights/${weights.sha256}.bpk`, TIMEOUT.weights, cache);
      const { result } = await this.#ask("load", { id, manifest, weights: content });
      this.labels = await this.#remembering(result);
      this.temperature = temperature;
      this.isWhole = pictures === "whole";
      this.checkpoint = id;
      this.#refused = null;
    } catch (error) {
      if (error instanceof Refused) this.#refused = { id, error, at: performance.now() };
      throw error;
    }
  }

  // Reads an input, { strokes }, { pixels } or { blob }, with `boxes` and `orientation` (in
  // degrees, for pictures) or without. The answer
  // is the server's, from the same code, but for the timing and the glyphs' pictures.
  async read(input) {
    const { task, ...given } = await prepared(input);
    const { boxes, orientation } = input;
    const transfer = given.rgba ? [given.rgba.buffer] : [];
    const { result, compute } = await this.#ask(task, { ...given, boxes, orientation }, transfer);
    const { seen, ...answer } = result;
    answer.lines.flatMap(({ digits }) => digits).forEach((digit, i) => {
      digit.seen = glyphCanvas(seen.subarray(SIDE * SIDE * i, SIDE * SIDE * (i + 1))).toDataURL();
    });
    return { ...answer, timing_us: { decode: 0, queue: 0, compute: 1000 * compute } };
  }

  // Has the network read these samples as what they show from now on, or as before.
  async teach(taught) {
    this.labels = (await this.#ask("teach", { samples: taught })).result;
  }

  // Has it read these samples so, and no others.
  async teachInstead(taught) {
    this.labels = (await this.#ask("teachInstead", { samples: taught })).result;
  }

  async forget(ids) {
    this.labels = (await this.#ask("forget", { ids })).result;
  }

  // The glyph of a drawing or a picture of one symbol, as the network would read it.
  async glyph(input) {
    const { task, ...given } = await prepared(input);
    const boxes = [input.strokes ? around(input.strokes.flat()) : [0, 0, given.width, given.height]];
    return (await this.#ask(task, { ...given, boxes })).result.seen;
  }

  // Teaches a network that was just loaded what this browser keeps; returns the labels then.
  async #remembering(labels) {
    try {
      if (!localStorage.getItem(KEPT)) return labels;
      const { samples } = await import("./alphabet.js");
      const kept = await samples();
      return kept.length ? (await this.#ask("teach", { samples: kept })).result : labels;
    } catch {
      // Without the samples the network still reads.
      return labels;
    }
  }

  // Asks the network for a task of reader.js.
  async explain(task, given) {
    if (!this.isReady) throw new Unreachable(t`the network is not loaded yet`);
    return (await this.#ask(task, given)).result;
  }

  #ask(task, given, transfer = []) {
    this.#worker ??= this.#start();
    const number = this.#lastRequest++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#end(t`the network is not responding`), TIMEOUT.answer);
      this.#waiting.set(number, { resolve, reject, timer });
      this.#worker.postMessage({ number, task, ...given }, transfer);
    });
  }

  #start() {
    const worker = new Worker(new URL("reader.js", import.meta.url), { type: "module" });
    worker.addEventListener("message", ({ data: { number, error, ...answer } }) => {
      const { resolve, reject, timer } = this.#waiting.get(number);
      this.#waiting.delete(number);
      clearTimeout(timer);
      if (error === undefined) resolve(answer);
      else reject(new Refused(0, "in_browser", error));
    });
    worker.addEventListener("error", (event) => {
      event.preventDefault();
      this.#end(event.message ?? t`the network could not be loaded`);
    });
    return worker;
  }

  // Ends the worker; the next update starts a new one.
  #end(reason) {
    for (const { reject, timer } of this.#waiting.values()) {
      clearTimeout(timer);
      reject(new Unreachable(reason));
    }
    this.#waiting.clear();
    this.#worker?.terminate();
    this.#worker = null;
    this.checkpoint = null;
  }
}

// The box around points, a little wider: what lies on its edge is in it.
function around(points) {
  const [xs, ys] = [0, 1].map((axis) => points.map((point) => point[axis]));
  const [left, top] = [Math.min(...xs) - 1, Math.min(...ys) - 1];
  return [left, top, Math.max(...xs) - left + 1, Math.max(...ys) - top + 1];
}

async function bytes(path, timeout, cache = "default") {
  try {
    const response = await fetch(path, { cache, signal: AbortSignal.timeout(timeout) });
    if (!response.ok) throw new Error(`${path}: ${response.status}`);
    return new Uint8Array(await response.arrayBuffer());
  } catch (error) {
    throw new Unreachable(error.message);
  }
}

// The worker's task for an input and what it needs.
async function prepared({ strokes, pixels, blob }) {
  if (strokes) return { task: "strokes", strokes };
  if (pixels) return { task: "pixels", pixels: Uint8Array.from(pixels) };
  return { task: "picture", ...(await decoded(blob)) };
}

// The picture's pixels, rotated as its metadata say: all of them, so that it is read as on the
// server.
async function decoded(blob) {
  // Browsers make up what is missing of a JPEG.
  if (!hasEnd(new Uint8Array(await blob.arrayBuffer()))) {
    throw new Refused(422, null, t`The picture is cut off: its end is missing.`);
  }
  const bitmap = await createImageBitmap(blob, { colorSpaceConversion: "none", premultiplyAlpha: "none" })
    .catch(() => { throw new Refused(0, null, t`This browser cannot read that picture.`); });
  try {
    const { width, height } = bitmap;
    if (width * height > MAX_PIXELS) {
      throw new Refused(413, null,
        t`The picture is ${width} × ${height} pixels, over the limit of 24 megapixels: scale it down.`);
    }
    const rgba = opaque(bitmap);
    return { width, height, rgba: isOpaque(rgba) ? rgba : straight(bitmap) ?? rgba };
  } finally {
    bitmap.close();
  }
}

// Whether a file is no JPEG, or one whose first picture has its end. Its parts are skipped by their
// lengths, because a preview in one of them has an end of its own.
function hasEnd(bytes) {
  if (bytes[0] !== 0xff || bytes[1] !== 0xd8) return true;
  for (let at = 2; at + 1 < bytes.length; at++) {
    const mark = bytes[at + 1];
    if (bytes[at] !== 0xff || mark <= 0x01 || (mark >= 0xd0 && mark <= 0xd8) || mark === 0xff) continue;
    if (mark === 0xd9) return true;
    at += 1 + 256 * bytes[at + 2] + bytes[at + 3];
  }
  return false;
}

// The pixels by a 2D canvas, strip by strip. It is exact only where the picture is opaque: it
// multiplies colours by alpha and so loses those of transparent pixels.
function opaque(bitmap) {
  const { width, height } = bitmap;
  const rows = Math.min(height, Math.max(1, Math.floor(CANVAS_PIXELS / width)));
  const context = new OffscreenCanvas(width, rows).getContext("2d", { willReadFrequently: true });
  const rgba = new Uint8Array(4 * width * height);
  for (let top = 0; top < height; top += rows) {
    const own = Math.min(rows, height - top);
    context.clearRect(0, 0, width, rows);
    context.drawImage(bitmap, 0, top, width, own, 0, 0, width, own);
    rgba.set(context.getImageData(0, 0, width, own).data, 4 * width * top);
  }
  return rgba;
}

function isOpaque(rgba) {
  for (let i = 3; i < rgba.length; i += 4) if (rgba[i] !== 255) return false;
  return true;
}

// The pixels by WebGL, which keeps the colours of transparent pixels. Null without WebGL, or if the
// picture is too large for it.
function straight(bitmap) {
  const gl = new OffscreenCanvas(1, 1).getContext("webgl");
  const { width, height } = bitmap;
  if (!gl || Math.max(width, height) > gl.getParameter(gl.MAX_TEXTURE_SIZE)) return null;
  gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
  gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, bitmap);
  gl.bindFramebuffer(gl.FRAMEBUFFER, gl.createFramebuffer());
  gl.framebufferTexture2D(
    gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, gl.getParameter(gl.TEXTURE_BINDING_2D), 0);
  const rgba = new Uint8Array(4 * width * height);
  gl.readPixels(0, 0, width, height, gl.RGBA, gl.UNSIGNED_BYTE, rgba);
  gl.getExtension("WEBGL_lose_context")?.loseContext();
  return rgba;
}
