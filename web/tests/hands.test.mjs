// What hands do on the pad, by real input events: taps, palms, pens, and presses whose end is lost.

import assert from "node:assert/strict";

import { onPage, reads, serve } from "./browser.mjs";

const DESKTOP = { width: 1100, height: 800 };
const seven = [[0.25, 0.2], [0.5, 0.19], [0.75, 0.2], [0.62, 0.5], [0.45, 0.85]];

serve();

// Sends input events as the browser gets them from its devices; points are shares of the pad's height.
async function hands(page) {
  const session = await page.context().newCDPSession(page);
  const box = await page.locator("#canvas").boundingBox();
  const at = ([x, y]) => ({ x: box.x + x * box.height, y: box.y + y * box.height });
  return {
    touch: (type, ...points) => session.send("Input.dispatchTouchEvent", { type, touchPoints: points.map(at) }),
    mouse: (type, point, buttons, pointerType = "mouse") => session.send("Input.dispatchMouseEvent", {
      type, ...at(point), pointerType, buttons, button: buttons || type === "mouseReleased" ? "left" : "none", clickCount: 1,
    }),
  };
}

async function drawWith(mouse, points, pointerType) {
  await mouse("mousePressed", points[0], 1, pointerType);
  for (const point of points.slice(1)) await mouse("mouseMoved", point, 1, pointerType);
  await mouse("mouseReleased", points.at(-1), 0, pointerType);
}

const inked = (page) => page.evaluate(() => {
  const canvas = document.getElementById("canvas");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return data.filter((value, i) => i % 4 === 3 && value > 0).length;
});

onPage("a tap is seen, and is no digit", { viewport: DESKTOP }, async (page) => {
  const { mouse } = await hands(page);
  await mouse("mousePressed", [0.5, 0.5], 1);
  await mouse("mouseMoved", [0.503, 0.502], 1);
  await mouse("mouseReleased", [0.503, 0.502], 0);
  await page.locator('#verdict[data-state="not_a_digit"]').waitFor();
  assert.ok((await inked(page)) > 50, "a dot is on the pad");
});

onPage("a touch that the system cancels leaves nothing", { viewport: DESKTOP, hasTouch: true }, async (page) => {
  const { touch, mouse } = await hands(page);
  await touch("touchStart", [1.1, 0.2]);
  await touch("touchMove", [1.1, 0.5]);
  await touch("touchMove", [1.1, 0.8]);
  await touch("touchCancel");
  await page.waitForFunction(() => document.getElementById("undo").disabled);
  assert.equal(await inked(page), 0);
  await drawWith(mouse, seven);
  await reads(page, "7");
});

onPage("a press whose release is lost ends with the next move", { viewport: DESKTOP }, async (page) => {
  const { mouse } = await hands(page);
  await mouse("mousePressed", seven[0], 1);
  for (const point of seven.slice(1)) await mouse("mouseMoved", point, 1);
  await reads(page, "7");
  // The button went up elsewhere.
  await mouse("mouseMoved", [1.2, 0.1], 0);
  await mouse("mouseMoved", [0.1, 0.9], 0);
  await page.locator('#verdict[data-state="read"]').waitFor();
  await reads(page, "7");
  await page.locator("#undo").click();
  assert.equal(await inked(page), 0, "it was one stroke");
});

onPage("a pen takes precedence over the hand that holds it", { viewport: DESKTOP, hasTouch: true }, async (page) => {
  const { touch, mouse } = await hands(page);
  await touch("touchStart", [1.1, 0.8]);
  await touch("touchMove", [1.12, 0.85]);
  await drawWith(mouse, seven, "pen");
  await touch("touchEnd");
  await reads(page, "7");
  // A second touch while the pen is near.
  await touch("touchStart", [1.1, 0.8]);
  await touch("touchMove", [1.1, 0.5]);
  await touch("touchEnd");
  await page.waitForTimeout(100);
  await page.locator("#undo").click();
  assert.equal(await inked(page), 0, "the pen's stroke was the only one");
});

onPage("the pad is sharp on a screen of another density", { viewport: DESKTOP }, async (page) => {
  const { mouse } = await hands(page);
  await drawWith(mouse, seven);
  const width = () => page.evaluate(() => document.getElementById("canvas").width / document.getElementById("canvas").clientWidth);
  assert.equal(await width(), 1);
  const session = await page.context().newCDPSession(page);
  for (const deviceScaleFactor of [2, 1.5]) {
    await session.send("Emulation.setDeviceMetricsOverride", { ...DESKTOP, deviceScaleFactor, mobile: false });
    await page.waitForFunction((density) => {
      const canvas = document.getElementById("canvas");
      return canvas.width === Math.round(canvas.clientWidth * density);
    }, deviceScaleFactor);
    assert.ok((await inked(page)) > 500);
  }
});

