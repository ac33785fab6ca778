// What is done to a picture on the pad: a part of it is marked, and read too or cropped to, by mouse,
// touch, pen and keyboard; and Undo takes it back.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

import { draw, onPage, screenshot, serve } from "./browser.mjs";

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const DESKTOP = { viewport: { width: 1280, height: 800 } };
const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 };

const STROKES = {
  1: [[[0.02, 0], [0.01, 0.35], [0, 0.7]]],
  4: [[[0.28, 0], [0, 0.42], [0.45, 0.4]], [[0.33, 0.2], [0.31, 0.7]]],
  7: [[[0, 0.01], [0.25, 0], [0.5, 0.01], [0.37, 0.32], [0.2, 0.66]]],
};
// A digit, its place in a picture of 800 by 600, its size, colour and pen.
const SEVEN = ["7", 100, 100, 400, "#111", 28];
const ONE = ["1", 400, 100, 400, "#111", 28];
// Beside the others, this one looks like a speck, and that one like nothing.
const SMALL = ["4", 620, 450, 60, "#111", 5];
const FAINT = ["4", 560, 150, 300, "#dcdcdc", 22];

serve();

// Opens a picture of some digits; `isLying` is it turned by a quarter to the left.
async function open(page, digits, name = "digits.png", isLying = false) {
  const picture = await page.evaluate(async ([digits, strokes, isLying]) => {
    const canvas = new OffscreenCanvas(...(isLying ? [600, 800] : [800, 600]));
    const context = canvas.getContext("2d");
    if (isLying) context.setTransform(0, -1, 1, 0, 0, 800);
    context.fillStyle = "#fff";
    context.fillRect(0, 0, 800, 600);
    context.lineCap = context.lineJoin = "round";
    for (const [digit, x, y, size, color, pen] of digits) {
      [context.strokeStyle, context.lineWidth] = [color, pen];
      for (const stroke of strokes[digit]) {
        context.beginPath();
        for (const [a, b] of stroke) context.lineTo(x + a * size, y + b * size);
        context.stroke();
      }
    }
    return [...new Uint8Array(await (await canvas.convertToBlob()).arrayBuffer())];
  }, [digits, STROKES, isLying]);
  await page.locator("#file").setInputFiles({ name, mimeType: "image/png", buffer: Buffer.from(picture) });
}

// Waits until the page reads a text; lines have a space between them.
const reads = (page, text) => page.waitForFunction((text) => {
  const lines = [...document.querySelectorAll("#number:not([hidden]) .line")].map((line) => line.textContent).join(" ");
  return (lines || document.getElementById("label").textContent) === text;
}, text, { timeout: 10_000 });

// Places of the picture as points of the window: all of it is seen, as large as the pad allows.
async function onPad(page) {
  const box = await page.locator("#pad").evaluate((pad) => {
    const { x, y } = pad.getBoundingClientRect();
    return { x: x + pad.clientLeft, y: y + pad.clientTop, width: pad.clientWidth };
  });
  return ([x, y]) => ({ x: box.x + (x * box.width) / 800, y: box.y + (y * box.width) / 800 });
}

async function drag(page, from, to) {
  const at = await onPad(page);
  const [begin, end] = [at(from), at(to)];
  await page.mouse.move(begin.x, begin.y);
  await page.mouse.down();
  await page.mouse.move((begin.x + end.x) / 2, (begin.y + end.y) / 2);
  await page.mouse.move(end.x, end.y);
  await page.mouse.up();
}

const size = (page) => page.locator("#picture").evaluate((picture) => [picture.naturalWidth, picture.naturalHeight]);
const isSize = (page, [width, height], near = 4) => page.waitForFunction(([width, height, near]) => {
  const { naturalWidth, naturalHeight } = document.getElementById("picture");
  return Math.abs(naturalWidth - width) <= near && Math.abs(naturalHeight - height) <= near;
}, [width, height, near], { timeout: 5000 });
// Begins to mark a part.
async function mark(page) {
  await page.locator("#mark").click();
  await page.locator(".region").waitFor();
}
const undo = (page) => page.locator("#undo").click();

