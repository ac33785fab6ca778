// Whole numbers on the drawing page: drawn, from a picture, with a corrected split, saved as
// samples; and the panel "How it was read".

import assert from "node:assert/strict";

import { draw, onPage, screenshot, serve } from "./browser.mjs";

const DESKTOP = { viewport: { width: 1100, height: 800 } };
const PHONE = {
  viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2, colorScheme: "dark",
};

const seven = [[[0, 0.01], [0.25, 0], [0.5, 0.01], [0.37, 0.32], [0.2, 0.66]]];
const one = [[[0.02, 0], [0.01, 0.35], [0, 0.7]]];
const four = [[[0.28, 0], [0, 0.42], [0.45, 0.4]], [[0.33, 0.2], [0.31, 0.7]]];
const five = [[[0.08, 0.02], [0.05, 0.3], [0.3, 0.28], [0.4, 0.45], [0.3, 0.66], [0, 0.64]], [[0.08, 0.02], [0.42, 0]]];

// The strokes of digits side by side; each is 0.7 heights of the pad high before scaling.
function number(digits, { x = 0.08, y = 0.2, size = 0.6, gap = 0.06 } = {}) {
  const strokes = [];
  for (const digit of digits) {
    strokes.push(...digit.map((stroke) => stroke.map(([a, b]) => [x + a * size, y + b * size])));
    x += Math.max(...digit.flat().map(([a]) => a)) * size + gap;
  }
  return strokes;
}

serve();

// Waits until the page reads a number; `text` has a space between lines.
async function reads(page, text) {
  await page.waitForFunction((text) => {
    const lines = [...document.querySelectorAll("#number:not([hidden]) .line")];
    return lines.map((line) => line.textContent).join(" ") === text;
  }, text, { timeout: 5000 });
}

const boxes = (page) => page.locator(".box").evaluateAll((nodes) =>
  nodes.map((node) => [node.offsetLeft, node.offsetTop, node.offsetWidth, node.offsetHeight]));

onPage("a number is read as it is drawn, each digit in its box", DESKTOP, async (page) => {
  await draw(page, number([seven, one, four]));
  await reads(page, "714");
  // Until the last stroke is read and a doubtful verdict is shown.
  await page.waitForTimeout(800);
  const places = await boxes(page);
  assert.equal(places.length, 3);
  for (const [i, [left, , width]] of places.slice(1).entries()) {
    assert.ok(left + width > places[i][0] + places[i][2], `from left to right: ${JSON.stringify(places)}`);
  }
  assert.match(await page.locator("#sentence").textContent(), /^3 digits\. The least sure is \d \([\d.> ]+ %\)\.$/);
  // The bars show the selected digit.
  await page.locator("#number .digit").nth(2).click();
  assert.equal(await page.locator("#bars .best .name").textContent(), "4");
  assert.match(await page.locator("#sentence").textContent(), /Digit 3: 4/);
  // By keyboard too; the focus stays on the selected digit.
  await page.keyboard.press("Shift+Tab");
  await page.keyboard.press("Shift+Tab");
  await page.keyboard.press("Enter");
  assert.equal(await page.locator("#bars .best .name").textContent(), "7");
  assert.equal(await page.evaluate(() => document.activeElement.getAttribute("aria-pressed")), "true");
  assert.equal(await page.locator('#number [aria-pressed="true"]').count(), 1);
  await screenshot(page, "desktop-number");
  // A single digit is shown as one again.
  await page.locator("#clear").click();
  await draw(page, number([seven]));
  await page.waitForFunction(() => document.getElementById("label").textContent === "7");
  assert.ok(await page.locator("#number").isHidden());
  assert.equal((await boxes(page)).length, 0);
});

onPage("nothing is announced while the pen is down", DESKTOP, async (page) => {
  const announced = await page.evaluateHandle(() => {
    const all = [];
    const element = document.getElementById("announcement");
    new MutationObserver(() => all.push(element.textContent)).observe(element, { childList: true, characterData: true, subtree: true });
    return all;
  });
  await draw(page, number([seven, one, four]));
  await reads(page, "714");
  await page.waitForTimeout(900);
  const all = await announced.jsonValue();
  // At most once for each stroke, and once for a doubtful verdict.
  assert.ok(all.length >= 1 && all.length <= 6, all.join(" | "));
});

