// The network in the browser: it reads like the server, follows the server's promotions, and works
// without the server.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { cp, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { gunzipSync, gzipSync } from "node:zlib";

import {
  browser, draw, errorsOf, pictures, program, reads, repository, screenshot, serve, server, webFile,
} from "./browser.mjs";

const seven = [[[0.25, 0.2], [0.5, 0.19], [0.75, 0.2], [0.62, 0.5], [0.45, 0.85]]];
const one = [[[0.5, 0.15], [0.49, 0.5], [0.48, 0.85]]];

serve();

// Opens a page in its own context and waits for the network; fails if the page threw or logged an
// error, other than one about a connection.
async function withPage(url, run, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1100, height: 900 }, ...options });
  try {
    const page = await context.newPage();
    const errors = errorsOf(page);
    await page.goto(url);
    await page.locator('#engines[data-browser="ready"]').waitFor();
    await run(page);
    assert.deepEqual(errors.filter((error) => !/net::ERR_|status of 502/.test(error)), []);
  } finally {
    await context.close();
  }
}

const chooseBrowser = (page) => page.locator('#engines input[value="browser"]').check();
const provenance = (page) => page.locator("#provenance").textContent();

// The first pictures of MNIST's test set, 784 pixels each.
async function testPictures(count) {
  const file = join(repository, "artifacts", "datasets", "mnist", "t10k-images-idx3-ubyte.gz");
  const raw = gunzipSync(await readFile(file)).subarray(16);
  return Array.from({ length: count }, (_, i) => [...raw.subarray(784 * i, 784 * (i + 1))]);
}

// Has both engines read each input: { unlike, largest, compared, texts } are the answers that
// differ, the largest difference of two probabilities, how many were compared, and the browser's
// answers. A picture is given as { type, base64 }.
function differences(page, inputs) {
  return page.evaluate(async (inputs) => {
    const { InBrowser } = await import("./inbrowser.js");
    const { read } = await import("./api.js");
    const inBrowser = new InBrowser();
    await inBrowser.update();
    const found = { unlike: [], largest: 0, compared: 0, texts: [] };
    for (const [i, { type, base64, ...input }] of inputs.entries()) {
      if (base64) {
        const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
        input.blob = new Blob([bytes], { type });
      }
      const [here, there] = await Promise.all([inBrowser.read(input), read(input)]);
      found.texts.push(here.text);
      const digits = ({ lines }) => lines.flatMap((line) => line.digits);
      const alike = here.text === there.text && here.verdict === there.verdict
        && digits(here).length === digits(there).length;
      if (!alike) found.unlike.push(`${i}: ${here.text} here, ${there.text} there`);
      else digits(there).forEach((digit, d) => digit.probabilities.forEach((probability, at) => {
        found.compared += 1;
        found.largest = Math.max(found.largest, Math.abs(probability - digits(here)[d].probabilities[at]));
      }));
    }
    return found;
  }, inputs);
}

test("a thousand test pictures are read as on the server", async () => {
  await withPage(server.url, async (page) => {
    const inputs = (await testPictures(1000)).map((pixels) => ({ pixels }));
    const { unlike, largest, compared } = await differences(page, inputs);
    assert.deepEqual(unlike, []);
    assert.equal(compared, 10_000);
    assert.ok(largest < 1e-3, `probabilities differ by ${largest}`);
  });
});

test("strokes are read as on the server", async () => {
  await withPage(server.url, async (page) => {
    const scaled = (strokes, x, y) => strokes.map((s) => s.map(([a, b]) => [a * x, b * y]));
    const inputs = [seven, one, []].flatMap((strokes) =>
      [[1, 1], [1000, 400], [30, 90]].map(([x, y]) => ({ strokes: scaled(strokes, x, y) })));
    const { unlike, largest, texts } = await differences(page, inputs);
    assert.deepEqual(unlike, []);
    assert.deepEqual(texts.filter((label, i) => i % 3 === 0), ["7", "1", ""]);
    assert.ok(largest < 1e-3, `probabilities differ by ${largest}`);
  });
});

test("numbers are read as on the server, found and in given boxes", async () => {
  await withPage(server.url, async (page) => {
    const at = (strokes, x) => strokes.map((s) => s.map(([a, b]) => [a + x, b]));
    const number = [...at(seven, 0), ...at(one, 0.7), ...at(seven, 1.4)];
    const boxes = [[0.2, 0.1, 1.1, 0.8], [1.6, 0.1, 0.6, 0.8]];
    const { unlike, texts, largest } = await differences(page, [{ strokes: number }, { strokes: number, boxes }]);
    assert.deepEqual(unlike, []);
    assert.equal(texts[0], "717");
    assert.match(texts[1], /^\d7$/);
    assert.ok(largest < 1e-3, `probabilities differ by ${largest}`);
  });
});