onPage("a digit that was overlooked is read when a box is drawn round it", DESKTOP, async (page) => {
  await open(page, [SEVEN, ONE, SMALL]);
  await reads(page, "71");
  await mark(page);
  assert.ok(await page.locator("#region-read").isDisabled(), "there is no box yet");
  await drag(page, [600, 430], [680, 520]);
  await screenshot(page, "desktop-mark");
  await page.locator("#region-read").click();
  await reads(page, "714");
  assert.equal(await page.locator(".region").count(), 0);
  assert.equal(await page.evaluate(() => document.activeElement.id), "mark");
  assert.equal(await page.locator(".box").count(), 3);
  await undo(page);
  await reads(page, "71");
  assert.ok(await page.locator("#undo").isDisabled());
});

onPage("a digit that is too faint beside the others is read too, and several at once", DESKTOP, async (page) => {
  await open(page, [SEVEN, FAINT]);
  await reads(page, "7");
  await mark(page);
  await drag(page, [530, 120], [740, 400]);
  await page.locator("#region-read").click();
  await reads(page, "74");
  await undo(page);
  await reads(page, "7");
  await open(page, [["7", 80, 60, 500, "#111", 34], ["7", 450, 460, 50, "#111", 4], ["4", 500, 460, 50, "#111", 4]]);
  await reads(page, "7");
  await mark(page);
  await drag(page, [430, 440], [560, 520]);
  await page.locator("#region-read").click();
  await reads(page, "774");
});

onPage("a part of a picture that lies on its side is read from its side, in this browser too", DESKTOP, async (page) => {
  const mark4 = async () => {
    await mark(page);
    // What was at (x, y) is at (y, 800 - x), and the picture is as high as the pad.
    const box = await page.locator("#pad").boundingBox();
    const unit = (box.height - 2) / 800;
    const at = (x, y) => [box.x + box.width / 2 + unit * (y - 300), box.y + 1 + unit * (800 - x)];
    await page.mouse.move(...at(600, 430));
    await page.mouse.down();
    await page.mouse.move(...at(650, 500));
    await page.mouse.move(...at(680, 520));
    await page.mouse.up();
    await page.locator("#region-read").click();
  };
  const digits = [SEVEN, ["4", 380, 120, 300, "#111", 24], SMALL];
  for (const engine of ["server", "browser"]) {
    await page.locator(`[name="engine"][value="${engine}"]`).check();
    await open(page, digits, `${engine}.png`, true);
    await reads(page, "74");
    assert.match(await page.locator("#orientation").textContent(), /turned by 90°/);
    await mark4();
    await reads(page, "744");
    await undo(page);
    await reads(page, "74");
  }
});

onPage("an empty part says so, and nothing is changed", DESKTOP, async (page) => {
  await open(page, [SEVEN, ONE]);
  await reads(page, "71");
  await mark(page);
  await drag(page, [600, 100], [700, 200]);
  await page.locator("#region-read").click();
  await page.getByText("There is no ink in this part.").waitFor();
  // A slip draws no other box.
  await drag(page, [100, 500], [101, 501]);
  assert.equal(await page.locator(".region .frame").count(), 1);
  await page.keyboard.press("Escape");
  assert.equal(await page.locator(".region").count(), 0);
  await reads(page, "71");
  assert.ok(await page.locator("#undo").isDisabled(), "Escape has not cleared the picture");
});

onPage("a part that is cancelled while it is read is not read too", DESKTOP, async (page) => {
  await open(page, [SEVEN, ONE, SMALL]);
  await reads(page, "71");
  let release;
  const held = new Promise((resolve) => (release = resolve));
  await mark(page);
  await drag(page, [600, 430], [680, 520]);
  await page.route("**/api/read*", async (route) => {
    await held;
    await route.continue();
  });
  await page.locator("#region-read").click();
  await page.locator(".part .hint", { hasText: "Reading …" }).waitFor();
  await page.keyboard.press("Escape");
  release();
  await page.waitForTimeout(1500);
  await reads(page, "71");
  assert.ok(await page.locator("#undo").isDisabled());
});