onPage("the page opens on something alive, which the first touch removes", { viewport: DESKTOP, reducedMotion: "no-preference" }, async (page) => {
  await page.waitForFunction(() =>
    [...document.querySelectorAll("#number .digit")].map((digit) => digit.textContent).join("") === "2026");
  assert.equal(await page.locator("#announcement").textContent(), "", "nobody asked for it");
  assert.ok(await page.locator("#teach-labels button").first().isDisabled(), "it is nobody's handwriting");
  const { mouse } = await hands(page);
  await drawWith(mouse, seven);
  await reads(page, "7");
  await page.locator("#undo").click();
  assert.equal(await inked(page), 0);
  assert.ok(await page.locator("#undo").isDisabled());
});

onPage("a digit is chosen on the pad, and a reading is copied as one text", { viewport: DESKTOP }, async (page) => {
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  const { mouse } = await hands(page);
  const small = (left) => seven.map(([x, y]) => [0.45 * x + left, 0.6 * y + 0.2]);
  await drawWith(mouse, small(0));
  await drawWith(mouse, small(0.5));
  await page.locator("#number .digit").nth(1).waitFor();
  await page.waitForFunction(() => /or type the whole number/.test(document.getElementById("teach-hint").textContent));
  assert.match(await page.locator("#correct-hint").textContent(), /Choose a digit/);
  const [x, y] = small(0.5)[1];
  await mouse("mousePressed", [x, y + 0.1], 1);
  await mouse("mouseReleased", [x, y + 0.1], 0);
  await page.locator('#number .digit[aria-pressed="true"]').waitFor();
  assert.equal(await page.locator("#number .digit").nth(1).getAttribute("aria-pressed"), "true");
  assert.equal(await page.locator("#number .digit").count(), 2, "the tap is no ink");
  assert.match(await page.locator("#correct-hint").textContent(), /No digit follows it/);
  await page.keyboard.press("Control+c");
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), "77");
  // A stroke may begin in a box.
  await drawWith(mouse, [[x - 0.05, y + 0.15], [x + 0.05, y + 0.15], [x + 0.1, y + 0.15]]);
  await page.waitForFunction(() => document.querySelectorAll("#number .digit").length === 2);
  await page.locator("#undo").click();
  assert.ok(await page.locator("#undo").isEnabled());
});

onPage("a file that is no picture is named, and a large photograph is scaled down", { viewport: DESKTOP }, async (page) => {
  await page.locator("#file").setInputFiles({ name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("hello") });
  await page.locator('#verdict[data-state="error"]').waitFor();
  assert.match(await page.locator("#sentence").textContent(), /notes\.txt is not a picture/);
  // A 7 on 50 megapixels of noise, so that the file is long too.
  const base64 = await page.evaluate(async () => {
    const canvas = new OffscreenCanvas(8192, 6144);
    const context = canvas.getContext("2d");
    const noise = new ImageData(1024, 1024);
    for (let i = 0; i < noise.data.length; i += 4) noise.data.set([225 + 20 * Math.random(), 225 + 20 * Math.random(), 225, 255], i);
    for (let x = 0; x < 8192; x += 1024) for (let y = 0; y < 6144; y += 1024) context.putImageData(noise, x, y);
    context.lineWidth = 300;
    context.lineCap = context.lineJoin = "round";
    context.beginPath();
    context.moveTo(2500, 1300);
    context.lineTo(5500, 1300);
    context.lineTo(3800, 4900);
    context.stroke();
    const blob = await canvas.convertToBlob({ type: "image/jpeg", quality: 0.97 });
    return new Promise((resolve) => {
      const reader = new FileReader();
      reader.onload = () => resolve(reader.result.split(",")[1]);
      reader.readAsDataURL(blob);
    });
  });
  const buffer = Buffer.from(base64, "base64");
  assert.ok(buffer.length > 16 * 2 ** 20, `${buffer.length} bytes`);
  await page.locator("#file").setInputFiles({ name: "photo.jpg", mimeType: "image/jpeg", buffer });
  await page.waitForFunction(() => document.getElementById("label").textContent === "7", null, { timeout: 30_000 });
});
