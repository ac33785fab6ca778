// The live camera, in a Chromium whose camera shows a film of a note that is moved.

import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

import { browser, draw, errorsOf, launch, screenshot, serve, server } from "./browser.mjs";

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const DESKTOP = { width: 1280, height: 800 };
const [WIDTH, HEIGHT] = [640, 480];
// Where the note is held: at first, and then.
const PLACES = [[90, 70], [210, 170]];
const SEVEN = [[[0.25, 0.2], [0.5, 0.19], [0.75, 0.2], [0.62, 0.5], [0.45, 0.85]]];

let folder;
let filming;

serve();

after(async () => {
  await filming?.close();
  if (folder) await rm(folder, { recursive: true, force: true });
});

// A Chromium with the camera, which asks for no permission.
async function withFilm() {
  if (filming) return filming;
  folder = await mkdtemp(join(tmpdir(), "glyphic-camera-"));
  const file = join(folder, "note.y4m");
  await writeFile(file, await film());
  return (filming = await launch([
    "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", `--use-file-for-fake-video-capture=${file}`,
  ]));
}

// Two seconds of 714 on a note at each place, over and over, uncompressed: brightness, and no colours.
async function film() {
  const page = await browser.newPage();
  const parts = [Buffer.from(`YUV4MPEG2 W${WIDTH} H${HEIGHT} F10:1 Ip A1:1 C420jpeg\n`)];
  for (const place of PLACES) {
    const grey = await page.evaluate(([width, height, [x, y]]) => {
      const canvas = new OffscreenCanvas(width, height);
      const context = canvas.getContext("2d");
      context.fillStyle = "#7a7a7a";
      context.fillRect(0, 0, width, height);
      context.fillStyle = "#f4f4f4";
      context.fillRect(x, y, 340, 210);
      context.strokeStyle = "#222";
      context.lineWidth = 9;
      context.lineCap = context.lineJoin = "round";
      const digits = [
        [[[0, 0], [60, 0], [30, 110]]], [[[10, 0], [8, 110]]], [[[40, 0], [0, 65], [75, 62]], [[52, 30], [50, 112]]],
      ];
      for (const [i, strokes] of digits.entries()) {
        for (const stroke of strokes) {
          context.beginPath();
          for (const [a, b] of stroke) context.lineTo(x + 40 + 95 * i + a, y + 50 + b);
          context.stroke();
        }
      }
      const { data } = context.getImageData(0, 0, width, height);
      return Array.from({ length: width * height }, (_, i) => String.fromCharCode(data[4 * i])).join("");
    }, [WIDTH, HEIGHT, place]);
    const frame = Buffer.concat([Buffer.from("FRAME\n"), Buffer.from(grey, "latin1"), Buffer.alloc((WIDTH * HEIGHT) / 2, 128)]);
    parts.push(...Array(20).fill(frame));
  }
  await page.close();
  return Buffer.concat(parts);
}

// A test on a page of a browser that has the camera, unless it is given another one.
function onCamera(name, { within = withFilm, prepare, permissions, ...options }, run) {
  test(name, async () => {
    const context = await (await within()).newContext({ viewport: DESKTOP, bypassCSP: true, ...options });
    try {
      if (permissions) await context.grantPermissions(permissions);
      const page = await context.newPage();
      const errors = errorsOf(page);
      // What the page gets of the camera.
      await page.addInitScript(() => {
        window.streams = [];
        const { mediaDevices } = navigator;
        const get = mediaDevices?.getUserMedia.bind(mediaDevices);
        if (get) mediaDevices.getUserMedia = async (wanted) => {
          const stream = await get(wanted);
          window.streams.push(stream);
          return stream;
        };
      });
      if (prepare) await page.addInitScript(prepare);
      await page.goto(server.url);
      await page.locator('#connection[data-state="ready"]').waitFor();
      await page.locator("#take").click();
      await page.locator("dialog.camera").waitFor();
      await run(page);
      assert.deepEqual(errors, []);
    } finally {
      await context.close();
    }
  });
}

const reads = (page, text) => page.waitForFunction((text) =>
  document.querySelector(".camera .read")?.textContent === text, text, { timeout: 15_000 });
const isEnded = (page) => page.waitForFunction(() => !document.querySelector(".camera")
  && window.streams.length > 0 && window.streams.every((stream) => stream.getTracks().every(({ readyState }) => readyState === "ended")));
const says = (page, text) => page.locator(".camera .hint", { hasText: text }).waitFor();

// Where the boxes are, in pixels of the film, with their texts.
const boxes = (page) => page.evaluate(([width, height]) => [...document.querySelectorAll(".camera .box")].map(({ style, textContent }) =>
  ({ text: textContent, x: (parseFloat(style.left) * width) / 100, y: (parseFloat(style.top) * height) / 100 })), [WIDTH, HEIGHT]);

