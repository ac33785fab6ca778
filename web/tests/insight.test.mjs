// The panel "How it was read": what it shows is right, by mouse and by keyboard, and it is quick.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { test } from "node:test";
import { gzipSync } from "node:zlib";

import { browser, draw, reads, screenshot, serve, server, webFile, webFiles } from "./browser.mjs";
import { drawn, four, look, looksAt, parsed, placeOf, pointAt, strip, termsOf, two, withPanel } from "./panel.mjs";

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

serve();

// A page with the panel open, and a digit that was read.
function onPanel(name, options, run, { strokes = two, label = "2" } = {}) {
  test(name, async () => {
    const errors = await withPanel(browser, server.url, options, drawn(strokes, label), async (page) => {
      await strip(page);
      await run(page);
    });
    assert.deepEqual(errors, []);
  });
}

const numbers = async (page, id) => (await page.locator(`#numbers-${id} td`).allTextContents()).map(parsed);

// How the network in the browser reads a glyph.
const readsGlyph = (page, pixels) => page.evaluate(async (pixels) => {
  const { read } = await import("./api.js");
  const { lines } = await read({ pixels });
  return lines.flatMap(({ digits }) => digits)[0];
}, pixels);

onPanel("the numbers of a patch times those of its kernel, plus the bias, are the map's value", {}, async (page) => {
  for (const [layer, size] of [[0, 5], [1, 3], [3, 3]]) {
    await pointAt(page, layer, 0.34, 0.31, layer === 0);
    const [patch, kernel, terms] = [await numbers(page, "patch"), await numbers(page, "kernel"), await numbers(page, "terms")];
    assert.deepEqual([patch.length, kernel.length, terms.length], Array(3).fill(size * size));
    patch.forEach((value, i) => assert.ok(Math.abs(value * kernel[i] - terms[i]) < 0.03, `${value} × ${kernel[i]} = ${terms[i]}`));
    const parts = await termsOf(page);
    const { value, sum } = await look(page);
    assert.ok(Math.abs(terms.reduce((a, b) => a + b, 0) - parts[0]) < 0.005 * (size * size + 1), `${terms} ${parts}`);
    assert.ok(Math.abs(parts.reduce((a, b) => a + b, 0) - sum) < 0.02, `${parts} ${sum}`);
    assert.ok(Math.abs(Math.max(0, sum) - value) < 1e-4, `${sum} ${value}`);
    assert.equal(parts.length, layer === 0 ? 2 : 3);
  }
  // It is the same value that the map shows: brighter is more.
  assert.match(await page.locator(".insight-spot path").getAttribute("d"), /^M/, "the patch lights up on the drawing");
});

onPanel("the patch on the drawing lies where the pixel is", {}, async (page) => {
  const middle = async (x, y) => {
    await pointAt(page, 0, x, y);
    return page.locator(".insight-spot path").evaluate((spot) => {
      const [own, pad] = [spot.getBoundingClientRect(), document.getElementById("pad").getBoundingClientRect()];
      return [(own.left + own.right) / 2 - pad.left, (own.top + own.bottom) / 2 - pad.top].map((value) => value / pad.height);
    });
  };
  // In the first map, the upper right and the lower left of the ink.
  const [right, top] = await middle(0.085, 0.06);
  const [left, bottom] = await middle(0.05, 0.19);
  assert.ok(right > left && bottom > top, `${[right, top, left, bottom]}`);
  for (const place of [right, top, left, bottom]) assert.ok(place > 0.05 && place < 0.95, `${place}`);
});

onPanel("the path ends at the answer, whose sum is what the maps add to it", {}, async (page) => {
  const values = await page.locator("#path-sum li").evaluateAll((items) => items.map(({ dataset }) => Number(dataset.value)));
  const sum = values.slice(0, -1).reduce((a, b) => a + b, 0);
  assert.ok(Math.abs(sum - values.at(-1)) < 1e-3, `${values}`);
  assert.equal(await page.locator("#path .step").count(), 5);
  const bars = await page.locator("#logits li").evaluateAll((items) => items.map((item) => [
    item.className, item.querySelector(".name").textContent, item.querySelector(".value").textContent]));
  assert.equal(bars.length, 10);
  const [best] = bars.filter(([name]) => name.includes("best"));
  assert.equal(best[1], "2");
  assert.ok(Math.abs(parsed(best[2]) - values.at(-1)) < 0.006, `${best} ${values}`);
  assert.ok(bars.every(([, , value]) => parsed(value) <= parsed(best[2])), `${bars}`);
  // A step leads to its pixel, whose value is the one of the map.
  await page.locator("#path button.step").nth(2).click();
  await page.locator("#look-name", { hasText: /^Layer 3, map / }).waitFor();
});

