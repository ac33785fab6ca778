// The network in the browser: it reads as the server does, follows its swaps, and goes
// on without it.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { cp, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { gunzipSync, gzipSync } from "node:zlib";

import { Server, draw, launch, pictures, program, repository, screenshot } from "./browser.mjs";

const seven = [[[0.25, 0.2], [0.5, 0.19], [0.75, 0.2], [0.62, 0.5], [0.45, 0.85]]];
const one = [[[0.5, 0.15], [0.49, 0.5], [0.48, 0.85]]];

let server;
let browser;

before(async () => {
  server = await Server.start();
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await server?.remove();
});

// A page in a context of its own, with the network loaded.
async function withPage(url, run) {
  const context = await browser.newContext({ viewport: { width: 1100, height: 900 } });
  try {
    const page = await context.newPage();
    await page.goto(url);
    await page.locator('#engines[data-browser="ready"]').waitFor();
    await run(page, context);
  } finally {
    await context.close();
  }
}

async function reads(page, label) {
  await page.waitForFunction(
    (label) => document.getElementById("label").textContent === label,
    label,
    { timeout: 5000 },
  );
}

const chooseBrowser = (page) => page.locator('#engines input[value="browser"]').check();
const provenance = (page) => page.locator("#provenance").textContent();

// The pictures of MNIST's test set, raw.
async function testPictures(count) {
  const file = join(repository, "artifacts", "datasets", "mnist", "t10k-images-idx3-ubyte.gz");
  const raw = gunzipSync(await readFile(file)).subarray(16);
  return Array.from({ length: count }, (_, i) => [...raw.subarray(784 * i, 784 * (i + 1))]);
}

// Asks both engines for each input; gives what differs.
function differences(page, inputs) {
  return page.evaluate(async (inputs) => {
    const { InBrowser } = await import("./inbrowser.js");
    const { predict } = await import("./api.js");
    const inBrowser = new InBrowser();
    await inBrowser.update();
    const unlike = [];
    let largest = 0;
    for (const [i, input] of inputs.entries()) {
      const [here, there] = await Promise.all([inBrowser.predict(input), predict(input)]);
      if (here.label !== there.label || here.verdict !== there.verdict) {
        unlike.push(`${i}: ${here.label} here, ${there.label} there`);
      }
      (there.probabilities ?? []).forEach((probability, at) => {
        largest = Math.max(largest, Math.abs(probability - here.probabilities[at]));
      });
    }
    return { unlike, largest };
  }, inputs);
}

test("a thousand test pictures are read as on the server", async () => {
  await withPage(server.url, async (page) => {
    const inputs = (await testPictures(1000)).map((pixels) => ({ pixels }));
    const { unlike, largest } = await differences(page, inputs);
    assert.deepEqual(unlike, []);
    assert.ok(largest > 0 && largest < 1e-3, `probabilities differ by ${largest}`);
  });
});

test("strokes are read as on the server", async () => {
  await withPage(server.url, async (page) => {
    const scaled = (strokes, x, y) => strokes.map((s) => s.map(([a, b]) => [a * x, b * y]));
    const inputs = [seven, one, []].flatMap((strokes) =>
      [[1, 1], [1000, 400], [30, 90]].map(([x, y]) => ({ strokes: scaled(strokes, x, y) })));
    const { unlike, largest } = await differences(page, inputs);
    assert.deepEqual(unlike, []);
    assert.ok(largest < 1e-3, `probabilities differ by ${largest}`);
  });
});

