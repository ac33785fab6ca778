// Glyphic's network in Chromium beside ONNX Runtime Web and TensorFlow.js: the same
// weights, the same pictures, one thread, on the page's own thread, in turns.
//
// With --webgpu ONNX Runtime Web computes by WebGPU too, and beside it stands what a WebGPU
// answer costs before anything is computed: one value added to, and read back.
//
// Usage: bench.mjs FOLDER [--webgpu]    (what export.py wrote)

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync, gzipSync } from "node:zlib";

import { chromium } from "playwright-core";

const ROUNDS = 5;
const PICTURES = 500;

const here = dirname(fileURLToPath(import.meta.url));
const repository = join(here, "..", "..");
const modules = join(here, "node_modules");
const artifacts = join(repository, "artifacts");
const current = (await readFile(join(artifacts, "CURRENT"), "utf8")).split("\n")[0];
const checkpoint = join(artifacts, "checkpoints", current);
const ort = join(modules, "onnxruntime-web", "dist");
const tensorflow = join(modules, "@tensorflow");

// Name under which the page asks for it, and where it is.
const code = {
  glyphic: {
    "glyphic.js": join(repository, "web", "wasm", "built", "glyphic.js"),
    "glyphic_bg.wasm": join(repository, "web", "wasm", "built", "glyphic_bg.wasm"),
  },
  ort: {
    "ort.wasm.min.mjs": join(ort, "ort.wasm.min.mjs"),
    "ort-wasm-simd-threaded.mjs": join(ort, "ort-wasm-simd-threaded.mjs"),
    "ort-wasm-simd-threaded.wasm": join(ort, "ort-wasm-simd-threaded.wasm"),
  },
  "ort, WebGPU": {
    "ort.webgpu.min.mjs": join(ort, "ort.webgpu.min.mjs"),
    "ort-wasm-simd-threaded.asyncify.mjs": join(ort, "ort-wasm-simd-threaded.asyncify.mjs"),
    "ort-wasm-simd-threaded.asyncify.wasm": join(ort, "ort-wasm-simd-threaded.asyncify.wasm"),
  },
  "WebGPU, nothing": {},
  tensorflow: {
    "tf.min.js": join(tensorflow, "tfjs", "dist", "tf.min.js"),
    "tf-backend-wasm.min.js": join(tensorflow, "tfjs-backend-wasm", "dist", "tf-backend-wasm.min.js"),
    "tfjs-backend-wasm-simd.wasm": join(tensorflow, "tfjs-backend-wasm", "dist", "tfjs-backend-wasm-simd.wasm"),
  },
};
const files = {
  ...Object.assign({}, ...Object.values(code)),
  "manifest.json": join(checkpoint, "manifest.json"),
  "weights.bpk": join(checkpoint, "weights.bpk"),
  "network.onnx": join(process.argv[2], "network.onnx"),
  "network.json": join(process.argv[2], "network.json"),
};

const pictures = gunzipSync(await readFile(join(artifacts, "datasets", "mnist", "t10k-images-idx3-ubyte.gz")))
  .subarray(16, 16 + 784 * PICTURES);
const labels = [...gunzipSync(await readFile(join(artifacts, "datasets", "mnist", "t10k-labels-idx1-ubyte.gz")))
  .subarray(8, 8 + PICTURES)];

const types = { ".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm", ".json": "application/json" };
const host = createServer(async (request, response) => {
  const name = new URL(request.url, "http://host").pathname.slice(1);
  if (name === "") return response.setHeader("Content-Type", "text/html").end("<!doctype html>");
  if (name === "pictures") return response.end(pictures);
  if (!files[name]) return response.writeHead(404).end();
  response.setHeader("Content-Type", types[extname(name)] ?? "application/octet-stream");
  response.end(await readFile(files[name]));
});
await new Promise((resolve) => host.listen(0, "127.0.0.1", resolve));
const url = `http://127.0.0.1:${host.address().port}/`;

