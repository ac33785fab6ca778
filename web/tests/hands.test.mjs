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
      type, ...at(point), pointerType, buttons, button: type === "mouseMoved" ? "none" : "left", clickCount: 1,
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
