// The page's service worker: it keeps a copy of the drawing page for use without a network.
// It asks the host first and uses the copy only if there is no answer, so that updates arrive.

// One host may have several copies of the page, each with a cache of its own.
const CACHE = `glyphic ${registration.scope}`;
const PAGE = [
  "./", "index.html", "style.css", "icon.svg", "main.js",
  "alphabet.js", "api.js", "bars.js", "boxes.js", "camera.js", "camera.css", "chart.js", "dom.js", "drawing.js", "engines.js", "es.js", "glyph.js", "here.js", "inbrowser.js",
  "insight.js", "insight.css", "extended.js", "insight-break.js", "insight-maps.js", "insight-page.js", "insight-paint.js", "insight-path.js", "insight-stroke.js", "job.js", "number.js", "photos.js", "photos.css", "region.js", "result.js", "shrink.js", "strengthen.js", "teach.js", "there.js", "thumbnails.js", "token.js", "tour.js", "tour.css", "upload.js", "welcome.js", "words.js",
  "reader.js", "glyphic.js", "glyphic_bg.wasm", "pictures.js", "pictures_bg.wasm", "pairs.i8", "checkpoint.json",
];
const addresses = new Set(PAGE.map((name) => new URL(name, registration.scope).href));
const manifestAddress = new URL("checkpoint.json", registration.scope).href;
const weightsFolder = new URL("weights/", registration.scope).href;
// If there is a copy, it is used after waiting this long for the host, in ms.
const TIMEOUT = 4000;
// A host that was late is waited for less during this time, in ms: the page's files ask for each
// other, and would add up their waits.
const LATE = { forgotten: 10_000, timeout: 200 };

addEventListener("install", (event) => event.waitUntil(install()));
addEventListener("activate", (event) => event.waitUntil(clients.claim()));
addEventListener("fetch", (event) => {
  if (event.request.method !== "GET") return;
  const { origin, pathname } = new URL(event.request.url);
  const address = origin + pathname;
  if (address.startsWith(weightsFolder)) event.respondWith(weights(address));
  else if (addresses.has(address)) event.respondWith(fresh(event, address));
});

async function install() {
  const cache = await caches.open(CACHE);
  await cache.addAll(PAGE.map((name) => new Request(name, { cache: "reload" })));
  await keepWeights(await cache.match(manifestAddress));
  await skipWaiting();
}

// The host's response, or the copy of its last one.
async function fresh(event, address) {
  const cache = await caches.open(CACHE);
  const copy = await cache.match(address);
  const asked = fetch(event.request, { cache: "no-cache" });
  const response = await (copy ? inTime(asked) : asked).catch(() => null);
  if (response?.ok) event.waitUntil(keep(address, response.clone()));
  // A proxy answers 5xx for a server that is down.
  const isAnswer = response && response.status < 500;
  return isAnswer ? response : copy ?? response ?? Response.error();
}

// When the host was last late, in ms.
let lateAt = -Infinity;

async function inTime(asked) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => {
      lateAt = performance.now();
      reject(new Error("late"));
    }, performance.now() - lateAt < LATE.forgotten ? LATE.timeout : TIMEOUT);
  });
  try {
    return await Promise.race([asked, late]);
  } finally {
    clearTimeout(timer);
  }
}

// Replaces the copy, unless there is no space.
async function keep(address, response) {
  try {
    const cache = await caches.open(CACHE);
    // The weights first: a manifest without its weights is useless.
    if (address === manifestAddress) await keepWeights(response.clone());
    await cache.put(address, response);
  } catch {
    // The page has its response; only the copy is old.
  }
}

// Keeps the weights that a manifest names and deletes all others.
async function keepWeights(manifest) {
  const { sha256 } = (await manifest.json()).weights;
  const address = `${weightsFolder}${sha256}.bpk`;
  await weights(address);
  const cache = await caches.open(CACHE);
  if (!(await cache.match(address))) throw new Error("the weights are damaged");
  for (const { url } of await cache.keys()) {
    if (url.startsWith(weightsFolder) && url !== address) await cache.delete(url);
  }
}

// Downloads in progress by address: the page and `keepWeights` ask for the same weights at the
// same time.
const arriving = new Map();

// Weights are named by their hash, so a copy never gets old. A download with another hash is
// passed on to the page, which reports it, and is not kept.
async function weights(address) {
  const cache = await caches.open(CACHE);
  const copy = await cache.match(address);
  if (copy) return copy;
  if (!arriving.has(address)) {
    arriving.set(address, arrive(address).finally(() => arriving.delete(address)));
  }
  return (await arriving.get(address)).clone();
}

async function arrive(address) {
  const response = await fetch(address, { cache: "no-cache" });
  if (response.ok && address.endsWith(`/${await hash(response.clone())}.bpk`)) {
    const cache = await caches.open(CACHE);
    await cache.put(address, response.clone()).catch(() => {});
  }
  return response;
}

async function hash(response) {
  const digest = await crypto.subtle.digest("SHA-256", await response.arrayBuffer());
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
