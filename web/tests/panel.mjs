// The panel "How it was read", for the tests of it.

import { draw, errorsOf, reads } from "./browser.mjs";

export const two = [[[0.35, 0.3], [0.45, 0.2], [0.6, 0.2], [0.68, 0.32], [0.6, 0.48], [0.45, 0.62], [0.34, 0.8], [0.5, 0.79], [0.72, 0.8]]];
export const four = [[[0.45, 0.2], [0.35, 0.55], [0.75, 0.55]], [[0.62, 0.35], [0.6, 0.85]]];

// Opens a page of a browser at an address; `read(page)` has it read something, and the panel is opened. Calls
// `run(page)`, and returns the errors of the page.
export async function withPanel(browser, url, options, read, run) {
  const context = await browser.newContext({ viewport: { width: 1100, height: 900 }, ...options });
  try {
    const page = await context.newPage();
    const errors = errorsOf(page);
    await page.goto(url);
    await page.locator('#engines[data-browser="ready"]').waitFor();
    await read(page);
    await page.locator("#insight summary").click();
    await page.locator('#insight[data-state="shown"]').waitFor();
    await run(page);
    return errors;
  } finally {
    await context.close();
  }
}

// Draws strokes and waits until they are read as a label.
export const drawn = (strokes, label) => async (page) => {
  await draw(page, strokes);
  await reads(page, label);
};

// Waits until the strip along the stroke is there.
export const strip = (page) => page.locator("#stroke:not([data-stale]) #scrub-text:not(:empty)").waitFor();

// A number as the page writes it.
export const parsed = (text) => Number(text.replaceAll("−", "-").replace(/[^\d.e-]/g, ""));

// The value of the pixel that is looked at, and the sum that it comes from.
export const look = (page) => page.locator("#look").evaluate(({ dataset: { value, sum } }) => ({ value: Number(value), sum: Number(sum) }));

// The point of the window that is so far, in shares, across the picture of all maps of a layer.
export async function placeOf(page, layer, x, y) {
  const lights = page.locator("#layers .lights").nth(layer);
  // What is said of a pixel stays at the bottom of the window, over the maps.
  await lights.evaluate((canvas) => canvas.scrollIntoView({ block: "start" }));
  const box = await lights.boundingBox();
  return [box.x + x * box.width, box.y + y * box.height];
}

// Waits until a pixel of a layer is looked at, and its numbers are there.
export async function looksAt(page, layer) {
  await page.waitForFunction((layer) => document.getElementById("look-name").textContent.startsWith(`Layer ${layer + 1},`), layer);
  await page.waitForTimeout(300);
}

// Points at a place of a layer's maps.
export async function pointAt(page, layer, x, y, click = false) {
  const place = await placeOf(page, layer, x, y);
  await page.mouse.move(place[0] - 3, place[1]);
  await page.mouse.move(...place);
  if (click) await page.mouse.click(...place);
  await looksAt(page, layer);
}

// The terms that the sum of a pixel is said to have.
export async function termsOf(page) {
  const texts = await page.locator("#look-sum .term:not([hidden])").allTextContents();
  return texts.map((text) => {
    const [, sign, value] = text.match(/^([+−]? ?)(−?[\d.]+)/);
    return (sign.startsWith("−") ? -1 : 1) * parsed(value);
  });
}