onCamera("what the camera sees is read, and the boxes follow it", {}, async (page) => {
  let [running, most, all] = [0, 0, 0];
  await page.route("**/api/read*", async (route) => {
    running += 1;
    most = Math.max(most, running);
    all += 1;
    await route.continue();
  });
  page.on("requestfinished", (request) => (running -= request.url().includes("/api/read") ? 1 : 0));
  await reads(page, "714");
  // The note is at one of its places, then at the other.
  const seen = new Set();
  const until = Date.now() + 15_000;
  while (seen.size < PLACES.length && Date.now() < until) {
    const now = await boxes(page);
    if (now.map(({ text }) => text).join("") === "714") {
      const at = PLACES.findIndex(([x, y]) => Math.abs(now[0].x - x - 36) < 12 && Math.abs(now[0].y - y - 46) < 12);
      if (at >= 0) {
        seen.add(at);
        assert.ok(now[1].x - now[0].x > 60 && now[2].x - now[1].x > 60, JSON.stringify(now));
      }
    }
    await page.waitForTimeout(100);
  }
  assert.equal(seen.size, PLACES.length, JSON.stringify(await boxes(page)));
  assert.ok(all > 3, `${all} pictures were read`);
  assert.equal(most, 1, "one at a time");
  await page.waitForFunction(() => document.querySelector(".camera [role=status]:last-child").textContent === "714");
  await says(page, "Its pictures are sent to the server to be read.");
  await screenshot(page, "desktop-camera");
});

onCamera("the picture that is taken comes to the pad, and the camera is off", {}, async (page) => {
  await reads(page, "714");
  assert.equal(await page.evaluate(() => document.activeElement.id), "shutter");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => [...document.querySelectorAll("#number:not([hidden]) .digit")]
    .map(({ textContent }) => textContent).join("") === "714", null, { timeout: 10_000 });
  await isEnded(page);
  assert.deepEqual(await page.locator("#picture").evaluate((picture) => [picture.naturalWidth, picture.naturalHeight]), [WIDTH, HEIGHT]);
  assert.ok(await page.locator("#mark").isVisible());
  // It can be opened again.
  await page.locator("#take").click();
  await reads(page, "714");
});

onCamera("closing it, Esc and another tab put the camera off, and the page keeps its drawing", {}, async (page) => {
  await reads(page, "714");
  await page.locator("#camera-close").click();
  await isEnded(page);
  await draw(page, SEVEN);
  await page.waitForFunction(() => document.getElementById("label").textContent === "7");
  await page.locator("#take").click();
  await reads(page, "714");
  await page.keyboard.press("Escape");
  await isEnded(page);
  assert.equal(await page.locator("#label").textContent(), "7");
  assert.equal(await page.evaluate(() => document.activeElement.id), "take");
  await page.locator("#take").click();
  await reads(page, "714");
  await page.evaluate(() => {
    Object.defineProperty(document, "hidden", { value: true, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  });
  await isEnded(page);
});

onCamera("closed before the camera has started, it is put off too", {
  prepare: () => {
    const { mediaDevices } = navigator;
    const get = mediaDevices.getUserMedia;
    mediaDevices.getUserMedia = async (wanted) => {
      await new Promise((resolve) => setTimeout(resolve, 700));
      return get(wanted);
    };
  },
}, async (page) => {
  await page.keyboard.press("Escape");
  await isEnded(page);
});

onCamera("nothing is sent to the server while this browser reads", {}, async (page) => {
  await page.keyboard.press("Escape");
  await page.locator('[name="engine"][value="browser"]').check();
  await page.locator('#engines[data-browser="ready"]').waitFor();
  const sent = [];
  page.on("request", (request) => request.method() === "POST" && sent.push(request.url()));
  await page.locator("#take").click();
  await reads(page, "714");
  await says(page, "Nothing is sent to the server.");
  assert.deepEqual(sent, []);
});

onCamera("a camera that is pulled out is missed", { hasTouch: true }, async (page) => {
  await reads(page, "714");
  await page.evaluate(() => window.streams[0].getVideoTracks()[0].dispatchEvent(new Event("ended")));
  await says(page, "No camera was found.");
  assert.ok(await page.locator("#shutter").isHidden());
  // Phones have a program for that.
  await page.locator(".camera label", { hasText: "Use the camera app" }).waitFor();
});

const NOBODY = { within: () => browser };
onCamera("it says that there is no camera", { ...NOBODY, permissions: ["camera"] }, (page) => says(page, "No camera was found."));
onCamera("it says that the camera is not allowed", {
  ...NOBODY,
  prepare: () => (navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("denied", "NotAllowedError"))),
}, (page) => says(page, "The camera is not allowed here"));
onCamera("it says that another program has the camera", {
  ...NOBODY, locale: "es-ES",
  prepare: () => (navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("busy", "NotReadableError"))),
}, (page) => says(page, "quizá la esté usando otro programa"));
onCamera("it says that browsers want a secure connection", {
  ...NOBODY,
  prepare: () => {
    Object.defineProperty(navigator, "mediaDevices", { value: undefined });
    Object.defineProperty(window, "isSecureContext", { value: false });
  },
}, (page) => says(page, "only with https or on localhost"));

for (const colorScheme of ["light", "dark"]) {
  for (const [width, height] of [[1920, 1080], [1280, 800], [820, 1180], [390, 844], [844, 390]]) {
    const options = { viewport: { width, height }, colorScheme, locale: width === 390 ? "es-ES" : "en-GB" };
    onCamera(`nothing serious at ${width} × ${height} pixels, ${colorScheme}`, options, async (page) => {
      await reads(page, "714");
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => window.axe.run());
      assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(" ")).join(", ")}`), []);
      // All of it is in the window.
      const inside = await page.evaluate(() => [".camera .view", "#shutter", "#camera-close"].every((one) => {
        const { left, top, right, bottom } = document.querySelector(one).getBoundingClientRect();
        return left >= 0 && top >= 0 && right <= innerWidth && bottom <= innerHeight;
      }));
      assert.ok(inside);
      await screenshot(page, `camera-${width}-${colorScheme}`);
    });
  }
}
