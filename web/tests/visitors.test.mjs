// What visitors of a server with a token see and leave on its pages, and what its holder sees of it.

import assert from "node:assert/strict";
import { test } from "node:test";

import { browser, draw, screenshot, serve, server } from "./browser.mjs";

const TOKEN = "a-token-of-some-length";
const seven = [[[0.25, 0.2], [0.5, 0.19], [0.75, 0.2], [0.62, 0.5], [0.45, 0.85]]];

serve(undefined, ["--admin-token", TOKEN, "--train-arguments=--no-such-option"]);

// A browser of its own, with what it remembers.
const visitor = () => browser.newContext({ viewport: { width: 1100, height: 900 } });

async function open(context, path) {
  const page = await context.newPage();
  // Deleting many asks first.
  page.on("dialog", (dialog) => dialog.accept());
  await page.goto(server.url + path);
  return page;
}

const shows = (page, id, pattern) =>
  page.waitForFunction(
    ([id, source]) => new RegExp(source).test(document.getElementById(id).textContent),
    [id, pattern.source],
    { timeout: 10_000 },
  );

test("a visitor sees its own samples alone, and the token's holder confirms them", async () => {
  const ana = await visitor();
  const drawing = await open(ana, "");
  await drawing.locator("#teach").waitFor();
  await shows(drawing, "teach-kept", /pictures scaled down, without what else is in their files/);
  await shows(drawing, "teach-kept", /network address is kept for 30 days/);
  await shows(drawing, "teach-kept", /What you do not save is not kept/);
  await draw(drawing, seven);
  await drawing.getByRole("button", { name: "Save as 7", exact: true }).click();
  await shows(drawing, "teach-count", /^1 sample of yours/);

  const own = await open(ana, "samples.html");
  await own.locator("#cards .card").waitFor();
  assert.ok(await own.locator("#own").isVisible());
  for (const id of ["#look-section", "#undo", "#import-label", "#waiting"]) {
    assert.ok(await own.locator(id).isHidden(), id);
  }
  assert.match(await own.locator("#cards .card").textContent(), /not confirmed/);
  const [download] = await Promise.all([own.waitForEvent("download"), own.locator("#export-csv").click()]);
  assert.equal(download.suggestedFilename(), "samples.csv");
  await screenshot(own, "samples-own");

  // Another visitor sees none of it.
  const bob = await visitor();
  const others = await open(bob, "samples.html");
  await shows(others, "cards", /No samples yet/);
  await bob.close();

  // Who has the token sees it apart.
  const holder = await visitor();
  const all = await open(holder, "samples.html");
  await all.locator("#show-all").click();
  await all.locator("dialog input[name=token]").fill(TOKEN);
  await all.locator("dialog button.primary").click();
  await all.locator("#waiting tbody tr").waitFor();
  assert.match(await all.locator("#waiting tbody tr").textContent(), /^7\s*1/);
  await screenshot(all, "samples-waiting");
  await all.getByRole("button", { name: "Confirm all samples of 7" }).click();
  await shows(all, "message", /Confirmed 1 sample/);
  await all.locator("#waiting").waitFor({ state: "hidden" });
  assert.doesNotMatch(await all.locator("#cards .card").textContent(), /not confirmed/);
  await holder.close();

  // It stays the visitor's own.
  await own.reload();
  await own.getByRole("button", { name: "Delete this sample of 7" }).click();
  await shows(own, "message", /Deleted for good/);
  await shows(own, "cards", /No samples yet/);
  await ana.close();
});

test("the page Checkpoints follows the jobs without the token", async () => {
  const context = await visitor();
  const page = await open(context, "models.html");
  await page.locator("#runs").waitFor();
  const headers = { Authorization: `Bearer ${TOKEN}` };
  for (const foot of [85, 95]) {
    const body = JSON.stringify({ label: "7", strokes: [[[10, 10], [70, 10], [40, foot]]] });
    await fetch(`${server.url}api/samples`, { method: "POST", headers: { ...headers, "Content-Type": "application/json" }, body });
  }
  // The trainer does not know one of its arguments, so it fails.
  await fetch(`${server.url}api/jobs`, { method: "POST", headers });
  await page.locator("#past details").waitFor({ timeout: 20_000 });
  await page.locator("#past summary").first().click();
  assert.match(await page.locator("#past details").first().textContent(), /It failed\./);
  await context.close();
});
