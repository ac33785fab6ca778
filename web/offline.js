// The page's service worker: what was loaded once is there without a network. The
// host is asked first, so that nobody is kept on an old page.

const CACHE = "glyphic";
const PAGE = [
  "./", "style.css", "icon.svg", "main.js", "api.js", "dom.js", "drawing.js", "engines.js",
  "inbrowser.js", "result.js", "upload.js", "teach.js", "job.js", "chart.js", "reader.js",
  "glyphic.js", "glyphic_bg.wasm", "checkpoint.json",
];
// Content under its own hash never changes.
const BY_HASH = /\/weights\/[0-9a-f]{64}\.bpk$/;

addEventListener("install", (event) => {
  event.waitUntil((async () => {
    const cache = await caches.open(CACHE);
    await cache.addAll(PAGE);
    const manifest = await (await cache.match("checkpoint.json")).json();
    await cache.add(`weights/${manifest.weights.sha256}.bpk`);
    await skipWaiting();
  })());
});

addEventListener("activate", (event) => event.waitUntil(clients.claim()));

addEventListener("fetch", (event) => {
  const { pathname, origin } = new URL(event.request.url);
  const ours = event.request.method === "GET" && origin === location.origin;
  // Answers of the API are of their moment.
  if (!ours || pathname.includes("/api/")) return;
  event.respondWith(BY_HASH.test(pathname) ? kept(event.request) : fresh(event.request));
});

// From the host, or what it sent last.
async function fresh(request) {
  const cache = await caches.open(CACHE);
  try {
    const response = await fetch(request);
    if (response.ok) await cache.put(request, response.clone());
    return response;
  } catch (error) {
    const found = await cache.match(request, { ignoreSearch: true });
    if (found) return found;
    throw error;
  }
}

// What was kept, else from the host; older weights make room.
async function kept(request) {
  const cache = await caches.open(CACHE);
  const found = await cache.match(request);
  if (found) return found;
  const response = await fetch(request);
  if (response.ok) {
    for (const old of await cache.keys()) {
      if (BY_HASH.test(new URL(old.url).pathname)) await cache.delete(old);
    }
    await cache.put(request, response.clone());
  }
  return response;
}
