// The network in this browser: the checkpoint comes from where the page came
// from, by the hash of its weights, and is read by the same code as on the server.

import { Away, Refused } from "./api.js";

// Pictures are scaled down to this before they are read: twice the side that the
// preprocessing works at.
const LONGEST_SIDE = 2048;
const SIDE = 28;

export class InBrowser {
  // The id of the checkpoint that reads, or null.
  checkpoint = null;
  labels = [];
  #worker = null;
  #waiting = new Map();
  #number = 0;
  #updating = null;

  get isReady() {
    return this.checkpoint !== null;
  }

  // Takes over the checkpoint that is served now. The weights are asked for only
  // if it is another one than before.
  update() {
    this.#updating ??= this.#update().finally(() => (this.#updating = null));
    return this.#updating;
  }

  async #update() {
    const manifest = await bytes("checkpoint.json");
    const { id, weights } = JSON.parse(new TextDecoder().decode(manifest));
    if (id === this.checkpoint) return;
    const content = await bytes(`weights/${weights.sha256}.bpk`);
    const { result } = await this.#ask("load", { id, manifest, weights: content });
    this.labels = result;
    this.checkpoint = id;
  }

  // An answer as the server gives it. An input is { strokes }, { pixels } or { blob }.
  async predict(input) {
    const { result, compute } = await this.#ask(...(await task(input)));
    const { label, index, probabilities, seen, labels } = result;
    return {
      label,
      labels,
      verdict: label === null ? "blank" : "read",
      confidence: label === null ? null : probabilities[index],
      probabilities: [...probabilities],
      model: this.checkpoint,
      timing_us: { decode: 0, queue: 0, compute: 1000 * compute },
      seen: label === null ? undefined : picture(seen),
    };
  }

  #ask(task, given) {
    this.#worker ??= this.#start();
    const number = this.#number++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(number, { resolve, reject });
      this.#worker.postMessage({ number, task, ...given });
    });
  }

  #start() {
    const worker = new Worker(new URL("reader.js", import.meta.url), { type: "module" });
    worker.addEventListener("message", ({ data: { number, error, ...answer } }) => {
      const { resolve, reject } = this.#waiting.get(number);
      this.#waiting.delete(number);
      if (error === undefined) resolve(answer);
      else reject(new Refused(0, "in_browser", error));
    });
    // It could not be loaded, or it crashed: a later request begins anew.
    worker.addEventListener("error", (event) => {
      event.preventDefault();
      for (const { reject } of this.#waiting.values()) {
        reject(new Away(event.message ?? "the network could not be loaded"));
      }
      this.#waiting.clear();
      worker.terminate();
      this.#worker = null;
      this.checkpoint = null;
    });
    return worker;
  }
}

async function bytes(path) {
  let response;
  try {
    response = await fetch(path);
  } catch (error) {
    throw new Away(error.message);
  }
  if (!response.ok) throw new Away(`${path}: ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

async function task({ strokes, pixels, blob }) {
  if (strokes) return ["strokes", { strokes }];
  if (pixels) return ["pixels", { pixels: Uint8Array.from(pixels) }];
  return ["picture", await decoded(blob)];
}

// The picture's pixels, upright.
async function decoded(blob) {
  const plain = { colorSpaceConversion: "none", premultiplyAlpha: "none" };
  let bitmap;
  try {
    bitmap = await createImageBitmap(blob, plain);
    const scale = LONGEST_SIDE / Math.max(bitmap.width, bitmap.height);
    if (scale < 1) {
      const [resizeWidth, resizeHeight] =
        [bitmap.width, bitmap.height].map((side) => Math.max(1, Math.round(side * scale)));
      bitmap = await createImageBitmap(bitmap, { ...plain, resizeWidth, resizeHeight, resizeQuality: "high" });
    }
  } catch {
    throw new Refused(0, "in_browser", "This browser cannot read that picture.");
  }
  const { width, height } = bitmap;
  const rgba = opaque(bitmap);
  const isOpaque = rgba.every((value, i) => i % 4 < 3 || value === 255);
  return { width, height, rgba: isOpaque ? rgba : straight(bitmap) ?? rgba };
}

// Exact where nothing shows through: a canvas forgets the colour of what is
// transparent.
function opaque(bitmap) {
  const { width, height } = bitmap;
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  return new Uint8Array(context.getImageData(0, 0, width, height).data.buffer);
}

// With the colours that transparency hides, which WebGL does not touch. Null without it.
function straight(bitmap) {
  const gl = new OffscreenCanvas(1, 1).getContext("webgl");
  if (!gl) return null;
  const { width, height } = bitmap;
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

// The glyph as a data URL, white ink on black.
function picture(seen) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIDE;
  const rgba = new Uint8ClampedArray(seen.length * 4);
  seen.forEach((ink, i) => rgba.set([ink, ink, ink, 255], 4 * i));
  canvas.getContext("2d").putImageData(new ImageData(rgba, SIDE, SIDE), 0, 0);
  return canvas.toDataURL();
}
