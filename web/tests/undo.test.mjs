// Undo over everything that a user has done to a drawing or a picture; and pictures that come together.

import assert from "node:assert/strict";

import { draw, onPage, serve } from "./browser.mjs";

const DESKTOP = { viewport: { width: 1280, height: 800 } };
const SEVEN = [[[0, 0.01], [0.25, 0], [0.5, 0.01], [0.37, 0.32], [0.2, 0.66]]];
const ONE = [[[0.02, 0], [0.01, 0.35], [0, 0.7]]];

serve();

// A digit's strokes with its upper left corner at x, in heights of the pad.
const at = (digit, x) => digit.map((stroke) => stroke.map(([a, b]) => [x + 0.6 * a, 0.2 + 0.6 * b]));

async function reads(page, text) {
  await page.waitForFunction((text) => {
    const shown = [...document.querySelectorAll("#number:not([hidden]) .digit")].map((digit) => digit.textContent).join("");
    return (shown || document.getElementById("label").textContent) === text;
  }, text, { timeout: 10_000 });
  // Until the last stroke counts as finished.
  await page.waitForTimeout(700);
}

const boxes = (page) => page.locator(".box").count();
const undo = (page) => page.locator("#undo").click();

onPage("a join is undone, and outlives strokes that come after it", DESKTOP, async (page) => {
  await draw(page, [...at(ONE, 0.1), ...at(ONE, 0.4)]);
  await reads(page, "11");
  await page.locator("#number .digit").first().click();
  await page.locator("#join").click();
  await page.waitForFunction(() => document.querySelectorAll(".box").length === 1);
  // Another digit beside the joined one, which stays one.
  await draw(page, at(SEVEN, 0.8));
  await page.waitForFunction(() => document.querySelectorAll(".box").length === 2);
  assert.match(await page.locator("#number").textContent(), /.7$/);
  // Undo takes back the stroke, then the join, then the other strokes.
  await undo(page);
  await page.waitForFunction(() => document.querySelectorAll(".box").length === 1);
  await undo(page);
  await reads(page, "11");
  await undo(page);
  await reads(page, "1");
  await undo(page);
  assert.equal(await page.locator("#sentence").textContent(), "Nothing drawn yet.");
  assert.ok(await page.locator("#undo").isDisabled());
});

onPage("a stroke that belongs to a corrected digit becomes a part of it", DESKTOP, async (page) => {
  await draw(page, [...at(SEVEN, 0.1), ...at(ONE, 0.8)]);
  await reads(page, "71");
  await page.locator("#number .digit").first().click();
  await page.locator("#split").click();
  await page.waitForFunction(() => document.querySelectorAll(".box").length === 3);
  await undo(page);
  await reads(page, "71");
  await page.locator("#number .digit").first().click();
  await page.locator("#join").click();
  await page.waitForFunction(() => document.querySelectorAll(".box").length <= 1);
  // The dash of a 7, within what was joined.
  await draw(page, [[[0.2, 0.42], [0.36, 0.42]]]);
  await page.waitForTimeout(900);
  assert.ok((await boxes(page)) <= 1, "no digit of its own");
});

onPage("a picture that was closed is back after undo, with the strokes undone", DESKTOP, async (page) => {
  await draw(page, at(SEVEN, 0.3));
  await reads(page, "7");
  const picture = await page.evaluate(async () => {
    const canvas = document.getElementById("canvas");
    const copy = new OffscreenCanvas(canvas.width, canvas.height);
    const context = copy.getContext("2d");
    context.fillStyle = "#fff";
    context.fillRect(0, 0, copy.width, copy.height);
    context.drawImage(canvas, 0, 0);
    return [...new Uint8Array(await (await copy.convertToBlob()).arrayBuffer())];
  });
  const file = { name: "seven.png", mimeType: "image/png", buffer: Buffer.from(picture) };
  const isShown = () => page.locator("#picture").isVisible();
  await page.locator("#file").setInputFiles(file);
  await reads(page, "7");
  assert.ok(await isShown() && await page.locator("#undo").isDisabled());
  await page.locator("#clear").click();
  assert.ok(!(await isShown()));
  await undo(page);
  await reads(page, "7");
  assert.ok(await isShown());
  // A stroke replaces the picture, until it is undone.
  await draw(page, at(ONE, 0.3));
  await reads(page, "1");
  assert.ok(!(await isShown()));
  await undo(page);
  await reads(page, "7");
  assert.ok(await isShown());
});

onPage("of several pictures each is read", DESKTOP, async (page) => {
  const files = await Promise.all(["1", "2"].map(async (name) => ({
    name: `${name}.png`, mimeType: "image/png",
    buffer: Buffer.from(await page.evaluate(async (name) => {
      const canvas = new OffscreenCanvas(300, 300);
      const context = canvas.getContext("2d");
      context.fillStyle = "#fff";
      context.fillRect(0, 0, 300, 300);
      context.lineWidth = 22;
      context.lineCap = "round";
      context.beginPath();
      if (name === "1") [[150, 60], [150, 240]].forEach(([x, y]) => context.lineTo(x, y));
      else [[80, 70], [220, 70], [140, 240]].forEach(([x, y]) => context.lineTo(x, y));
      context.stroke();
      return [...new Uint8Array(await (await canvas.convertToBlob()).arrayBuffer())];
    }, name)),
  })));
  await page.locator("#file").setInputFiles(files);
  await reads(page, "1");
  const next = page.locator("#next");
  assert.equal(await next.textContent(), "Picture 1 of 2: next");
  await next.click();
  await reads(page, "7");
  assert.equal(await next.textContent(), "Picture 2 of 2: next");
  await next.click();
  await reads(page, "1");
  // A single one has no next.
  await page.locator("#file").setInputFiles(files[1]);
  await reads(page, "7");
  assert.ok(await next.isHidden());
});