test("pictures are read as on the server", async () => {
  await withPage(server.url, async (page) => {
    const types = { ".png": "png", ".jpg": "jpeg", ".gif": "gif", ".bmp": "bmp", ".webp": "webp" };
    // All of them show a 5, or a digit in 12 megapixels.
    const names = (await readdir(pictures))
      .filter((name) => (/^5[_.]/.test(name) || name.startsWith("4000x3000")) && types[extname(name)]);
    assert.ok(names.includes("5.bmp") && names.includes("4000x3000_tiny_digit.png"), names.join());
    const inputs = await Promise.all(names.map(async (name) => {
      const bytes = await readFile(join(pictures, name));
      return { type: `image/${types[extname(name)]}`, base64: bytes.toString("base64") };
    }));
    const { unlike, texts } = await differences(page, inputs);
    assert.deepEqual(unlike.map((one) => `${names[parseInt(one)]} ${one}`), []);
    assert.deepEqual(names.filter((name, i) => name.startsWith("5") && texts[i] !== "5"), []);
  });
});

// What differs between two answers: a field that only one has, other text, or a number that is more
// than `tolerance` away. Boxes may differ by `pixels`.
function unlike(here, there, pixels, path = "answer", tolerance = 1e-3) {
  if (typeof here === "number" && typeof there === "number") {
    return Math.abs(here - there) <= tolerance ? [] : [`${path}: ${here} here, ${there} there`];
  }
  if (here === null || there === null || typeof here !== "object" || typeof there !== "object") {
    return here === there ? [] : [`${path}: ${here} here, ${there} there`];
  }
  const names = new Set([...Object.keys(here), ...Object.keys(there)]);
  return [...names].flatMap((name) => unlike(
    here[name], there[name], pixels, `${path}.${name}`, name === "box" ? pixels : tolerance));
}

test("pictures that are cut off anywhere are refused as on the server", async () => {
  const types = { ".jpg": "image/jpeg", ".png": "image/png", ".gif": "image/gif", ".bmp": "image/bmp", ".webp": "image/webp" };
  const inputs = [];
  for (const name of ["5_progressive.jpg", "5_cmyk.jpg", "5_exif_orientation6.jpg", "5_1bit.png", "5_palette.gif", "5.bmp", "5_webp_lossy.webp"]) {
    const bytes = await readFile(join(pictures, name));
    for (let tenth = 1; tenth <= 10; tenth++) {
      const part = bytes.subarray(0, Math.floor((bytes.length * tenth) / 10));
      inputs.push({ name: `${name}, ${tenth} tenths`, type: types[extname(name)], base64: part.toString("base64"), whole: tenth === 10 });
    }
  }
  await withPage(server.url, async (page) => {
    const taken = await page.evaluate(async (inputs) => {
      const { InBrowser } = await import("./inbrowser.js");
      const inBrowser = new InBrowser();
      await inBrowser.update();
      const blobOf = ({ type, base64 }) => new Blob([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))], { type });
      const found = [];
      for (const input of inputs) found.push(await inBrowser.read({ blob: blobOf(input) }).then(() => true, () => false));
      return found;
    }, inputs);
    for (const [i, { name, whole, base64 }] of inputs.entries()) {
      const there = await fetch(`${server.url}api/read`, { method: "POST", body: Buffer.from(base64, "base64") });
      assert.deepEqual([name, taken[i], there.ok], [name, whole, whole]);
    }
  });
});