test("pictures are read as on the server", async () => {
  await withPage(server.url, async (page) => {
    const types = { ".png": "png", ".jpg": "jpeg", ".gif": "gif", ".bmp": "bmp", ".webp": "webp" };
    const names = (await readdir(pictures)).filter((name) => /^\d_/.test(name) && types[extname(name)]);
    assert.ok(names.length >= 8, `${names.length} pictures`);
    const inputs = await Promise.all(names.map(async (name) => {
      const bytes = await readFile(join(pictures, name));
      return { url: `data:image/${types[extname(name)]};base64,${bytes.toString("base64")}` };
    }));
    // The policy of the page forbids to fetch data URLs: they go in as bytes.
    const { unlike } = await page.evaluate(async (inputs) => {
      const { InBrowser } = await import("./inbrowser.js");
      const { predict } = await import("./api.js");
      const inBrowser = new InBrowser();
      await inBrowser.update();
      const unlike = [];
      for (const [i, { url }] of inputs.entries()) {
        const [head, data] = url.split(",");
        const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
        const blob = new Blob([bytes], { type: head.slice(5, head.indexOf(";")) });
        const [here, there] = [await inBrowser.predict({ blob }), await predict({ blob })];
        if (here.label !== there.label) unlike.push([i, here.label, there.label]);
      }
      return { unlike };
    }, inputs);
    assert.deepEqual(unlike.map(([i, here, there]) => `${names[i]}: ${here} here, ${there} there`), []);
  });
});

test("the switch chooses who reads, and both times are shown", async () => {
  await withPage(server.url, async (page) => {
    await draw(page, seven);
    await reads(page, "7");
    assert.match(await provenance(page), /on the server/);
    await page.locator("#engines-said", { hasText: "Both say the same." }).waitFor();
    for (const id of ["time-server", "time-browser"]) {
      assert.match(await page.locator(`#${id}`).textContent(), /^[\d.]+ ms$/);
    }
    await chooseBrowser(page);
    await page.waitForFunction(() => document.getElementById("provenance").textContent.includes("in this browser"));
    let asked = 0;
    page.on("request", (request) => (asked += request.url().endsWith("predict?explain=1")));
    await page.keyboard.press("Escape");
    await draw(page, one);
    await reads(page, "1");
    assert.match(await provenance(page), /in this browser/);
    // The server was asked once, for comparison, when the drawing was finished.
    await page.locator("#engines-said", { hasText: "Both say the same." }).waitFor();
    assert.ok(asked <= 1, `${asked} requests`);
    await screenshot(page, "in-browser");
  });
});

test("a swap on the server reaches the browser", async () => {
  const from = (await readFile(join(server.artifacts, "CURRENT"), "utf8")).split("\n")[0];
  const folder = join(server.artifacts, "checkpoints");
  await cp(join(folder, from), join(folder, "another"), { recursive: true });
  const manifest = JSON.parse(await readFile(join(folder, "another", "manifest.json"), "utf8"));
  Object.assign(manifest, { id: "another", temperature: 2 * manifest.temperature });
  await writeFile(join(folder, "another", "manifest.json"), JSON.stringify(manifest));
  await withPage(server.url, async (page) => {
    await chooseBrowser(page);
    await draw(page, seven);
    await reads(page, "7");
    const sure = () => page.locator("#bars .best .value").textContent();
    const before = await sure();
    const weights = [];
    page.on("request", (request) => request.url().includes("/weights/") && weights.push(request.url()));
    const promote = (id) => fetch(`${server.url}api/models/${id}/promote`, { method: "POST" });
    assert.equal((await promote("another")).status, 200);
    await page.waitForFunction(
      () => document.getElementById("provenance").textContent.startsWith("another answered"),
      undefined,
      { timeout: 15_000 },
    );
    assert.notEqual(await sure(), before);
    await promote(from);
    await page.waitForFunction(
      (id) => document.getElementById("provenance").textContent.startsWith(`${id} answered`),
      from,
      { timeout: 15_000 },
    );
    assert.equal(await sure(), before);
  });
});

test("without the server the page goes on, opens again, and finds it when it is back", async () => {
  await withPage(server.url, async (page) => {
    await page.evaluate(() => navigator.serviceWorker.ready);
    await page.waitForFunction(async () => (await (await caches.open("glyphic")).keys()).length > 15);
    await server.stop();
    try {
      await draw(page, seven);
      await reads(page, "7");
      assert.match(await provenance(page), /in this browser/);
      await page.locator("#engines-said", { hasText: "this browser reads by itself" }).waitFor();
      await screenshot(page, "server-away");
      await page.reload();
      await page.locator('#engines[data-browser="ready"]').waitFor();
      await draw(page, one);
      await reads(page, "1");
    } finally {
      await server.resume();
    }
    await page.locator('#connection[data-state="ready"]').waitFor();
    await page.waitForFunction(() => document.getElementById("provenance").textContent.includes("on the server"));
  });
});