onPage("a drawing cannot be saved or its split corrected before it is read", DESKTOP, async (page) => {
  await draw(page, number([seven, four]));
  await reads(page, "74");
  await page.waitForTimeout(700);
  await page.locator("#number .digit").nth(1).click();
  const chip = page.locator("#teach-labels .chip").nth(4);
  assert.ok(await chip.isEnabled());
  let release;
  const held = new Promise((resolve) => (release = resolve));
  await page.route("**/api/read*", async (route) => {
    await held;
    await route.continue();
  });
  await page.locator("#undo").click();
  assert.ok(await chip.isDisabled(), "the strokes have changed");
  await page.locator("#split").click();
  release();
  await page.waitForFunction(() => document.getElementById("number").hidden
    || document.querySelectorAll("#number .digit").length === 2);
  assert.equal(await page.locator("#reset-split:visible").count(), 0);
});

onPage("two lines are read, and digits that touch", DESKTOP, async (page) => {
  await draw(page, number([seven, one, five], { y: 0.06, size: 0.5, gap: 0 }));
  await draw(page, number([four, seven], { y: 0.56, size: 0.5 }));
  await reads(page, "715 47");
  await page.waitForTimeout(700);
  assert.match(await page.locator("#announcement").textContent(), /^715, 47\. 5 digits/);
});

onPage("a wrong split is corrected by joining, splitting and dragging", DESKTOP, async (page) => {
  await draw(page, number([one, seven, one]));
  await reads(page, "171");
  const digits = page.locator("#number .digit");
  await digits.nth(0).click();
  await page.locator("#join").click();
  await page.waitForFunction(() => document.querySelectorAll("#number .digit").length === 2);
  assert.equal((await boxes(page)).length, 2);
  await page.locator("#reset-split").click();
  await reads(page, "171");
  await digits.nth(1).click();
  await page.locator("#split").click();
  await page.waitForFunction(() => document.querySelectorAll("#number .digit").length === 4);
  await page.locator("#reset-split").click();
  await reads(page, "171");
  // The right edge of the first box is dragged over the 7: they become one digit.
  await digits.nth(0).click();
  const edge = await page.locator(".box .edge.right").boundingBox();
  const [, second] = await page.locator(".box").all();
  const over = await second.boundingBox();
  await page.mouse.move(edge.x + edge.width / 2, edge.y + edge.height / 2);
  await page.mouse.down();
  const corrected = page.waitForRequest((request) => request.url().includes("boxes="));
  await page.mouse.move(over.x + over.width + 4, edge.y + edge.height / 2, { steps: 5 });
  await page.mouse.up();
  const sent = JSON.parse(new URL((await corrected).url()).searchParams.get("boxes"));
  assert.ok(sent.length === 3 && sent[0][2] > 200 && sent[1][0] >= sent[0][0] + sent[0][2] - 1, JSON.stringify(sent));
  await page.waitForFunction(() => document.querySelectorAll("#number .digit").length === 2);
  // A click on an edge without a drag changes nothing.
  await digits.nth(0).click();
  const other = await page.locator(".box .edge.left").boundingBox();
  let asked = 0;
  page.on("request", (request) => (asked += request.url().includes("boxes=") ? 1 : 0));
  await page.mouse.click(other.x + other.width / 2, other.y + other.height / 2);
  await page.mouse.move(other.x + 60, other.y + 10);
  assert.equal(asked, 0);
  // Another stroke is a digit of its own, and the correction stays.
  await draw(page, number([one], { x: 0.95 }));
  await page.waitForFunction(() => document.querySelectorAll("#number .digit").length === 3);
});

