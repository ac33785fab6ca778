// The panel "How it was read" for checkpoints with other networks than the released one's: the large one, one
// without convolutions, and one of whole pictures. What it shows of each must add up.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";

import { Server, browser, draw, program, reads, repository, serve } from "./browser.mjs";
import { drawn, look, parsed, placeOf, pointAt, strip, termsOf, two, withPanel } from "./panel.mjs";

const LARGE = "mnist-20261130-064740-s1";
const SIDE = 28;
// A picture of as many columns or rows, from edge to edge.
const BAR = 6;

serve();

// A server of another checkpoint, which `prepare(artifacts)` puts there.
async function served(prepare, run) {
  const own = await Server.start();
  try {
    await own.stop();
    await prepare(own.artifacts);
    await own.resume();
    await run(own.url);
  } finally {
    await own.remove();
  }
}

const train = (artifacts, ...options) => promisify(execFile)(program, [
  "train", "--artifacts", artifacts, "--device", "cpu", "--seed", "1", ...options, "--promote", "--force",
]);

async function large(artifacts) {
  await cp(join(repository, "artifacts", "checkpoints", LARGE), join(artifacts, "checkpoints", LARGE), { recursive: true });
  await writeFile(join(artifacts, "CURRENT"), `${LARGE}\n`);
}

const mlp = (artifacts) => train(artifacts, "--network", "mlp", "--epochs", "1", "--synthetic", "0", "--negatives", "0", "--elastic", "0");

// A vertical bar (0) or a horizontal one (1), from edge to edge.
const bar = (label, at) => Uint8Array.from({ length: SIDE * SIDE }, (_, i) => {
  const place = label === 0 ? i % SIDE : Math.floor(i / SIDE);
  return place >= at && place < at + BAR ? 150 + (i % 100) : 0;
});

async function whole(artifacts) {
  const data = join(artifacts, "bars");
  await mkdir(data);
  for (const [name, count] of [["train", 400], ["t10k", 100]]) {
    const labels = Uint8Array.from({ length: count }, (_, i) => i % 2);
    const pictures = [...labels].map((label, i) => bar(label, Math.floor(i / 2) % (SIDE - BAR)));
    const numbers = (...all) => Buffer.concat(all.map((one) => Buffer.from([one >> 24, one >> 16, one >> 8, one])));
    await writeFile(join(data, `${name}-images-idx3-ubyte`), Buffer.concat([numbers(0x803, count, SIDE, SIDE), ...pictures]));
    await writeFile(join(data, `${name}-labels-idx1-ubyte`), Buffer.concat([numbers(0x801, count), labels]));
  }
  await train(artifacts, "--data", data, "--pictures", "whole", "--epochs", "3", "--batch-size", "32");
}

// What is shown must be what is computed, for each layer: a pixel is the sum of its terms, the path ends at the
// answer, and the bars are those of the reading.
async function addsUp(page, label, layers) {
  assert.equal(await page.locator("#layers .lights").count(), layers);
  for (let layer = 0; layer < layers; layer++) {
    await pointAt(page, layer, 0.34, 0.31);
    const { value, sum } = await look(page);
    assert.ok(Math.abs(Math.max(0, sum) - value) < 1e-3, `layer ${layer + 1}: ${sum} ${value}`);
    const terms = await termsOf(page);
    assert.ok(Math.abs(terms.reduce((a, b) => a + b, 0) - sum) < 0.02, `layer ${layer + 1}: ${terms} ${sum}`);
  }
  const values = await page.locator("#path-sum li").evaluateAll((items) => items.map(({ dataset }) => Number(dataset.value)));
  const sum = values.slice(0, -1).reduce((a, b) => a + b, 0);
  assert.ok(Math.abs(sum - values.at(-1)) < 1e-3 * Math.max(1, Math.abs(sum)), `${values}`);
  assert.equal(await page.locator("#path .step").count(), layers + 1);
  const best = page.locator("#logits li.best");
  assert.equal(await best.locator(".name").textContent(), label);
  assert.ok(Math.abs(parsed(await best.locator(".value").textContent()) - values.at(-1)) < 0.006);
  assert.deepEqual(await page.locator("#broken-bars .value").allTextContents(), await page.locator("#bars .value").allTextContents());
}

