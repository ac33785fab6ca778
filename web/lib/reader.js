// A worker that runs the network in WebAssembly, so that the page stays responsive. It answers
// each message { number, task, … } with { number, result, compute } or { number, error }.

import * as drawings from "./glyphic.js";

// Readings at the start that make the browser compile the code with optimizations.
const WARM_UP = 20;

// The code in use: it reads drawings alone until there is a picture.
let code = drawings;
let reader = null;
// The reader taken apart, once somebody looks inside.
let insides = null;
// What the reader was made of: the checkpoint, and the samples that it was taught, by id.
let checkpoint = null;
const taught = new Map();
// The arrival of what only pictures need.
let pictures = null;

const tasks = {
  // Verifies a checkpoint and uses it from now on, without what was taught.
  load(given) {
    use(made(code, given));
    checkpoint = given;
    taught.clear();
    const someInk = new Uint8Array(784).fill(255, 350, 434);
    for (let i = 0; i < WARM_UP; i++) reader.readPixels(someInk).free();
    return reader.labels;
  },
  // These answer with the labels from then on.
  teach({ samples }) {
    for (const sample of samples) taught.set(sample.id, sample);
    teach(reader, samples);
    return reader.labels;
  },
  teachInstead({ samples }) {
    tasks.forget({ ids: [...taught.keys()] });
    return tasks.teach({ samples });
  },
  forget({ ids }) {
    for (const id of ids) taught.delete(id);
    putTogether();
    reader.forget(Uint32Array.from(ids));
    return reader.labels;
  },
  strokes({ strokes, boxes }) {
    const points = Float32Array.from(strokes.flat(2));
    const lengths = Uint32Array.from(strokes, (stroke) => stroke.length);
    return reading(reader.readStrokes(points, lengths, flat(boxes)));
  },
  // What is inside the network: see `Insides`.
  inside({ name, args }) {
    insides ??= reader.insides();
    return insides[name](...args);
  },
  occlusion: ({ pixels, label }) => reader.occlusion(pixels, label),
  pixels: ({ pixels }) => reading(reader.readPixels(pixels)),
  picture: ({ width, height, rgba, boxes, orientation }) =>
    reading(reader.readPicture(width, height, rgba, flat(boxes), quarters(orientation))),
};

addEventListener("message", async ({ data: { number, task, ...given } }) => {
  try {
    // Loads the module once; does nothing afterwards.
    await drawings.default({ module_or_path: at("glyphic_bg.wasm") });
    if (task === "picture") await (pictures ??= picturesArrive());
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

const at = (name) => new URL(name, import.meta.url);

const made = ({ Reader }, { id, manifest, weights }) => new Reader(id, manifest, weights);

function use(next) {
  putTogether();
  reader?.free();
  reader = next;
}

// What was taken apart is of the reader as it was.
function putTogether() {
  insides?.free();
  insides = null;
}

function teach(learner, samples) {
  putTogether();
  const pixels = new Uint8Array(784 * samples.length);
  samples.forEach(({ glyph }, i) => pixels.set(glyph, 784 * i));
  learner.teach(Uint32Array.from(samples, ({ id }) => id), samples.map(({ label }) => label), pixels);
}

// Loads the code that reads pictures, and the network that reads digits that touch. From then on that
// code reads everything.
async function picturesArrive() {
  try {
    const [whole, pairs] = await Promise.all([import("./pictures.js"), bytes("pairs.i8")]);
    await whole.default({ module_or_path: at("pictures_bg.wasm") });
    whole.loadPairs(pairs);
    const next = made(whole, checkpoint);
    teach(next, [...taught.values()]);
    code = whole;
    use(next);
  } catch (error) {
    pictures = null;
    throw error;
  }
}

async function bytes(name) {
  const response = await fetch(at(name));
  if (!response.ok) throw new Error(`${name}: ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
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
