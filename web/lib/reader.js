// A worker that runs the network in WebAssembly, so that the page stays responsive. It answers
// each message { number, task, … } with { number, result, compute } or { number, error }.

import init, { Reader, loadPairs } from "./glyphic.js";

// Readings at the start that make the browser compile the code with optimizations.
const WARM_UP = 20;

let reader = null;
// The arrival of the network that reads digits that touch, which only pictures need.
let pairs = null;

const tasks = {
  // Verifies a checkpoint and uses it from now on.
  load({ id, manifest, weights }) {
    const before = reader;
    reader = new Reader(id, manifest, weights);
    before?.free();
    const someInk = new Uint8Array(784).fill(255, 350, 434);
    for (let i = 0; i < WARM_UP; i++) reader.readPixels(someInk).free();
    return reader.labels;
  },
  // Both answer with the labels from then on.
  teach({ ids, labels, pixels }) {
    reader.teach(Uint32Array.from(ids), labels, pixels);
    return reader.labels;
  },
  forget({ ids }) {
    reader.forget(Uint32Array.from(ids));
    return reader.labels;
  },
  strokes({ strokes, boxes }) {
    const points = Float32Array.from(strokes.flat(2));
    const lengths = Uint32Array.from(strokes, (stroke) => stroke.length);
    return reading(reader.readStrokes(points, lengths, flat(boxes)));
  },
  layers({ pixels }) {
    const layers = reader.layers(pixels);
    const { shapes, maps } = layers;
    layers.free();
    return { shapes: [...shapes], maps };
  },
  filters: () => reader.filters(),
  occlusion: ({ pixels, label }) => reader.occlusion(pixels, label),
  pixels: ({ pixels }) => reading(reader.readPixels(pixels)),
  picture: ({ width, height, rgba, boxes, orientation }) =>
    reading(reader.readPicture(width, height, rgba, flat(boxes), quarters(orientation))),
};

addEventListener("message", async ({ data: { number, task, ...given } }) => {
  try {
    // Loads the module once; does nothing afterwards.
    await init({ module_or_path: new URL("glyphic_bg.wasm", import.meta.url) });
    if (task === "picture") await (pairs ??= pairsArrive());
    const begun = performance.now();
    const result = tasks[task](given);
    postMessage({ number, result, compute: performance.now() - begun });
  } catch (error) {
    postMessage({ number, error: error.message ?? String(error) });
    // After a trap the module's memory cannot be trusted. Throwing outside of the handler
    // reaches the page as an error event, upon which it replaces this worker.
    if (error instanceof WebAssembly.RuntimeError) setTimeout(() => { throw error; });
  }
});

async function pairsArrive() {
  try {
    const response = await fetch(new URL("pairs.i8", import.meta.url));
    if (!response.ok) throw new Error(`pairs.i8: ${response.status}`);
    loadPairs(new Uint8Array(await response.arrayBuffer()));
  } catch (error) {
    pairs = null;
    throw error;
  }
}

// Degrees as quarter turns.
const quarters = (orientation) => orientation === undefined ? undefined : orientation / 90;

const flat = (boxes) => boxes && Float32Array.from(boxes.flat());

// The answer with the pixels of the glyphs that the network read, one after the other.
function reading(found) {
  const { json, seen } = found;
  found.free();
  return { ...JSON.parse(json), seen };
}