// Silencing maps changes the bars, and mending brings them back; a search ends, and says what it found.
async function breaks(page, label) {
  const bars = () => page.locator("#broken-bars .value").allTextContents();
  const before = await bars();
  const { sum } = await look(page);
  await page.locator("#noise").fill("80");
  await page.locator('#broken:not([data-state="whole"])').waitFor();
  await page.waitForFunction((sum) => Number(document.getElementById("look").dataset.sum) !== sum, sum);
  await page.locator("#mend").click();
  await page.locator('#broken[data-state="whole"]').waitFor();
  await page.locator("#silence-path").click();
  await page.locator("#silenced button").waitFor();
  await page.locator("#silenced button").click();
  await page.locator('#broken[data-state="whole"]').waitFor();
  assert.deepEqual(await bars(), before);
  await page.locator("#mind-search").click();
  await page.waitForFunction(() => ["found", "nothing"].includes(document.getElementById("mind").dataset.state), null, { timeout: 120_000 });
  const text = await page.locator("#mind-text").textContent();
  assert.doesNotMatch(text, new RegExp(`^It reads ${label} `));
  return page.locator("#mind").getAttribute("data-state");
}

test("of the large network, all that is shown adds up", () => served(large, async (url) => {
  const errors = await withPanel(browser, url, {}, drawn(two, "2"), async (page) => {
    await strip(page);
    await addsUp(page, "2", await page.locator("#layers .lights").count());
    assert.ok(await page.locator("#layers .lights").count() > 3);
    assert.equal(await breaks(page, "2"), "found");
    await page.locator("#scrub").fill("0");
    await page.locator("#scrub-text", { hasText: /^\d+ % drawn/ }).waitFor();
  });
  assert.deepEqual(errors, []);
}));

test("of a network without convolutions, all that is shown adds up", () => served(mlp, async (url) => {
  const errors = await withPanel(browser, url, {}, drawn(two, "2"), async (page) => {
    await strip(page);
    const layers = await page.locator("#layers .lights").count();
    await addsUp(page, "2", layers);
    // A unit looks at all of the picture, with too many weights to be read.
    await pointAt(page, 0, 0.5, 0.5, true);
    assert.match(await page.locator("#look-name").textContent(), /^Layer 1, unit \d+$/);
    assert.ok(await page.locator("#open-sum").isHidden());
    assert.equal(await page.locator("#numbers-patch td").count(), 0);
    assert.equal(await page.locator("#sum-kernel").evaluate(({ width }) => width), SIDE);
    assert.equal(await breaks(page, "2"), "found");
    await page.locator("#layers .lights").first().focus();
    await page.keyboard.press("ArrowRight");
    await page.waitForFunction(() => /^Layer 1, unit \d+: /.test(document.getElementById("look-aloud").textContent));
  });
  assert.deepEqual(errors, []);
}));

test("of a network for whole pictures, all that is shown adds up", () => served(whole, async (url) => {
  const open = async (page) => {
    const bytes = await page.evaluate(async ([pixels, side]) => {
      const canvas = new OffscreenCanvas(side, side);
      const context = canvas.getContext("2d");
      context.putImageData(new ImageData(Uint8ClampedArray.from(pixels.flatMap((value) => [value, value, value, 255])), side), 0, 0);
      return [...new Uint8Array(await (await canvas.convertToBlob()).arrayBuffer())];
    }, [[...bar(1, 9)], SIDE]);
    await page.locator("#file").setInputFiles({ name: "bar.png", mimeType: "image/png", buffer: Buffer.from(bytes) });
    await reads(page, "1");
  };
  const options = { viewport: { width: 820, height: 1180 }, hasTouch: true };
  const errors = await withPanel(browser, url, options, open, async (page) => {
    await addsUp(page, "1", await page.locator("#layers .lights").count());
    // The picture is read as it is, and nobody drew it.
    assert.ok(await page.locator("#stroke").isHidden());
    assert.match(await breaks(page, "1"), /found|nothing/);
    await page.touchscreen.tap(...await placeOf(page, 0, 0.5, 0.5));
    // It was scaled, and nothing else.
    const steps = (await page.locator(".steps li:visible").allInnerTexts()).map((text) => text.replace(/\s+/g, " "));
    assert.deepEqual(steps.slice(0, 2), ["The picture as it is", "28 × 28 scaled"]);
    assert.ok(await page.locator("#seen figcaption span").isHidden());
    // What is drawn is ink, for this network too.
    await page.locator("#clear").click();
    await draw(page, two);
    await page.locator("#seen figcaption span").waitFor();
    await page.locator(".steps li", { hasText: "cropped to its bounding box" }).waitFor();
  });
  // The examples that it learned from are not on the server any more.
  assert.deepEqual(errors.filter((error) => !/404/.test(error)), []);
}));