onPage("a picture is cropped, the box moved and resized first, and undo brings it back", DESKTOP, async (page) => {
  await open(page, [SEVEN, ONE]);
  await reads(page, "71");
  await page.locator("#turn").click();
  await page.locator("#orientation:not([hidden])").waitFor();
  await undo(page);
  await reads(page, "71");
  await mark(page);
  await drag(page, [360, 60], [450, 300]);
  // By its corner, then as a whole.
  await drag(page, [450, 300], [480, 420]);
  await drag(page, [400, 200], [390, 210]);
  await page.locator("#region-crop").click();
  await reads(page, "1");
  await isSize(page, [120, 360]);
  assert.match(await page.locator("#picture").getAttribute("alt"), /digits\.png/);
  // A stroke closes the cropped picture, and undo brings it back as it was.
  await draw(page, [[[0.25, 0.2], [0.5, 0.19], [0.75, 0.2], [0.62, 0.5], [0.45, 0.85]]]);
  await reads(page, "7");
  assert.ok(await page.locator("#picture").isHidden());
  await undo(page);
  await reads(page, "1");
  await isSize(page, [120, 360]);
  await undo(page);
  await reads(page, "71");
  assert.deepEqual(await size(page), [800, 600]);
  assert.ok(await page.locator("#undo").isDisabled());
});

onPage("a part is marked by keyboard alone", DESKTOP, async (page) => {
  await open(page, [SEVEN, ONE]);
  await reads(page, "71");
  await page.locator("#mark").focus();
  await page.keyboard.press("Enter");
  await page.locator(".region:focus").waitFor();
  for (let i = 0; i < 13; i++) await page.keyboard.press("ArrowLeft");
  for (let i = 0; i < 4; i++) await page.keyboard.press("Shift+ArrowLeft");
  for (let i = 0; i < 9; i++) await page.keyboard.press("ArrowUp");
  for (let i = 0; i < 8; i++) await page.keyboard.press("Shift+ArrowDown");
  assert.equal(await page.locator(".region + p").textContent(), "From 0 % to 42 % of its width, and from 7 % to 73 % of its height");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.id), "region-crop");
  await page.keyboard.press("Enter");
  await reads(page, "7");
  await page.keyboard.press("Control+z");
  await reads(page, "71");
});

onPage("a part is marked by touch and by pen, and another picture ends it", PHONE, async (page) => {
  await open(page, [SEVEN, ONE, SMALL]);
  await reads(page, "71");
  const session = await page.context().newCDPSession(page);
  const touch = (type, ...touchPoints) => session.send("Input.dispatchTouchEvent", { type, touchPoints });
  const box = [[600, 430], [640, 480], [690, 530]];
  await mark(page);
  let at = await onPad(page);
  // What the system cancels was not meant.
  await touch("touchStart", at([100, 100]));
  await touch("touchMove", at([300, 300]));
  await touch("touchCancel");
  assert.ok(await page.locator("#region-read").isDisabled());
  await touch("touchStart", at(box[0]));
  await touch("touchMove", at(box[1]));
  await touch("touchMove", at(box[2]));
  await touch("touchEnd");
  assert.equal(await page.evaluate(() => window.scrollY), 0);
  await screenshot(page, "phone-mark");
  await page.locator("#region-read").click();
  await reads(page, "714");
  await undo(page);
  await reads(page, "71");
  await mark(page);
  at = await onPad(page);
  const pen = (type, point, buttons) => session.send("Input.dispatchMouseEvent", {
    type, ...at(point), pointerType: "pen", buttons, button: "left", clickCount: 1,
  });
  await pen("mousePressed", [370, 60], 1);
  await pen("mouseMoved", [420, 300], 1);
  await pen("mouseReleased", [470, 420], 0);
  await page.locator("#region-crop").click();
  await reads(page, "1");
  await mark(page);
  await open(page, [SEVEN], "other.png");
  await reads(page, "7");
  assert.equal(await page.locator(".region").count(), 0);
  assert.ok(await page.locator("#undo").isVisible());
});

for (const colorScheme of ["light", "dark"]) {
  for (const [width, height] of [[1280, 800], [820, 1180], [390, 844], [844, 390]]) {
    onPage(`nothing serious while a part is marked at ${width} × ${height} pixels, ${colorScheme}`,
      { viewport: { width, height }, colorScheme, bypassCSP: true, locale: width === 390 ? "es-ES" : "en-GB" }, async (page) => {
        await open(page, [SEVEN, ONE, SMALL]);
        await reads(page, "71");
        await screenshot(page, `picture-${width}-${colorScheme}`);
        await mark(page);
        await drag(page, [600, 430], [690, 530]);
        await page.evaluate(axe);
        const { violations } = await page.evaluate(() => window.axe.run());
        assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(" ")).join(", ")}`), []);
        assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
        await screenshot(page, `mark-${width}-${colorScheme}`);
      });
  }
}
