// A worker that holds the network in WebAssembly, so that the page never waits
// for it. Answers each message { number, task, … } with { number, result, compute } or
// { number, error }.

import init, { Reader } from "./glyphic.js";

// Readings before the first that counts: by then the browser has compiled the code well.
const WARM_UP = 20;

let reader = null;
let labels = [];

const tasks = {
  // Verifies a checkpoint and reads with it from now on.
  load({ id, manifest, weights }) {
    const before = reader;
    reader = new Reader(id, manifest, weights);
    labels = reader.labels;
    before?.free();
    const someInk = new Uint8Array(784).fill(255, 350, 434);
    for (let i = 0; i < WARM_UP; i++) reader.readPixels(someInk).free();
    return labels;
  },
  strokes({ strokes, boxes }) {
    const points = Float32Array.from(strokes.flat(2));
    const lengths = Uint32Array.from(strokes, (stroke) => stroke.length);
    return reading(reader.readStrokes(points, lengths, boxes && Float32Array.from(boxes.flat())));
  },
  layers({ pixels }) {
    const layers = reader.layers(pixels);
    const { shapes, maps } = layers;
    layers.free();
    return { shapes: [...shapes], maps };
  },
  stencils: () => reader.stencils(),
  occlusion: ({ pixels, label }) => reader.occlusion(pixels, label),
  pixels: ({ pixels }) => reading(reader.readPixels(pixels)),
  picture: ({ width, height, rgba, boxes }) =>
    reading(reader.readPicture(width, height, rgba, boxes && Float32Array.from(boxes.flat()))),
};

addEventListener("message", async ({ data: { number, task, ...given } }) => {
  try {
    // Only the first time; and again if that failed.
    await init({ module_or_path: new URL("glyphic_bg.wasm", import.meta.url) });
    const begun = performance.now();
    const result = tasks[task](given);
    postMessage({ number, result, compute: performance.now() - begun });
  } catch (error) {
    postMessage({ number, error: error.message ?? String(error) });
    // The module is in no state to go on: this worker ends, and another one begins.
    if (error instanceof WebAssembly.RuntimeError) setTimeout(() => { throw error; });
  }
});

function reading(found) {
  const { verdict, lines, places, probabilities, seen } = found;
  const count = lines.reduce((sum, length) => sum + length, 0);
  const strokes = Array.from({ length: count }, (_, i) => found.strokes(i));
  found.free();
  return { verdict, lines, places, probabilities, seen, strokes, labels };
}