onPanel("the belief along the stroke can be scrubbed, and all of the panel follows", {}, async (page) => {
  const glyph = () => page.locator("#look-glyph").evaluate((canvas) => canvas.toDataURL());
  const ended = await glyph();
  assert.match(await page.locator("#scrub-text").textContent(), /^100 % drawn: 2 \(/);
  await page.locator("#scrub").focus();
  await page.keyboard.press("Home");
  await page.locator("#scrub-text", { hasText: /^2 % drawn/ }).waitFor();
  for (let i = 0; i < 20; i++) await page.keyboard.press("ArrowRight");
  await page.locator("#scrub-text", { hasText: /^35 % drawn/ }).waitFor();
  await page.waitForFunction((ended) => document.getElementById("look-glyph").toDataURL() !== ended, ended);
  await page.waitForFunction(() => !document.getElementById("path-text").textContent.includes("answer, 2:"));
  // A click at its end leads back.
  const box = await page.locator("#strip").boundingBox();
  await page.mouse.click(box.x + box.width - 1, box.y + 20);
  await page.locator("#scrub-text", { hasText: /^100 % drawn: 2 \(/ }).waitFor();
  await page.waitForFunction((ended) => document.getElementById("look-glyph").toDataURL() === ended, ended);
  // Another stroke: the strip is of the whole drawing again.
  await page.locator("#clear").click();
  await draw(page, four);
  await reads(page, "4");
  await page.locator("#stroke:not([data-stale]) #scrub-text", { hasText: /^100 % drawn: 4 \(/ }).waitFor();
});

onPanel("the changed drawing is read as something else, by the server too", {}, async (page) => {
  const state = page.locator('#mind[data-state="found"]');
  for (const target of ["", "7"]) {
    await page.locator("#mind-target").selectOption(target);
    await page.locator("#mind-search").click();
    await state.waitFor({ timeout: 30_000 });
    const pixels = (await page.locator("#mind").getAttribute("data-pixels")).split(",").map(Number);
    const { label, confidence } = await readsGlyph(page, pixels);
    assert.notEqual(label, "2");
    if (target) assert.equal(label, target);
    const text = await page.locator("#mind-text").textContent();
    assert.ok(text.startsWith(`It reads ${label} (${(100 * confidence).toFixed(1)} %)`), `${text} ${confidence}`);
    const [, added, removed, all] = text.match(/added: ([\d.]+), and removed: ([\d.]+)\. The digit has ([\d.]+)/).map(Number);
    assert.ok(added + removed > 0 && added + removed < all / 2, text);
  }
});

onPanel("what is silenced changes the bars, and mending brings them back", {}, async (page) => {
  const bars = () => page.locator("#broken-bars .value").allTextContents();
  const whole = await bars();
  assert.deepEqual(whole, await page.locator("#bars .value").allTextContents());
  let flipped = false;
  for (let i = 1; i <= 24 && !flipped; i++) {
    await page.locator("#silence-path").click();
    await page.waitForFunction((i) => document.querySelectorAll("#silenced button").length === i, i);
    flipped = await page.locator("#broken").evaluate(({ dataset }) => dataset.state === "flipped");
  }
  assert.ok(flipped, "no number of silent maps changes the answer");
  assert.notDeepEqual(await bars(), whole);
  assert.match(await page.locator("#broken-text").textContent(), /^Now it reads \d .* and no longer 2 /);
  // The page's own answer is the whole network's.
  assert.equal(await page.locator("#label").textContent(), "2");
  await page.locator("#mend").click();
  await page.locator('#broken[data-state="whole"]').waitFor();
  assert.deepEqual(await bars(), whole);
  // A map that is pointed at: its value is 0.
  await page.locator("#path button.step").first().click();
  assert.ok((await look(page)).value > 0);
  await page.locator("#silence").click();
  await page.locator("#silenced button").waitFor();
  await page.waitForFunction(() => Number(document.getElementById("look").dataset.value) === 0);
  assert.match(await page.locator("#look-sum").textContent(), /this map is silenced/);
  await page.locator("#silenced button").click();
  await page.locator('#broken[data-state="whole"]').waitFor();
  await page.locator("#noise").fill("60");
  await page.locator('#broken:not([data-state="whole"])').waitFor();
  assert.notDeepEqual(await bars(), whole);
});

onPanel("maps are reached and read by keyboard", {}, async (page) => {
  await page.locator("#layers .lights").nth(1).focus();
  const name = () => page.locator("#look-name").textContent();
  await page.waitForFunction(() => document.getElementById("look-name").textContent === "Layer 2, map 1 of 56, column 4, row 4");
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("ArrowDown");
  await page.waitForFunction(() => document.getElementById("look-name").textContent === "Layer 2, map 1 of 56, column 5, row 5");
  for (let i = 0; i < 3; i++) await page.keyboard.press("ArrowRight");
  await page.waitForFunction(() => document.getElementById("look-name").textContent === "Layer 2, map 2 of 56, column 1, row 5");
  await page.keyboard.press("PageUp");
  await page.keyboard.press("PageUp");
  await page.waitForFunction(() => document.getElementById("look-aloud").textContent.startsWith("Layer 2, map 56 of 56, column 1, row 5: "));
  assert.equal(await page.locator("#numbers-patch td").count(), 0);
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.querySelectorAll("#numbers-patch td").length === 9);
  assert.equal(await page.locator("#open-sum").getAttribute("aria-expanded"), "true");
  const input = await page.locator("#input-name").textContent();
  await page.locator("#input-next").focus();
  await page.keyboard.press("Enter");
  assert.notEqual(await page.locator("#input-name").textContent(), input);
  assert.match(await name(), /^Layer 2, map 56/);
  const outlined = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  assert.notEqual(outlined, "none");
});

const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 };

onPanel("maps are touched, and the strip is scrubbed by a finger", PHONE, async (page) => {
  await page.touchscreen.tap(...await placeOf(page, 0, 0.34, 0.31));
  await looksAt(page, 0);
  // A tap shows the numbers too.
  assert.equal((await numbers(page, "patch")).length, 25);
  const { value, sum } = await look(page);
  assert.ok(Math.abs(Math.max(0, sum) - value) < 1e-4, `${sum} ${value}`);
  const [name] = await page.locator("#look-name").allTextContents();
  await page.touchscreen.tap(...await placeOf(page, 0, 0.7, 0.6));
  await page.waitForFunction((name) => document.getElementById("look-name").textContent !== name, name);
  await page.locator("#silence").tap();
  await page.locator("#silenced button").tap();
  await page.locator('#broken[data-state="whole"]').waitFor();
  // A finger moves along the strip, and the page stays where it is.
  await page.locator("#strip").evaluate((strip) => strip.scrollIntoView({ block: "center" }));
  const box = await page.locator("#strip").boundingBox();
  const session = await page.context().newCDPSession(page);
  const touch = (type, ...shares) => session.send("Input.dispatchTouchEvent", {
    type, touchPoints: shares.map((share) => ({ x: box.x + share * box.width, y: box.y + box.height / 2 })),
  });
  const before = await page.evaluate(() => window.scrollY);
  await touch("touchStart", 0.9);
  for (const share of [0.8, 0.6, 0.4, 0.3]) await touch("touchMove", share);
  await touch("touchEnd");
  await page.locator("#scrub-text", { hasText: /^3[0-3] % drawn/ }).waitFor();
  assert.equal(await page.evaluate(() => window.scrollY), before);
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
});

test("nothing is computed while the panel is closed", async () => {
  const page = await browser.newPage();
  await page.addInitScript(() => {
    window.asked = [];
    const { postMessage } = Worker.prototype;
    Worker.prototype.postMessage = function (message, ...rest) {
      window.asked.push(message.task);
      return postMessage.call(this, message, ...rest);
    };
  });
  await page.goto(server.url);
  await page.locator('#engines[data-browser="ready"]').waitFor();
  await page.locator("#insight summary").click();
  await draw(page, two);
  await page.locator("#stroke:not([data-stale]) #scrub-text:not(:empty)").waitFor();
  await page.locator("#insight summary").click();
  await page.waitForTimeout(300);
  await page.evaluate(() => (window.asked = []));
  await page.locator("#clear").click();
  await draw(page, four);
  await reads(page, "4");
  await page.waitForTimeout(600);
  const asked = await page.evaluate(() => window.asked);
  assert.deepEqual(asked.filter((task) => task !== "strokes"), []);
  assert.ok(asked.length <= 20, `${asked.length}`);
  await page.close();
});

test("the panel is at most 60 KB, gzipped, and loaded when it is opened", async () => {
  const page = await browser.newPage();
  const loaded = [];
  page.on("request", (request) => loaded.push(new URL(request.url()).pathname.slice(1)));
  await page.goto(server.url);
  await page.locator('#engines[data-browser="ready"]').waitFor();
  const isOwn = (name) => name.startsWith("insight");
  assert.deepEqual(loaded.filter(isOwn), []);
  await page.locator("#insight summary").click();
  await page.locator("#insight .inside").waitFor({ state: "attached" });
  const own = (await webFiles()).filter(isOwn);
  assert.deepEqual(loaded.filter(isOwn).sort(), own.sort());
  const sizes = await Promise.all(own.map(async (name) => gzipSync(await readFile(webFile(name)), { level: 9 }).length));
  const sum = sizes.reduce((a, b) => a + b, 0);
  console.log(`panel: ${sum} bytes, gzipped`);
  assert.ok(sum <= 60_000, `${sum} bytes`);
  await page.close();
});

for (const colorScheme of ["light", "dark"]) {
  for (const viewport of [{ width: 1280, height: 900 }, { width: 390, height: 844 }]) {
    onPanel(`nothing serious when all is open at ${viewport.width} pixels, ${colorScheme}`, { viewport, colorScheme, bypassCSP: true }, async (page) => {
      await page.locator("#silence-path").click();
      await page.locator("#silenced button").waitFor();
      await page.locator("#mind-search").click();
      await page.locator('#mind[data-state="found"]').waitFor({ timeout: 30_000 });
      await page.locator("#open-sum").click();
      await page.locator("#numbers-patch td").first().waitFor();
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => window.axe.run());
      const broken = violations.filter(({ impact }) => impact === "serious" || impact === "critical")
        .map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(" ")).join(", ")}`);
      assert.deepEqual(broken, []);
      const width = await page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(width <= viewport.width, `${width}`);
      await screenshot(page, `insight-${viewport.width}-${colorScheme}`);
    });
  }
}
