// Saving samples and training from the pages, with a real server, trainer and Chromium.

import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { browser, draw, errorsOf, screenshot, serve, server } from "./browser.mjs";

const DESKTOP = { width: 1100, height: 900 };
const PHONE = { width: 390, height: 844 };
// Time from the click to the promoted network, enough for a busy machine.
const TRAINING = 180_000;

const seven = [[[0.25, 0.2], [0.5, 0.19], [0.75, 0.2], [0.62, 0.5], [0.45, 0.85]]];

// A plus sign, slightly different for each `i`.
function plus(i) {
  const [dx, dy] = [((i * 7) % 5) * 0.02 - 0.04, ((i * 3) % 7) * 0.015 - 0.045];
  return [
    [[0.5 + dx, 0.2 + dy], [0.5 - dx, 0.82]],
    [[0.2, 0.5 + dy], [0.8 + dx / 2, 0.5 - dy]],
  ];
}

serve();

async function open(path, viewport = DESKTOP, options = {}) {
  const context = await browser.newContext({ viewport, ...options });
  const page = await context.newPage();
  // Deleting many asks first.
  page.on("dialog", (dialog) => dialog.accept());
  const errors = errorsOf(page);
  await page.goto(server.url + path);
  return { page, close: async () => { await context.close(); assert.deepEqual(errors, []); } };
}

const api = async (path, options) => (await fetch(`${server.url}api/${path}`, options)).json();

async function shows(page, id, pattern) {
  await page.waitForFunction(
    ([id, source]) => new RegExp(source).test(document.getElementById(id).textContent),
    [id, pattern.source],
    { timeout: 10_000 },
  );
}

test("a drawing is saved as a sample, undone, and saved again", async () => {
  const { page, close } = await open("");
  await page.locator("#teach").waitFor();
  assert.ok(await page.locator("#teach-labels button").first().isDisabled(), "nothing is drawn");
  assert.ok(await page.locator("#train").isDisabled(), "nothing to learn from");
  await draw(page, seven);
  await page.getByRole("button", { name: "Save as 7", exact: true }).click();
  await shows(page, "teach-message", /Saved as 7 \(it was read correctly\)/);
  await shows(page, "teach-count", /^1 new sample\. Training needs two of one symbol/);
  assert.ok(await page.locator("#train").isDisabled(), "nothing could measure what is learned");
  await shows(page, "teach-drawings", /7★☆☆☆☆1 of 5 drawings/);
  assert.equal(await page.locator("#teach-drawings img").count(), 1);
  assert.ok(!(await page.locator("#pad[data-inked]").count()), "the pad is free for the next");
  assert.equal((await api("samples")).samples[0].form, "strokes");

  await page.locator("#teach-undo").click();
  await shows(page, "teach-message", /Undone/);
  assert.equal((await api("samples")).total, 0);
  // By its key.
  await draw(page, seven);
  await page.waitForFunction(() => !document.querySelector("#teach-labels button").disabled);
  await page.keyboard.press("1");
  await shows(page, "teach-message", /Saved as 1 \(it was read as 7\)/);
  await screenshot(page, "teach-desktop");
  await close();
});

test("a whole number is corrected at once, and read as it was taught", async () => {
  const { page, close } = await open("");
  await page.locator("#teach").waitFor();
  const left = (strokes, by) => strokes.map((stroke) => stroke.map(([x, y]) => [0.45 * x + by, 0.6 * y + 0.2]));
  await draw(page, [...left(seven, 0), ...left(plus(0), 0.5)]);
  await page.locator("#number .digit").nth(1).waitFor();
  await page.waitForFunction(() => document.getElementById("teach-name").placeholder === "the whole number");
  await page.locator("#canvas").focus();
  await page.keyboard.type("7");
  assert.equal(await page.locator("#teach-name").inputValue(), "7", "a digit's key begins the number");
  await page.keyboard.type("++");
  await page.keyboard.press("Enter");
  await shows(page, "teach-message", /7\+\+ has 3 symbols, and \d were found: join or split them first/);
  await page.locator("#teach-name").fill("7+");
  await page.keyboard.press("Enter");
  await shows(page, "teach-message", /Saved as 7 \+\./);
  assert.deepEqual((await api("samples")).samples.map(({ label }) => label).slice(0, 2).sort(), ["+", "7"]);
  // The number is read anew.
  await page.waitForFunction(() => [...document.querySelectorAll("#number .digit")].map((d) => d.textContent).join("") === "7+");
  await page.locator("#teach-undo").click();
  await shows(page, "teach-message", /Undone/);
  assert.ok(!(await api("samples")).samples.some(({ label }) => label === "+"));
  await close();
});