onPage("the edges of a box are moved by keyboard", DESKTOP, async (page) => {
  await draw(page, number([one, seven, one]));
  await reads(page, "171");
  assert.ok((await page.locator(".edges").boundingBox()).width <= 2, "hidden before it has the focus");
  await page.locator("#number .digit").nth(1).focus();
  await page.keyboard.press("Enter");
  // Tab goes from the digits over the buttons to the sliders.
  const slider = page.locator("#edge-left");
  for (let i = 0; i < 10 && !(await slider.evaluate((one) => one === document.activeElement)); i++) {
    await page.keyboard.press("Tab");
  }
  assert.ok((await page.locator(".edges").boundingBox()).width > 60, "visible now");
  const before = await page.locator(".box").nth(1).boundingBox();
  const corrected = page.waitForRequest((request) => request.url().includes("boxes="));
  for (let i = 0; i < 4; i++) await page.keyboard.press("ArrowRight");
  const during = await page.locator(".box").nth(1).boundingBox();
  assert.ok(during.x > before.x + 10 && during.width < before.width - 10, "the box follows at once");
  const sent = JSON.parse(new URL((await corrected).url()).searchParams.get("boxes"));
  assert.equal(sent.length, 3);
  await page.waitForFunction(() => !document.getElementById("reset-split").hidden);
  // The answer does not move the focus, nor the edge back.
  assert.ok(await slider.evaluate((one) => one === document.activeElement));
  const more = page.waitForRequest((request) => request.url().includes("boxes="));
  await page.keyboard.press("ArrowRight");
  const again = JSON.parse(new URL((await more).url()).searchParams.get("boxes"));
  assert.ok(again[1][0] > sent[1][0], `${again[1]} after ${sent[1]}`);
  await screenshot(page, "number-edges");
});

onPage("an edge that moves on while an answer is awaited ends where it was put", DESKTOP, async (page) => {
  await draw(page, number([one, seven, one]));
  await reads(page, "171");
  const sent = [];
  await page.route("**/api/read?*boxes=*", async (route) => {
    sent.push(JSON.parse(new URL(route.request().url()).searchParams.get("boxes")));
    await new Promise((resolve) => setTimeout(resolve, 800));
    await route.continue();
  });
  await page.locator("#number .digit").nth(1).click();
  const slider = page.locator("#edge-left");
  await slider.focus();
  await page.keyboard.press("ArrowRight");
  await page.waitForTimeout(450);
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("ArrowRight");
  await page.waitForTimeout(2500);
  assert.equal(sent.length, 2, "one when it first rested, one when the answer was there");
  assert.ok(sent[1][1][0] > sent[0][1][0], JSON.stringify(sent));
  assert.match(await slider.getAttribute("aria-valuetext"), /^\d+ %$/);
  // Undone before the edge rests: it is where it was at its last rest but one, and nowhere else later.
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("Control+z");
  await page.waitForTimeout(2500);
  assert.equal(sent.length, 3);
  assert.deepEqual(sent[2], sent[0]);
  await page.keyboard.press("Control+z");
  await page.waitForTimeout(1500);
  assert.equal(sent.length, 3, "without boxes");
  assert.ok(await page.locator("#reset-split").isHidden());
});

onPage("a digit of a number is saved with its own strokes", DESKTOP, async (page) => {
  await draw(page, number([seven, four]));
  await reads(page, "74");
  await page.waitForTimeout(700);
  const chip = page.locator("#teach-labels .chip").nth(4);
  assert.ok(await chip.isDisabled(), "none is selected yet");
  await page.locator("#number .digit").nth(1).click();
  const sent = page.waitForRequest((request) => request.url().includes("/api/samples?"));
  await chip.click();
  const { strokes } = (await sent).postDataJSON();
  assert.equal(strokes.length, 2);
  await page.locator("#teach-message", { hasText: "Saved as 4" }).waitFor();
  // The number stays: its other digits can be saved too.
  await reads(page, "74");
});