// The page on a host of files alone.
async function fileHost(change = async () => {}) {
  const folder = await mkdtemp(join(tmpdir(), "glyphic-page-"));
  await promisify(execFile)(program, ["page", folder, "--artifacts", server.artifacts]);
  await change(folder);
  const types = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".wasm": "application/wasm", ".json": "application/json" };
  const host = createServer(async (request, response) => {
    const name = new URL(request.url, "http://host").pathname.replace(/^\/sub\/|^\//, "") || "index.html";
    try {
      const content = await readFile(join(folder, name));
      response.writeHead(200, { "Content-Type": types[extname(name)] ?? "application/octet-stream" });
      response.end(content);
    } catch {
      response.writeHead(404, { "Content-Type": "text/html" });
      response.end("<h1>404</h1>");
    }
  });
  await new Promise((resolve) => host.listen(0, "127.0.0.1", resolve));
  return {
    // Not at the root, as on GitHub Pages.
    url: `http://127.0.0.1:${host.address().port}/sub/`,
    close: async () => {
      host.closeAllConnections();
      await new Promise((resolve) => host.close(resolve));
      await rm(folder, { recursive: true });
    },
  };
}

test("on a host of files it works alone, and offline after the first visit", async () => {
  const host = await fileHost();
  let isOpen = true;
  try {
    await withPage(host.url, async (page) => {
      await page.locator("#connection", { hasText: "this browser, by itself" }).waitFor();
      await draw(page, seven);
      await reads(page, "7");
      assert.equal(await page.locator("#bars li").count(), 10);
      assert.ok(await page.locator("#teach").isHidden());
      assert.ok(await page.locator("#pages").isHidden());
      await screenshot(page, "file-host");
      await page.evaluate(() => navigator.serviceWorker.ready);
      await page.waitForFunction(async () => (await (await caches.open("glyphic")).keys()).length > 15);
      await host.close();
      isOpen = false;
      await page.reload();
      await page.locator('#engines[data-browser="ready"]').waitFor();
      await draw(page, one);
      await reads(page, "1");
    });
  } finally {
    if (isOpen) await host.close();
  }
});

test("damaged weights are refused in words", async () => {
  const host = await fileHost(async (folder) => {
    const [name] = await readdir(join(folder, "weights"));
    const content = await readFile(join(folder, "weights", name));
    content[content.length - 9] ^= 1;
    await writeFile(join(folder, "weights", name), content);
  });
  try {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(host.url);
    await page.locator('#engines[data-browser="failed"]').waitFor();
    assert.match(await page.locator("#engines-said").textContent(), /is damaged: weights.bpk has sha256/);
    await context.close();
  } finally {
    await host.close();
  }
});

test("weights come by their hash, to be kept for ever", async () => {
  const manifest = await (await fetch(`${server.url}checkpoint.json`)).json();
  const response = await fetch(`${server.url}weights/${manifest.weights.sha256}.bpk`);
  const bytes = Buffer.from(await response.arrayBuffer());
  assert.equal(createHash("sha256").update(bytes).digest("hex"), manifest.weights.sha256);
  assert.match(response.headers.get("cache-control"), /immutable/);
  for (const name of ["0".repeat(64) + ".bpk", "..%2f..%2fCURRENT", "x"]) {
    assert.equal((await fetch(`${server.url}weights/${name}`)).status, 404, name);
  }
});

test("the code is at most 350 KB, gzipped", async () => {
  const sizes = await Promise.all(["glyphic.js", "glyphic_bg.wasm"].map(async (name) =>
    gzipSync(await readFile(join(repository, "web", name)), { level: 9 }).length));
  const sum = sizes[0] + sizes[1];
  assert.ok(sum <= 350_000, `${sum} bytes`);
});
