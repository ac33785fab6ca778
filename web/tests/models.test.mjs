// The page of checkpoints, with all checkpoints of the repository; and the page of the API.

import assert from "node:assert/strict";
import { cp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { Server, browser, draw, errorsOf, repository, screenshot, serve, server } from "./browser.mjs";

serve(async (server) => {
  // The other checkpoints of the repository, which the server finds by itself.
  const all = join(repository, "artifacts", "checkpoints");
  for (const id of await readdir(all)) {
    await cp(join(all, id), join(server.artifacts, "checkpoints", id), { recursive: true });
  }
});

test("another checkpoint is promoted, and rolled back", async () => {
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
  await other.getByRole("button", { name: "Promote" }).click();
  await page.locator("#message", { hasText: `${id} is now serving.` }).waitFor();
  assert.equal(await serving.textContent(), id);
  const answer = await (await fetch(`${server.url}api/models`)).json();
  assert.equal(answer.current, id);

  await page.locator("#back").click();
  await page.locator("#message", { hasText: `${first} is now serving.` }).waitFor();
  assert.equal(await serving.textContent(), first);
  // A report of its own.
  await serving.click();
  await page.waitForURL(`**/models/${first}`);
});

test("a less accurate checkpoint is promoted only after a second click; a pinned one is kept", async () => {
  const [serves] = (await readFile(join(repository, "artifacts", "CURRENT"), "utf8")).split("\n");
  const page = await browser.newPage({ viewport: { width: 1100, height: 800 } });
  const worse = "worse";
  const folder = join(server.artifacts, "checkpoints", worse);
  await cp(join(server.artifacts, "checkpoints", serves), folder, { recursive: true });
  const path = join(folder, "manifest.json");
  const manifest = JSON.parse(await readFile(path, "utf8"));
  manifest.id = worse;
  manifest.metrics.test.accuracy = 0.95;
  await writeFile(path, JSON.stringify(manifest));
  await page.goto(`${server.url}models.html`);
  const card = page.locator(".checkpoint", { has: page.locator("h3 a", { hasText: /^worse$/ }) });
  await card.getByRole("button", { name: "Promote: worse" }).click();
  await page.locator("#message", { hasText: "its accuracy on the test set is 95.00 %" }).waitFor();
  assert.equal(await page.locator('.checkpoint[data-serving="true"] h3 a').textContent(), serves);
  await page.getByRole("button", { name: "Promote it anyway: worse" }).click();
  await page.locator("#message", { hasText: "worse is now serving." }).waitFor();
  await page.locator("#back").click();
  await page.locator("#message", { hasText: `${serves} is now serving.` }).waitFor();

  await card.getByRole("button", { name: "Pin: worse", exact: true }).click();
  await card.locator(".badge", { hasText: "pinned" }).waitFor();
  const { removed } = await (await fetch(`${server.url}api/models/prune?keep=0`, { method: "POST" })).json();
  assert.ok(!removed.includes(worse), `${removed}`);
  await card.getByRole("button", { name: "Unpin: worse" }).click();
  await card.locator(".badge", { hasText: "pinned" }).waitFor({ state: "detached" });
  await page.close();
});

test("a report from elsewhere runs nothing, sends nothing, and leads nowhere by itself", async () => {
  const [serves] = (await readFile(join(repository, "artifacts", "CURRENT"), "utf8")).split("\n");
  const id = "elsewhere";
  const folder = join(server.artifacts, "checkpoints", id);
  await cp(join(repository, "artifacts", "checkpoints", serves), folder, { recursive: true });
  const path = join(folder, "manifest.json");
  await writeFile(path, JSON.stringify({ ...JSON.parse(await readFile(path, "utf8")), id }));
  await writeFile(join(folder, "report.html"), `<!doctype html><title>A report</title>
    <meta http-equiv="refresh" content="0;url=/samples.html">
    <script>location = "/models.html"</script>
    <form action="/api/models/rollback" method="post">
      <button style="position: fixed; inset: 0; width: 100%; height: 100%">Open</button>
    </form>`);
  const page = await browser.newPage();
  const answered = [];
  page.on("response", (response) => answered.push(response.url()));
  const address = `${server.url}models/${id}`;
  await page.goto(address);
  await page.mouse.click(100, 100);
  await page.waitForTimeout(1500);
  assert.equal(page.url(), address);
  assert.deepEqual(answered, [address]);
  await page.close();
  await rm(folder, { recursive: true });
});

test("two checkpoints read one drawing side by side, and the loaded one is unloaded", async () => {
  const [serves] = (await readFile(join(repository, "artifacts", "CURRENT"), "utf8")).split("\n");
  const all = join(repository, "artifacts", "checkpoints");
  const other = (await readdir(all)).find((id) => id !== serves && id.startsWith("mnist-"));
  // It may have been removed by now.
  await cp(join(all, other), join(server.artifacts, "checkpoints", other), { recursive: true });
  const state = async (id) => {
    const index = await fetch(`${server.url}v2/repository/index`, { method: "POST" });
    return (await index.json()).find(({ name }) => name === id).state;
  };
  const page = await browser.newPage({ viewport: { width: 1100, height: 800 } });
  await page.goto(`${server.url}models.html`);
  const [first, second] = [0, 1].map((i) => page.locator("#compare .reader").nth(i));
  await first.locator("select").waitFor();
  assert.equal(await first.locator("select").inputValue(), serves);
  assert.equal(await second.locator("select").inputValue(), "");
  // Everything above has loaded, so the pad does not move any more.
  await page.locator(".checkpoint", { hasText: other }).waitFor();
  await page.locator("#runs").waitFor();
  await page.locator("#canvas").scrollIntoViewIfNeeded();
  await draw(page, [[[0.35, 0.2], [0.65, 0.2], [0.45, 0.8]]]);
  await first.locator(".label", { hasText: /^7$/ }).waitFor();
  assert.match(await first.locator(".sentence").textContent(), /% sure; \d+\.\d\d ms\./);
  assert.equal(await second.locator(".label").textContent(), "–");

  await second.locator("select").selectOption(other);
  await second.locator(".label", { hasText: /^7$/ }).waitFor();
  assert.equal(await second.locator(".bars li").count(), 10);
  assert.match(await second.locator(".bars .best").textContent(), /^7/);
  assert.equal(await state(other), "READY");
  await screenshot(page, "compare");
  // The bar is visible, not only its number.
  const { width } = await second.locator(".bars .best .fill").boundingBox();
  assert.ok(width > 50, `${width} px`);
  await page.setViewportSize({ width: 390, height: 844 });
  await page.locator("#compare").scrollIntoViewIfNeeded();
  await screenshot(page, "compare-phone");

  await page.getByRole("button", { name: "Clear" }).click();
  for (const reader of [first, second]) {
    await reader.locator(".label", { hasText: /^–$/ }).waitFor();
    assert.equal(await reader.locator(".bars .best").count(), 0);
  }
  await page.goto(server.url);
  for (let i = 0; (await state(other)) !== "UNAVAILABLE"; i += 1) {
    assert.ok(i < 50, "it stays loaded");
    await page.waitForTimeout(100);
  }
  await page.close();
});

test("a change asks for the server's token once", async () => {
  const token = "a-token-of-some-length";
  const guarded = await Server.start(["--admin-token", token]);
  const page = await browser.newPage({ viewport: { width: 390, height: 844 } });
  try {
    await page.goto(`${guarded.url}models.html`);
    const pin = page.getByRole("button", { name: /^Pin: / }).first();
    await pin.click();
    const dialog = page.getByRole("dialog", { name: "The server's token" });
    await dialog.waitFor();
    await screenshot(page, "token");
    // Nothing is changed without it …
    await dialog.getByRole("button", { name: "Cancel" }).click();
    await page.locator("#message", { hasText: "this needs the server's token" }).waitFor();
    // … or with a wrong one: then it is asked for again.
    await pin.click();
    await dialog.getByLabel("Token").fill("wrong");
    await dialog.getByRole("button", { name: "Continue" }).click();
    await dialog.getByText("is not valid").waitFor();
    await dialog.getByLabel("Token").fill(token);
    await page.keyboard.press("Enter");
    await page.locator(".badge", { hasText: "pinned" }).waitFor();
    // The browser remembers it, also after a reload.
    await page.reload();
    await page.getByRole("button", { name: /^Unpin: / }).first().click();
    await page.locator(".badge", { hasText: "pinned" }).waitFor({ state: "detached" });
    assert.equal(await dialog.count(), 0);
  } finally {
    await page.close();
    await guarded.remove();
  }
});

test("the page of the API shows every path and sends requests", async () => {
  const page = await browser.newPage({ viewport: { width: 1100, height: 800 } });
  await page.goto(server.url);
  await page.getByRole("link", { name: "API" }).click();
  const paths = Object.values((await (await fetch(`${server.url}api/openapi.json`)).json()).paths);
  const operations = paths.flatMap((item) => ["get", "post", "put", "patch", "delete"].filter((method) => item[method]));
  await page.locator(".operation").first().waitFor();
  assert.equal(await page.locator(".operation").count(), operations.length);
  const one = page.locator(".operation", { has: page.locator("code", { hasText: /^\/v2\/models\/\{model\}$/ }) }).first();
  await one.locator("summary").click();
  await one.getByLabel("model").fill("glyphic");
  await one.getByRole("button", { name: "Try it" }).click();
  await one.getByRole("status").filter({ hasText: '"platform":"glyphic_burn"' }).waitFor();
  // An event stream is shown as far as it has arrived.
  const events = page.locator(".operation", { has: page.locator("code", { hasText: /^\/api\/jobs\/events$/ }) });
  await events.locator("summary").click();
  await events.getByRole("button", { name: "Try it" }).click();
  await events.getByRole("status").filter({ hasText: "event: progress" }).waitFor();
  const predict = page.locator(".operation", { has: page.locator("code", { hasText: /^\/api\/predict$/ }) });
  await predict.locator("summary").click();
  assert.match(await predict.textContent(), /strokes.*Pen strokes/);
  await screenshot(page, "reference");
  await page.close();
});

test("a network is trained from scratch, followed, stopped, and listed when it has ended", async () => {
  const context = await browser.newContext({ viewport: { width: 1100, height: 800 }, colorScheme: "dark" });
  const page = await context.newPage();
  // The trainer runs with a low priority.
  page.setDefaultTimeout(120_000);
  const errors = errorsOf(page);
  await page.goto(`${server.url}models.html`);
  await page.locator("#runs").waitFor();
  assert.ok(await page.locator('[name="network"]').isHidden(), "fine-tuning has no network to choose");
  await page.selectOption("#begin-from", "scratch");
  await page.selectOption('[name="network"]', "mlp");
  await page.fill('[name="epochs"]', "2");
  await page.locator("#begin button").click();
  await page.locator("#run-title", { hasText: "mlp from scratch, 2 epochs: training …" }).waitFor();
  assert.ok(await page.locator("#begin button").isDisabled(), "one at a time");
  const drawn = () => page.waitForFunction(() => {
    const [loss] = document.querySelectorAll("#run polyline");
    return (loss?.getAttribute("points") ?? "").split(" ").length > 3;
  });
  await drawn();
  assert.match(await page.locator("#run-facts").textContent(), /left · step [\d,]+ of 1,620 · [\d,]+ pictures per second · loss \d/);
  // The loss falls. In the picture, y grows downwards.
  const heights = await page.locator("#run polyline").first().evaluate((line) =>
    line.getAttribute("points").split(" ").map((point) => Number(point.split(",")[1])));
  assert.ok(heights.at(-1) > heights[0] + 10, heights.join());
  await screenshot(page, "training-dark");
  // It becomes a checkpoint, which the page shows without a reload, and is not promoted.
  const entry = page.locator("#past details").first();
  await entry.locator("summary", { hasText: "mlp from scratch, 2 epochs" }).waitFor({ timeout: 60_000 });
  await entry.locator("summary", { hasText: "waiting to be promoted" }).waitFor();
  await page.locator("#run").waitFor({ state: "hidden" });
  await entry.locator("summary").click();
  const id = await entry.locator("a").textContent();
  await page.locator(".checkpoint", { hasText: id }).locator(".badge", { hasText: "candidate" }).waitFor();
  await page.waitForFunction(() => document.querySelectorAll("#past polyline")[2].getAttribute("points")?.length > 10);

  await page.fill('[name="epochs"]', "500");
  await page.locator("#begin button").click();
  await drawn();
  await page.locator("#run-stop").click();
  await page.locator("#past summary", { hasText: "500 epochs" }).filter({ hasText: "stopped" }).waitFor({ timeout: 30_000 });
  assert.ok(await page.locator("#begin button").isEnabled());
  assert.match(await page.locator("#runs-message").textContent(), /500 epochs: stopped$/);
  // A hidden field is not required; and the server says why it cannot train.
  await page.fill('[name="epochs"]', "");
  await page.selectOption("#begin-from", "samples");
  await page.locator("#begin button").dblclick();
  await page.locator("#runs-message.bad", { hasText: /nothing to measure a fine-tuned network with: .*label at least two/ }).waitFor();
  await page.locator("#past summary").first().click();
  // Another event does not move the focus or close an entry.
  await page.locator("#past summary").first().focus();
  await fetch(`${server.url}api/jobs?from=scratch&network=mlp&epochs=1`, { method: "POST" });
  await page.waitForFunction(() => document.querySelectorAll("#past details").length === 3, null, { timeout: 120_000 });
  assert.match(await page.evaluate(() => document.activeElement.textContent), /500 epochs/);
  assert.equal(await page.locator("#past details[open]").count(), 2);
  assert.deepEqual(errors.filter((error) => !/status of 409/.test(error)), []);
  await context.close();
});
