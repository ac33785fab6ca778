// The page of checkpoints, with two of them.

import assert from "node:assert/strict";
import { cp, readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { Server, launch, repository, screenshot } from "./browser.mjs";

let server;
let browser;

before(async () => {
  server = await Server.start();
  browser = await launch();
  // The other checkpoint of the repository, which the server finds by itself.
  const all = join(repository, "artifacts", "checkpoints");
  for (const id of await readdir(all)) {
    await cp(join(all, id), join(server.artifacts, "checkpoints", id), { recursive: true });
  }
});

after(async () => {
  await browser?.close();
  await server?.remove();
});

test("another checkpoint is made to serve, and the one before again", async () => {
  const [first] = (await readFile(join(repository, "artifacts", "CURRENT"), "utf8")).split("\n");
  const page = await browser.newPage({ viewport: { width: 1100, height: 800 } });
  await page.goto(`${server.url}models.html`);
  const serving = page.locator('.checkpoint[data-serving="true"] h3 a');
  await serving.waitFor();
  assert.equal(await serving.textContent(), first);
  assert.match(await page.locator('.checkpoint[data-serving="true"] dl').textContent(), /Test set9\d\.\d\d % of 10,000/);
  assert.ok(await page.locator("#back").isDisabled());
  await screenshot(page, "checkpoints");

  const other = page.locator('.checkpoint[data-serving="false"]').first();
  const id = await other.locator("h3 a").textContent();
  await other.locator("button").click();
  await page.locator("#said", { hasText: `${id} serves now.` }).waitFor();
  assert.equal(await serving.textContent(), id);
  const answer = await (await fetch(`${server.url}api/models`)).json();
  assert.equal(answer.current, id);

  await page.locator("#back").click();
  await page.locator("#said", { hasText: `${first} serves now.` }).waitFor();
  assert.equal(await serving.textContent(), first);
  // A report of its own.
  await serving.click();
  await page.waitForURL(`**/models/${first}`);
});