test("the samples page finds, corrects, deletes and restores", async () => {
  const { page, close } = await open("samples.html");
  await page.locator("#cards .card").waitFor();
  assert.match(await page.locator("#cards .card p").first().textContent(), /read as 7/);
  assert.ok(await page.locator('#cards .card[data-wrong]').count());
  // Likely wrong: the network is sure of a 7.
  await page.getByRole("button", { name: "Likely wrong labels" }).click();
  await shows(page, "look-hint", /1 sample to review/);
  await page.getByRole("button", { name: "It is 7", exact: true }).click();
  await page.waitForFunction(() => document.querySelector("#cards .card input").value === "7");
  assert.equal((await api("samples")).samples[0].label, "7");
  await page.locator("#undo").click();
  await shows(page, "message", /Restored the label of 1 sample/);
  assert.equal((await api("samples")).samples[0].label, "1");

  const field = page.locator("#cards .card input").first();
  await field.fill("seven");
  await field.press("Tab");
  await shows(page, "message", /Its label is now seven/);
  await page.locator('#filters [name="label"]').fill("1");
  await shows(page, "cards", /No samples match/);
  await page.locator('#filters [name="label"]').fill("");
  await page.getByRole("button", { name: "Delete this sample of seven" }).click();
  await shows(page, "message", /Deleted/);
  await shows(page, "cards", /No samples yet/);
  await page.locator("#undo").click();
  await page.locator("#cards .card").waitFor();

  // Exported and imported again.
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.locator("#export-csv").click(),
  ]);
  const file = join(server.artifacts, "samples.csv");
  await writeFile(file, await readFile(await download.path()));
  await page.locator("#sources button").first().click();
  await shows(page, "message", /Deleted 1 sample from page-/);
  await page.locator("#import").setInputFiles(file);
  await shows(page, "message", /1 sample added/);
  await page.locator("#import").setInputFiles({
    name: "broken.zip", mimeType: "application/zip", buffer: Buffer.from("PK\u0003\u0004broken"),
  });
  await shows(page, "message", /cannot be read/);
  // The browser logs the refused upload as an error, so close() would fail.
  await page.context().close();
  await fetch(`${server.url}api/samples/delete?labelled=1`, { method: "POST" });
  void close;
});

test("a new symbol is drawn, learned, read, and rolled back", async () => {
  const { page, close } = await open("", PHONE, { hasTouch: true });
  await page.locator("#teach").waitFor();
  for (let i = 0; i < 20; i++) {
    await page.evaluate(() => scrollTo(0, 0));
    await draw(page, plus(i));
    if (i === 0) {
      await page.locator("#teach-name").fill("+");
      await page.getByRole("button", { name: "Save", exact: true }).click();
    } else {
      await page.getByRole("button", { name: "Save as +", exact: true }).click();
    }
    await shows(page, "teach-count", new RegExp(`^${i + 1} new sample`));
  }
  await page.locator("#train").click();
  await page.locator('#job[data-state="running"]').waitFor();
  await page.locator("#job-curve:not([hidden])").waitFor({ timeout: TRAINING });
  await shows(page, "job-detail", /\d+ (s|min) left · training accuracy \d+\.\d %/);
  await screenshot(page, "training-phone");
  assert.ok(await page.getByRole("button", { name: "Cancel" }).isVisible());
  // The page reads meanwhile.
  await page.evaluate(() => scrollTo(0, 0));
  await draw(page, seven);
  await page.waitForFunction(() => document.getElementById("label").textContent === "7");
  await page.keyboard.press("Escape");

  await page.locator('#job[data-state="promoted"]').waitFor({ timeout: TRAINING });
  await page.waitForFunction(() => document.querySelectorAll("#bars li").length === 11);
  assert.match(await page.locator("#job-detail").textContent(), /It reads ([1-9]\d*) of \1 held-back samples/);
  assert.ok((await page.locator("#job-changed figure").count()) >= 4);
  await page.evaluate(() => scrollTo(0, 0));
  await draw(page, plus(33));
  await page.waitForFunction(() => document.getElementById("label").textContent === "+");
  await screenshot(page, "learned-phone");
  const { current, previous } = await api("models");
  assert.match(current, /^tuned-/);

  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Roll back" }).click();
  await page.waitForFunction(() => document.querySelectorAll("#bars li").length === 10);
  assert.equal((await api("models")).current, previous);
  // What was taught is remembered again.
  await page.evaluate(() => scrollTo(0, 0));
  await draw(page, plus(34));
  await shows(page, "sentence", /sure, from \d+ taught drawings/);
  await close();
});

test("training is cancelled from the page", async () => {
  const { page, close } = await open("");
  await page.locator("#teach").waitFor();
  await draw(page, seven);
  await page.getByRole("button", { name: "Save as 7", exact: true }).click();
  await shows(page, "teach-count", /^1 new sample/);
  await page.locator("#train").click();
  await page.getByRole("button", { name: "Cancel" }).click();
  await shows(page, "job-title", /Training was cancelled/);
  await screenshot(page, "cancelled-desktop");
  await close();
});

test("the samples page with many samples, in dark mode and on a phone", async () => {
  for (const [name, viewport] of [["samples-desktop-dark", DESKTOP], ["samples-phone", PHONE]]) {
    const colorScheme = name.endsWith("dark") ? "dark" : "light";
    const { page, close } = await open("samples.html", viewport, { colorScheme });
    await page.locator("#cards .card").nth(20).waitFor();
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(wide <= 0, `the page is ${wide} pixels too wide`);
    await screenshot(page, name);
    await close();
  }
});

test("without the server the page says that a sample was not saved", async () => {
  const { page } = await open("");
  await page.locator("#teach").waitFor();
  await draw(page, seven);
  await page.waitForFunction(() => document.getElementById("label").textContent === "7");
  await server.stop();
  await page.getByRole("button", { name: "Save as 7", exact: true }).click();
  await shows(page, "teach-message", /The server is not responding: this was not saved/);
  await page.context().close();
  await server.resume();
});