test("the answer is the server's, field by field, but for the timing and the glyph's encoding", async () => {
  await withPage(server.url, async (page) => {
    const at = (strokes, x) => strokes.map((s) => s.map(([a, b]) => [a + x, b]));
    const picture = async (name) => ({
      type: `image/${extname(name).slice(1)}`,
      base64: (await readFile(join(pictures, name))).toString("base64"),
    });
    // The last one is scaled down before it is read; its boxes are in its own pixels.
    const large = await picture("4000x3000_tiny_digit.png");
    const inputs = [
      { strokes: [...at(seven, 0), ...at(one, 0.7)] }, { strokes: [] },
      { pixels: (await testPictures(1))[0] }, await picture("5.bmp"),
      { ...large, boxes: [[0, 0, 4000, 3000]] }, large,
    ];
    const answers = await page.evaluate(async (inputs) => {
      const { InBrowser } = await import("./inbrowser.js");
      const { read } = await import("./api.js");
      const inBrowser = new InBrowser();
      await inBrowser.update();
      const both = ({ type, base64, ...input }) => {
        const bytes = base64 && Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
        const given = base64 ? { ...input, blob: new Blob([bytes], { type }) } : input;
        return Promise.all([inBrowser.read(given), read(given)]);
      };
      return Promise.all(inputs.map(both));
    }, inputs);
    answers.forEach(([here, there], i) => {
      for (const answer of [here, there]) {
        assert.deepEqual(Object.keys(answer.timing_us), ["decode", "queue", "compute"]);
        delete answer.timing_us;
        for (const digit of answer.lines.flatMap(({ digits }) => digits)) {
          assert.match(digit.seen, /^data:image\/png;base64,/);
          delete digit.seen;
        }
      }
      if (i < 4) assert.deepEqual(unlike(here, there, 1e-3), [], `input ${i}`);
      // Another way of scaling down: other greys, so other numbers.
      else {
        const boxes = ({ lines }) => lines.flatMap(({ box, digits }) => [box, ...digits.map((d) => d.box)]);
        assert.equal(boxes(here).length, 2);
        assert.deepEqual(unlike(boxes(here), boxes(there), 0, "box", 8), [], `input ${i}`);
      }
    });
  });
});

test("the user chooses the engine, and what the browser reads is not sent", async () => {
  await withPage(server.url, async (page) => {
    await draw(page, seven);
    await reads(page, "7");
    assert.match(await provenance(page), /on the server/);
    await page.locator("#engines-message", { hasText: "Both give the same answer." }).waitFor();
    for (const id of ["time-server", "time-browser"]) {
      assert.match(await page.locator(`#${id}`).textContent(), /^[\d.]+ ms$/);
    }
    const asked = [];
    page.on("request", (request) => asked.push(new URL(request.url()).pathname));
    await chooseBrowser(page);
    await page.waitForFunction(() => document.getElementById("provenance").textContent.includes("in this browser"));
    await page.keyboard.press("Escape");
    await draw(page, one);
    await reads(page, "1");
    await page.locator("#engines-message", { hasText: "Nothing is sent to the server." }).waitFor();
    await screenshot(page, "in-browser");
    assert.deepEqual(asked.filter((path) => path.includes("predict")), []);
  });
});

test("a request that fails although the server responds is read here, and sent only once more", async () => {
  await withPage(server.url, async (page) => {
    let asked = 0;
    await page.route("**/api/read*", (route) => {
      asked += 1;
      return route.abort("failed");
    });
    await page.locator("#file").setInputFiles(join(pictures, "5_1bit.png"));
    await reads(page, "5");
    await page.waitForTimeout(1500);
    assert.equal(asked, 2);
    assert.match(await provenance(page), /in this browser/);
    assert.equal(await page.locator("#connection").getAttribute("data-state"), "ready");
  }, { serviceWorkers: "block" });
});

test("a proxy's error page counts as a server that does not respond", async () => {
  await withPage(server.url, async (page) => {
    await page.route("**/api/**", (route) => route.fulfill({ status: 502, contentType: "text/html", body: "<h1>502</h1>" }));
    await draw(page, seven);
    await reads(page, "7");
    assert.match(await provenance(page), /in this browser/);
    await page.locator('#connection[data-state="unreachable"]').waitFor();
  }, { serviceWorkers: "block" });
});

