// Accessibility of the pages by axe-core, in each of their states; and the size of the page.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { extname } from "node:path";
import { test } from "node:test";

import { browser, draw, serve, server, webFile } from "./browser.mjs";
import { table } from "./table.mjs";

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

serve();

// Violations that are serious or critical, with their elements.
async function broken(page) {
  // The context bypasses the page's content security policy, which would block this script.
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run());
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(" ")).join(", ")}`);
}

const seven = [[[0.3, 0.2], [0.6, 0.19], [0.8, 0.2], [0.66, 0.5], [0.5, 0.85]]];
const one = [[[1.05, 0.2], [1.04, 0.5], [1.03, 0.85]]];

for (const colorScheme of ["light", "dark"]) {
  for (const viewport of [{ width: 1100, height: 800 }, { width: 390, height: 844 }]) {
    test(`nothing serious at ${viewport.width} pixels, ${colorScheme}`, async () => {
      const context = await browser.newContext({ viewport, colorScheme, bypassCSP: true, reducedMotion: "reduce" });
      const page = await context.newPage();
      try {
        await page.goto(server.url);
        await page.locator('#connection[data-state="ready"]').waitFor();
        assert.deepEqual(await broken(page), [], "empty");
        await draw(page, seven);
        await page.waitForFunction(() => document.getElementById("label").textContent === "7");
        assert.deepEqual(await broken(page), [], "a digit");
        await page.locator("#insight summary").click();
        await draw(page, one);
        await page.locator("#number .digit").nth(1).click();
        await page.locator('#insight[data-state="shown"]').waitFor();
        assert.deepEqual(await broken(page), [], "a number, and how it was read");
        await page.goto(`${server.url}samples.html`);
        await page.waitForLoadState("networkidle");
        assert.deepEqual(await broken(page), [], "samples");
        await page.goto(`${server.url}sheets.html`);
        assert.deepEqual(await broken(page), [], "no sheets");
        await page.locator("#files").setInputFiles([await table(page)]);
        await page.locator('#work[data-state="read"]').waitFor();
        await page.locator("#check").click();
        assert.deepEqual(await broken(page), [], "a sheet, and a cell that is checked");
        await page.keyboard.press("Escape");
        await page.locator("#mend").click();
        assert.deepEqual(await broken(page), [], "lines that are mended");
        await page.locator("#texts thead button").first().click();
        assert.deepEqual(await broken(page), [], "what a column holds");
        await page.goto(`${server.url}models.html`);
        await page.locator(".checkpoint").first().waitFor();
        await page.locator("#runs").waitFor();
        await page.selectOption("#begin-from", "scratch");
        assert.deepEqual(await broken(page), [], "checkpoints");
        await page.goto(`${server.url}reference.html`);
        await page.locator(".operation").first().waitFor();
        for (const summary of await page.locator(".operation summary").all()) await summary.click();
        assert.deepEqual(await broken(page), [], "the API");
      } finally {
        await context.close();
      }
    });
  }
}

test("the page is at most 150 KB without the network, and ready within a second", async () => {
  const context = await browser.newContext();
  try {
    const times = [];
    for (let i = 0; i < 3; i++) {
      const page = await context.newPage();
      await page.goto(server.url);
      await page.locator('#connection[data-state="ready"]').waitFor();
      times.push(await page.evaluate(() => performance.now()));
      await page.close();
    }
    const page = await context.newPage();
    const loaded = [];
    page.on("response", (response) => loaded.push(new URL(response.url()).pathname.slice(1) || "index.html"));
    await page.goto(server.url);
    await page.locator('#connection[data-state="ready"]').waitFor();
    await page.waitForTimeout(1500);
    const own = loaded.filter((name) => [".html", ".css", ".js", ".svg"].includes(extname(name)));
    const sizes = await Promise.all([...new Set(own)].map(async (name) =>
      (await readFile(webFile(name))).length));
    const sum = sizes.reduce((all, size) => all + size, 0);
    assert.ok(sizes.length > 10 && sum <= 150_000, `${sum} bytes of ${own}`);
    console.log(`page: ${sum} bytes, ready in ${times.map((time) => time.toFixed(0)).join(", ")} ms`);
    assert.ok(Math.min(...times) < 1000, `${times}`);
  } finally {
    await context.close();
  }
});