onPage("undo, redo and replay bring back what was drawn", DESKTOP, async (page) => {
  await draw(page, number([seven, one]));
  await reads(page, "71");
  await page.locator("#undo").click();
  await page.waitForFunction(() => document.getElementById("label").textContent === "7");
  await page.locator("#redo").click();
  await reads(page, "71");
  await page.keyboard.press("Escape");
  await page.waitForFunction(() => document.getElementById("verdict").dataset.state === "empty");
  await page.keyboard.press("Control+z");
  await reads(page, "71");
  await page.keyboard.press("Control+Shift+z");
  await page.waitForFunction(() => document.getElementById("verdict").dataset.state === "empty");
  await page.keyboard.press("Control+z");
  await reads(page, "71");
  const inked = () => page.locator("#canvas").evaluate((canvas) =>
    canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.filter((v) => v).length);
  const whole = await inked();
  await page.locator("#replay").click();
  await page.waitForTimeout(60);
  assert.ok((await inked()) < whole, "it is drawn anew");
  await page.waitForFunction(() => document.querySelectorAll("#number:not([hidden]) .digit").length === 2);
  await page.waitForTimeout(1500);
  assert.equal(await inked(), whole);
});

onPage("a digit is drawn by keyboard", DESKTOP, async (page) => {
  await page.locator("#canvas").focus();
  for (let i = 0; i < 8; i++) await page.keyboard.press("ArrowUp");
  await page.keyboard.press(" ");
  for (let i = 0; i < 15; i++) await page.keyboard.press("ArrowDown");
  await page.keyboard.press(" ");
  // It is announced when the pen is lifted, not before.
  await page.waitForFunction(() => document.getElementById("announcement").textContent.startsWith("1, "));
});

onPage("a picture of a number is read, and its boxes lie on it", DESKTOP, async (page) => {
  // Light ink on a dark photograph, wider than the pad.
  const strokes = number([seven, one, four], { x: 0.3, y: 0.3, size: 0.5 });
  const png = await page.evaluate(async (strokes) => {
    // So wide that the browser scales it down first.
    const canvas = new OffscreenCanvas(3000, 1500);
    const context = canvas.getContext("2d");
    context.scale(2.5, 2.5);
    context.fillStyle = "#123";
    context.fillRect(0, 0, 1200, 600);
    context.strokeStyle = "#dec";
    context.lineWidth = 18;
    context.lineCap = context.lineJoin = "round";
    for (const stroke of strokes) {
      context.beginPath();
      stroke.forEach(([x, y]) => context.lineTo(x * 600, y * 600));
      context.stroke();
    }
    const blob = await canvas.convertToBlob();
    return [...new Uint8Array(await blob.arrayBuffer())];
  }, strokes);
  await page.locator("#file").setInputFiles({ name: "number.png", mimeType: "image/png", buffer: Buffer.from(png) });
  await reads(page, "714");
  const [left, top, , height] = (await boxes(page))[0];
  const pad = await page.locator("#pad").evaluate((pad) => [pad.clientWidth, pad.clientHeight]);
  const unit = pad[0] / 1200;
  assert.ok(Math.abs(left - 0.3 * 600 * unit) < 16, `${left}`);
  assert.ok(Math.abs(top - (pad[1] - 600 * unit) / 2 - 0.3 * 600 * unit) < 16, `${top}`);
  assert.ok(Math.abs(height - 0.33 * 600 * unit) < 30, `${height}`);
  await screenshot(page, "desktop-number-picture");
  // The browser, which reads it scaled down, finds the same boxes.
  await page.locator('#engines input[value="browser"]').check();
  await page.waitForFunction(() => document.getElementById("provenance").textContent.includes("in this browser"));
  await reads(page, "714");
  assert.ok(Math.abs((await boxes(page))[0][0] - left) < 4);
});