// Each makes, in the page, a function from 784 bytes to a label.
const makers = {
  glyphic: async () => {
    const { default: init, Reader } = await import("./glyphic.js");
    await init({ module_or_path: "./glyphic_bg.wasm" });
    const manifest = new Uint8Array(await (await fetch("manifest.json")).arrayBuffer());
    const weights = new Uint8Array(await (await fetch("weights.bpk")).arrayBuffer());
    const reader = new Reader(JSON.parse(new TextDecoder().decode(manifest)).id, manifest, weights);
    return (pixels) => {
      const reading = reader.readPixels(pixels);
      const { json } = reading;
      reading.free();
      const { probabilities } = JSON.parse(json).lines[0].digits[0];
      return probabilities.indexOf(Math.max(...probabilities));
    };
  },
  ort: async () => {
    const ort = await import("./ort.wasm.min.mjs");
    ort.env.wasm.numThreads = 1;
    ort.env.wasm.wasmPaths = new URL("./", location.href).href;
    const session = await ort.InferenceSession.create("network.onnx");
    const [input, output] = [session.inputNames[0], session.outputNames[0]];
    return async (pixels) => {
      const tensor = new ort.Tensor("float32", Float32Array.from(pixels), [1, 1, 28, 28]);
      const { data } = (await session.run({ [input]: tensor }))[output];
      return data.indexOf(Math.max(...data));
    };
  },
  "ort, WebGPU": async () => {
    const ort = await import("./ort.webgpu.min.mjs");
    ort.env.wasm.wasmPaths = new URL("./", location.href).href;
    const session = await ort.InferenceSession.create("network.onnx", { executionProviders: ["webgpu"] });
    const [input, output] = [session.inputNames[0], session.outputNames[0]];
    return async (pixels) => {
      const tensor = new ort.Tensor("float32", Float32Array.from(pixels), [1, 1, 28, 28]);
      const { data } = (await session.run({ [input]: tensor }))[output];
      return data.indexOf(Math.max(...data));
    };
  },
  "WebGPU, nothing": async () => {
    const device = await (await navigator.gpu.requestAdapter()).requestDevice();
    const size = 64;
    const values = device.createBuffer({ size, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC });
    const back = device.createBuffer({ size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
    const shader = "@group(0) @binding(0) var<storage, read_write> x: array<f32>;"
      + "@compute @workgroup_size(16) fn main(@builtin(local_invocation_index) i: u32) { x[i] += 1.0; }";
    const compute = { module: device.createShaderModule({ code: shader }), entryPoint: "main" };
    const pipeline = device.createComputePipeline({ layout: "auto", compute });
    const group = device.createBindGroup({
      layout: pipeline.getBindGroupLayout(0), entries: [{ binding: 0, resource: { buffer: values } }],
    });
    return async () => {
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group);
      pass.dispatchWorkgroups(1);
      pass.end();
      encoder.copyBufferToBuffer(values, 0, back, 0, size);
      device.queue.submit([encoder.finish()]);
      await back.mapAsync(GPUMapMode.READ);
      back.unmap();
    };
  },
  tensorflow: async () => {
    const load = (src) => new Promise((resolve, reject) => {
      document.head.append(Object.assign(document.createElement("script"), { src, onload: resolve, onerror: reject }));
    });
    await load("tf.min.js");
    await load("tf-backend-wasm.min.js");
    tf.wasm.setWasmPaths(new URL("./", location.href).href);
    tf.wasm.setThreadsCount(1);
    await tf.setBackend("wasm");
    const network = await (await fetch("network.json")).json();
    const tensor = ({ values, shape }) => tf.tensor(values, shape);
    // Its own layout is channels last.
    const convolutions = network.convolutions.map(({ weight, bias, ...rest }) => (
      { ...rest, bias: tensor(bias), weight: tensor(weight).transpose([2, 3, 1, 0]) }));
    const linears = network.linears.map(({ weight, bias }) => ({ weight: tensor(weight), bias: tensor(bias) }));
    return (pixels) => tf.tidy(() => {
      let x = tf.tensor4d(Float32Array.from(pixels), [1, 28, 28, 1]).div(255).sub(0.1307).div(0.3081);
      for (const { weight, bias, stride, padding } of convolutions) {
        x = tf.fused.conv2d({ x, filter: weight, strides: stride, pad: padding, bias, activation: "relu" });
      }
      x = x.transpose([0, 3, 1, 2]).reshape([1, -1]);
      linears.forEach(({ weight, bias }, i) => {
        x = tf.fused.matMul({ a: x, b: weight, bias, activation: i + 1 < linears.length ? "relu" : "linear" });
      });
      return x.argMax(1).dataSync()[0];
    });
  },
};

const webgpu = process.argv.includes("--webgpu");
const names = Object.keys(makers).filter((name) => webgpu || !name.includes("WebGPU"));
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", webgpu ? "--enable-unsafe-webgpu" : "--disable-gpu"],
});

// What computes for WebGPU.
async function adapter() {
  const page = await browser.newPage();
  await page.goto(url);
  return page.evaluate(async () => {
    const { vendor, architecture, description } = (await navigator.gpu.requestAdapter()).info;
    return [vendor, architecture, description].filter(Boolean).join(" ");
  });
}

// Times of one engine in a fresh page: to the first answer, and of each picture.
async function measure(name) {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(url);
  const result = await page.evaluate(async (source) => {
    const pictures = new Uint8Array(await (await fetch("pictures")).arrayBuffer());
    const picture = (i) => pictures.subarray(784 * i, 784 * (i + 1));
    const begun = performance.now();
    const read = await (await eval(source)());
    await read(picture(0));
    const first = performance.now() - begun;
    const count = pictures.length / 784;
    for (let i = 0; i < 100; i++) await read(picture(i));
    const times = [];
    const said = [];
    for (let i = 0; i < count; i++) {
      const begun = performance.now();
      said.push(await read(picture(i)));
      times.push(performance.now() - begun);
    }
    return { first, times, said };
  }, `(${makers[name]})`);
  await context.close();
  const right = result.said.filter((label, i) => label === labels[i]).length;
  return { first: result.first, answer: median(result.times), mean: mean(result.times), right };
}

const found = Object.fromEntries(names.map((name) => [name, []]));
for (let round = 0; round < ROUNDS; round++) {
  for (const name of names) found[name].push(await measure(name));
}
if (webgpu) console.log(`adapter: ${await adapter()}`);
await browser.close();
host.close();

console.log(`${PICTURES} pictures, ${ROUNDS} rounds in turns, medians; one thread; code gzipped at level 9`);
console.log("                        code    first answer    an answer    right");
for (const [name, rounds] of Object.entries(found)) {
  const sizes = await Promise.all(Object.values(code[name]).map(async (file) =>
    gzipSync(await readFile(file), { level: 9 }).length));
  const size = sizes.reduce((a, b) => a + b, 0);
  const [first, answer] = ["first", "mean"].map((key) => median(rounds.map((round) => round[key])));
  console.log(
    `${name.padEnd(16)}${(size / 1000).toFixed(0).padStart(9)} KB${first.toFixed(0).padStart(13)} ms` +
    `${answer.toFixed(3).padStart(10)} ms${String(rounds[0].right).padStart(9)}`);
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

function mean(values) {
  return values.reduce((a, b) => a + b) / values.length;
}