test("a promotion on the server reaches the browser", async () => {
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

test("without the server the page works and reloads, and it reconnects when the server is back", async () => {
  await withPage(server.url, async (page) => {
    await page.evaluate(() => navigator.serviceWorker.ready);
    await page.waitForFunction(async () => (await (await caches.open((await caches.keys())[0])).keys()).length > 19);
    await server.stop();
    try {
      await draw(page, seven);
      await reads(page, "7");
      assert.match(await provenance(page), /in this browser/);
      await page.locator("#engines-message", { hasText: "This browser reads your drawings until the server is back." }).waitFor();
      await screenshot(page, "server-unreachable");
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

// The drawing page on a host that has only its files.
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
    // In a subfolder, as on GitHub Pages.
    url: `http://127.0.0.1:${host.address().port}/sub/`,
    folder,
    close: async () => {
      host.closeAllConnections();
      await new Promise((resolve) => host.close(resolve));
      await rm(folder, { recursive: true });
    },
  };
}

test("on a host that has only files the page works, and offline after the first visit", async () => {
  const host = await fileHost();
  let isOpen = true;
  try {
    await withPage(host.url, async (page) => {
      await page.locator("#connection", { hasText: "running in this browser" }).waitFor();
      await draw(page, seven);
      await reads(page, "7");
      assert.equal(await page.locator("#bars li").count(), 10);
      assert.ok(await page.locator("#train").isHidden());
      assert.ok(await page.locator("#pages").isHidden());
      await screenshot(page, "file-host");
      await page.evaluate(() => navigator.serviceWorker.ready);
      await page.waitForFunction(async () => (await (await caches.open((await caches.keys())[0])).keys()).length > 19);
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

test("opened as a file, the page says how to open it", async () => {
  const host = await fileHost();
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    await page.goto(`file://${join(host.folder, "index.html")}`);
    await page.locator("#unserved").filter({ hasText: "python3 -m http.server" }).waitFor({ state: "visible" });
    // Where it runs, that is not there.
    await page.goto(host.url);
    await page.locator('#engines[data-browser="ready"]').waitFor();
    assert.equal(await page.locator("#unserved").count(), 0);
  } finally {
    await context.close();
    await host.close();
  }
});

// A plus sign; `lean` makes it another one.
const plus = (lean) => [
  [[0.2, 0.5 + lean], [0.5, 0.5], [0.8, 0.5 - lean]],
  [[0.5 - lean, 0.2], [0.5, 0.5], [0.5 + lean, 0.8]],
];

async function says(page, id, pattern) {
  await page.waitForFunction(
    ([id, source]) => new RegExp(source).test(document.getElementById(id).textContent),
    [id, pattern.source], { timeout: 10_000 });
}

async function teachPlus(page, lean, count) {
  await draw(page, plus(lean));
  await page.locator("#teach-name").fill("+");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await says(page, "teach-message", new RegExp(`Saved as \\+: ${count} drawings?`));
}

test("without a server the page is taught, keeps it offline, and hands it on", async () => {
  const host = await fileHost();
  let isOpen = true;
  let [link, file] = [];
  try {
    await withPage(host.url, async (page) => {
      page.on("dialog", (dialog) => dialog.accept());
      assert.deepEqual(await page.locator("#alphabet button:visible").count(), 0, "nothing to hand on");
      for (const [i, lean] of [0, 0.03, 0.06].entries()) await teachPlus(page, lean, i + 1);
      await says(page, "teach-count", /3 drawings in this browser/);
      await says(page, "teach-drawings", /\+★★★☆☆3 of 5 drawings/);
      assert.equal(await page.locator("#teach-drawings canvas").count(), 3);
      // The next one is read, and says by what.
      await draw(page, plus(0.015));
      await reads(page, "+");
      assert.match(await page.locator("#sentence").textContent(), /from 3 taught drawings/);
      assert.equal(await page.locator("#bars li").count(), 11);
      await screenshot(page, "alphabet-desktop");

      // Another window of the page knows it at once, and teaches this one.
      const second = await page.context().newPage();
      await second.goto(host.url);
      await second.locator('#engines[data-browser="ready"]').waitFor();
      await says(second, "teach-count", /3 drawings in this browser/);
      await teachPlus(second, 0.09, 4);
      await says(page, "teach-count", /4 drawings in this browser/);
      await second.locator("#teach-undo").click();
      await says(page, "teach-count", /3 drawings in this browser/);
      await second.close();

      // From teaching to a reading that knows.
      const took = await page.evaluate(async () => {
        const { network } = await import("./engines.js");
        const glyph = await network.glyph({ strokes: [[[0, 0], [9, 30], [40, 9]]] });
        const begun = performance.now();
        await network.teach([{ id: 1000, label: "w", glyph }]);
        const taken = performance.now() - begun;
        await network.forget([1000]);
        return taken;
      });
      console.log(`taught in ${took.toFixed(1)} ms`);

      // One is taken back.
      await page.locator("#clear").click();
      await teachPlus(page, 0.1, 4);
      await page.locator("#teach-undo").click();
      await says(page, "teach-count", /3 drawings in this browser/);

      // As a file, and as a link.
      const [download] = await Promise.all([page.waitForEvent("download"), page.locator("#alphabet-save").click()]);
      file = await readFile(await download.path(), "utf8");
      await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
      await page.locator("#alphabet-link").click();
      await says(page, "teach-message", /The link is copied/);
      link = await page.evaluate(() => navigator.clipboard.readText());

      // Over a reload, and offline.
      await page.evaluate(() => navigator.serviceWorker.ready);
      await page.waitForFunction(async () => (await (await caches.open((await caches.keys())[0])).keys()).length > 25);
      await host.close();
      isOpen = false;
      await page.reload();
      await page.locator('#engines[data-browser="ready"]').waitFor();
      await draw(page, plus(0.02));
      await reads(page, "+");
      await page.locator("#alphabet-clear").click();
      await says(page, "teach-count", /Nothing taught yet/);
      assert.equal(await page.locator("#bars li").count(), 10);
    });
  } finally {
    if (isOpen) await host.close();
  }

  // A server takes the file.
  const lines = file.trim().split("\n").map((line) => JSON.parse(line));
  assert.deepEqual(lines.map(({ label }) => label), ["+", "+", "+"]);
  const imported = await fetch(`${server.url}api/samples/import`, { method: "POST", body: file, headers: { "Content-Type": "application/octet-stream" } });
  assert.equal((await imported.json()).added, 3);
  const strokes = plus(0.02).map((stroke) => stroke.map((point) => point.map((share) => 200 * share)));
  const predict = await fetch(`${server.url}api/predict`, { method: "POST", body: JSON.stringify({ strokes }), headers: { "Content-Type": "application/json" } });
  assert.equal((await predict.json()).label, "+");
  await fetch(`${server.url}api/samples/delete?label=%2B`, { method: "POST" });

  // Another browser opens the link, and a file twice.
  const other = await fileHost();
  try {
    const asked = [];
    await withPage(other.url, async (page) => {
      page.on("dialog", (dialog) => {
        asked.push(dialog.message());
        return dialog.accept();
      });
      await page.goto("about:blank");
      await page.goto(other.url + new URL(link).hash);
      await says(page, "teach-message", /3 drawings added/);
      assert.deepEqual(asked, ["Add 3 drawings of + from this link?"]);
      assert.equal(new URL(page.url()).hash, "", "a reload does not add them again");
      await draw(page, plus(0.02));
      await reads(page, "+");
      await page.locator("#alphabet-open").setInputFiles({ name: "a.jsonl", mimeType: "text/plain", buffer: Buffer.from(file) });
      await says(page, "teach-message", /drawings? added/);
      await page.locator("#alphabet-open").setInputFiles({ name: "b.jsonl", mimeType: "text/plain", buffer: Buffer.from('{"label":"x"}\n') });
      await says(page, "teach-message", /Line 1: it has no glyph/);
    });
  } finally {
    await other.close();
  }
});

test("damaged weights are refused with a message, and not cached", async () => {
  let folder;
  const damage = async () => {
    const [name] = await readdir(join(folder, "weights"));
    const content = await readFile(join(folder, "weights", name));
    content[content.length - 9] ^= 1;
    await writeFile(join(folder, "weights", name), content);
  };
  const host = await fileHost((written) => {
    folder = written;
    return damage();
  });
  try {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(host.url);
    await page.locator('#engines[data-browser="failed"]').waitFor();
    assert.match(await page.locator("#engines-message").textContent(), /is damaged: weights.bpk has the SHA-256/);
    await damage();
    await page.reload();
    await page.locator('#engines[data-browser="ready"]').waitFor();
    await context.close();
  } finally {
    await host.close();
  }
});

test("weights are named by their hash and may be cached for ever", async () => {
  const manifest = await (await fetch(`${server.url}checkpoint.json`)).json();
  const response = await fetch(`${server.url}weights/${manifest.weights.sha256}.bpk`);
  const bytes = Buffer.from(await response.arrayBuffer());
  assert.equal(createHash("sha256").update(bytes).digest("hex"), manifest.weights.sha256);
  assert.match(response.headers.get("cache-control"), /immutable/);
  for (const name of ["0".repeat(64) + ".bpk", "..%2f..%2fCURRENT", "x"]) {
    assert.equal((await fetch(`${server.url}weights/${name}`)).status, 404, name);
  }
});

test("the code for drawings is at most 160 KB, gzipped", async () => {
  const sizes = await Promise.all(["glyphic.js", "glyphic_bg.wasm"].map(async (name) =>
    gzipSync(await readFile(webFile(name)), { level: 9 }).length));
  const sum = sizes[0] + sizes[1];
  assert.ok(sum <= 160_000, `${sum} bytes`);
});