onPage("a picture on its side is turned, and one tap turns it again", DESKTOP, async (page) => {
  const png = await page.evaluate(async (strokes) => {
    const canvas = new OffscreenCanvas(600, 900);
    const context = canvas.getContext("2d");
    context.fillStyle = "#eee";
    context.fillRect(0, 0, 600, 900);
    // Drawn level, and turned counter-clockwise by a quarter.
    context.translate(0, 900);
    context.rotate(-Math.PI / 2);
    context.lineWidth = 14;
    context.lineCap = context.lineJoin = "round";
    for (const stroke of strokes) {
      context.beginPath();
      stroke.forEach(([x, y]) => context.lineTo(x * 600, y * 600));
      context.stroke();
    }
    return [...new Uint8Array(await (await canvas.convertToBlob()).arrayBuffer())];
  }, number([seven, four, four], { x: 0.2, y: 0.3, size: 0.5 }));
  await page.locator("#file").setInputFiles({ name: "side.png", mimeType: "image/png", buffer: Buffer.from(png) });
  const turnedBy = (degrees) => page.waitForFunction((degrees) => {
    const note = document.getElementById("orientation");
    return degrees === 0 ? note.hidden : !note.hidden && note.textContent.includes(`turned by ${degrees}°`);
  }, degrees);
  await turnedBy(90);
  await reads(page, "744");
  // The first digit is the lowest in the picture.
  const [first, , last] = await boxes(page);
  assert.ok(first[1] > last[1], `${first} ${last}`);
  await screenshot(page, "desktop-number-turned");
  for (const degrees of [180, 270, 0, 90]) {
    await page.locator("#turn").click();
    await turnedBy(degrees);
  }
  await reads(page, "744");
  await page.locator('#engines input[value="browser"]').check();
  await page.waitForFunction(() => document.getElementById("provenance").textContent.includes("in this browser"));
  await turnedBy(90);
  await reads(page, "744");
});

onPage("the panel How it was read follows the selected digit", DESKTOP, async (page) => {
  await page.locator("#insight summary").click();
  assert.ok(await page.locator("#insight .empty").isVisible());
  await draw(page, number([seven, four]));
  await reads(page, "74");
  await page.locator('#insight[data-state="shown"]').waitFor();
  assert.equal(await page.locator("#layers .maps").count(), 4);
  const lit = (id) => page.locator(id).evaluate((canvas) => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return data.reduce((sum, value, i) => sum + (i % 4 === 3 ? 0 : value), 0);
  });
  await page.locator("#number .digit").nth(0).click();
  await page.waitForTimeout(600);
  const before = [];
  for (const id of ["#step-box", "#step-framed", "#step-heat", "#sum-kernel", "#look-glyph"]) before.push(await lit(id));
  assert.ok(before.every((sum) => sum > 0), before.join());
  await page.locator("#number .digit").nth(1).click();
  await page.waitForTimeout(600);
  assert.notEqual(await lit("#step-framed"), before[1]);
  assert.notEqual(await lit("#step-heat"), before[2]);
  assert.match(await page.locator("#calibrated").textContent(), /As trained, the network is [\d.]+ % sure\./);
  await screenshot(page, "desktop-insight");
});

onPage("a number and the correction of its split fit on a phone", PHONE, async (page) => {
  await draw(page, number([seven, one, five], { size: 0.55 }));
  await reads(page, "715");
  await page.locator("#number .digit").nth(1).click();
  assert.ok(await page.locator("#join").isVisible());
  assert.ok(await page.locator("#take").isVisible(), "the camera");
  // Compared with the set width: an emulated phone's viewport grows with its content.
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(width <= page.viewportSize().width, `${width}`);
  await screenshot(page, "phone-number");
});

onPage("a tour of three steps can be taken, and left", DESKTOP, async (page) => {
  await page.locator("#tour").click();
  for (const title of ["Draw here", "Read as you draw", "Look inside"]) {
    await page.locator(".tour h2", { hasText: title }).waitFor();
    assert.equal(await page.locator(".toured").count(), 1);
    if (title === "Draw here") await screenshot(page, "desktop-tour");
    await page.locator(".tour .primary").click();
  }
  assert.equal(await page.locator(".tour, .toured").count(), 0);
  await page.locator("#tour").click();
  await page.locator(".tour button", { hasText: "Skip" }).click();
  assert.equal(await page.locator(".tour, .toured").count(), 0);
});
