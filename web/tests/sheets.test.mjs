// The page Sheets with a real server and a real Chromium: reads a table that is drawn here, walks
// through its unsure cells, mends its lines, and exports it.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { browser, errorsOf, pictures, screenshot, serve, server } from "./browser.mjs";
import { CELL, MARGIN, READ, table } from "./table.mjs";

const DESKTOP = { viewport: { width: 1280, height: 800 } };
const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 };

serve();

// Each test has its own page, which fails if it threw or logged an error that `expected` does not
// match.
function onPage(name, { expected, ...options }, run) {
  test(name, async () => {
    const context = await browser.newContext({ ...DESKTOP, serviceWorkers: "block", acceptDownloads: true, ...options });
    const page = await context.newPage();
    const errors = errorsOf(page);
    try {
      await page.goto(`${server.url}sheets.html`);
      await page.locator('#state[data-state="ready"]').waitFor();
      await run(page);
      assert.deepEqual(errors.filter((error) => !expected?.test(error)), []);
    } finally {
      await context.close();
    }
  });
}

async function choose(page, ...files) {
  await page.locator("#files").setInputFiles(files);
  await isRead(page);
}

const isRead = (page) => page.locator('#work[data-state="read"]').waitFor({ timeout: 20_000 });
const text = async (page, id) => (await page.locator(id).textContent()).replaceAll("\u00a0", " ");
const hasText = (page, id, words) => page.locator(id, { hasText: words }).waitFor();

// The texts of the cells on the page, row by row, without what only screen readers say.
const texts = (page) => page.locator("#texts tbody tr").evaluateAll((rows) => rows.map((row) =>
  [...row.querySelectorAll("td")].map((cell) => cell.firstChild?.nodeType === Node.TEXT_NODE ? cell.firstChild.data : "")));

async function exported(page, button = "#export") {
  const [download] = await Promise.all([page.waitForEvent("download"), page.locator(button).click()]);
  return { name: download.suggestedFilename(), text: await readFile(await download.path(), "utf8") };
}

async function samplesOf(page) {
  const { total, samples } = await (await fetch(`${server.url}api/samples`)).json();
  return { total, labels: samples.map(({ label }) => label) };
}

onPage("the unsure cells are checked by keyboard alone, saved as samples, and exported", {}, async (page) => {
  await choose(page, await table(page));
  assert.deepEqual(await texts(page), READ);
  assert.equal(await text(page, "#work-state"), "9 cells, 2 of them unsure, 0 checked.");
  // The boxes lie on the cells.
  const box = await page.locator('#cells [data-i="4"] rect').evaluate((rect) =>
    ["x", "y", "width", "height"].map((side) => Number(rect.getAttribute(side))));
  [MARGIN + CELL[0], MARGIN + CELL[1], ...CELL].forEach((wanted, i) => assert.ok(Math.abs(box[i] - wanted) < 4, `${box}`));
  await screenshot(page, "sheets");

  await page.locator("#check").focus();
  await page.keyboard.press("Enter");
  assert.equal(await text(page, "#walk-title"), "1 of 2 unsure");
  assert.equal(await text(page, "#walk-place"), "row 2, column 1, not read as a digit");
  await screenshot(page, "sheets-walk");
  await page.keyboard.type("4");
  await page.keyboard.press("Enter");
  assert.equal(await text(page, "#walk-title"), "2 of 2 unsure");
  await hasText(page, "#taught", "1 sample saved.");
  assert.deepEqual(await samplesOf(page), { total: 1, labels: ["4"] });
  // Back, and forth without a change.
  await page.keyboard.press("Shift+Enter");
  assert.equal(await page.locator("#walk-text").inputValue(), "4");
  await page.keyboard.press("ArrowDown");
  assert.equal(await text(page, "#walk-title"), "2 of 2 unsure");
  await page.keyboard.press("Escape");
  assert.ok(await page.locator("#walk").isHidden());
  // What is still unsure has a question mark.
  assert.deepEqual(await exported(page), { name: "marks.csv", text: "7,1,4\n4,71,\n4,?,7\n" });
  await hasText(page, "#exported", "Still unsure, with a question mark at the end: 1.");

  // The cell has the focus again; any other one is reached by the arrow keys and typed over.
  await page.locator("#check").click();
  await page.keyboard.press("Escape");
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowUp");
  await page.keyboard.type("=1");
  assert.equal(await text(page, "#walk-title"), "Correct a cell");
  await page.keyboard.press("Enter");
  // On to the one that is still unsure, and Enter confirms that nothing is written there.
  assert.equal(await text(page, "#walk-title"), "2 of 2 unsure");
  await page.keyboard.press("Enter");
  assert.ok(await page.locator("#walk").isHidden());
  assert.equal(await text(page, "#work-state"), "9 cells, all sure or checked.");
  assert.ok(await page.locator("#check").evaluate((button) => button === document.activeElement));
  assert.equal((await exported(page)).text, "7,1,4\n4,71,'=1\n4,,7\n");

  // Everything is taken back, the sample too.
  for (let i = 0; i < 3; i++) await page.keyboard.press("Control+z");
  assert.ok(await page.locator("#undo").isDisabled());
  assert.equal((await exported(page)).text, "7,1,4\n?,71,\n4,?,7\n");
  await hasText(page, "#taught", "0 samples saved.");
  assert.equal((await samplesOf(page)).total, 0);
});

onPage("lines are dragged, added, removed, and drawn where none are printed", {}, async (page) => {
  await choose(page, await table(page));
  await page.locator("#mend").click();
  const line = (name) => page.getByRole("slider", { name });
  // The middle of a line, on the screen.
  const middle = (name) => line(name).evaluate((node) => {
    const { left, top, width, height } = node.lastChild.getBoundingClientRect();
    return [left + width / 2, top + height / 2];
  });
  // The second row goes to the middle of the third.
  await page.locator("#stage").evaluate((stage) => stage.scrollIntoView({ block: "end" }));
  const [x, y] = await middle("Row line 3 of 4");
  const [, below] = await middle("Row line 4 of 4");
  await page.mouse.move(x + 20, y);
  await page.mouse.down();
  await page.mouse.move(x + 20, (y + below) / 2, { steps: 4 });
  await page.mouse.up();
  assert.equal(await line("Row line 3 of 4").getAttribute("aria-valuenow"), "83");
  // And back by the keyboard, as all lines.
  for (let i = 0; i < 5; i++) await page.keyboard.press("Shift+ArrowUp");
  for (let i = 0; i < 5; i++) await page.keyboard.press("ArrowUp");
  assert.equal(await line("Row line 3 of 4").getAttribute("aria-valuenow"), "67");
  await line("Column line 3 of 4").focus();
  await page.keyboard.press("Delete");
  await screenshot(page, "sheets-mend");
  await page.locator("#mend-read").click();
  await isRead(page);
  await page.locator("#texts tbody tr").first().waitFor();
  assert.deepEqual((await texts(page)).map((row) => row.length), [2, 2, 2]);
  assert.deepEqual((await texts(page))[0], ["7", "14"]);

  // The line is added again, and what was corrected stays.
  await page.locator('#texts td[data-i="0"]').click();
  await page.keyboard.type("1");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Escape");
  await page.locator("#mend").click();
  await line("Column line 2 of 3").focus();
  await page.locator("#mend-column").click();
  await page.locator("#mend-read").click();
  await page.waitForFunction(() => document.querySelectorAll("#texts tbody tr:first-child td").length === 3);
  assert.deepEqual((await texts(page))[0], ["1", "1", "4"]);
  // The lines that the server finds are the same.
  await page.locator("#mend").click();
  await page.locator("#mend-find").click();
  await isRead(page);
  assert.equal((await texts(page)).length, 3);

  // Without printed lines.
  await choose(page, await table(page, { name: "plain.png", isRuled: false }));
  await page.locator("#pile button", { hasText: "plain.png" }).click();
  await hasText(page, "#work-state", "No table with printed lines was found");
  await page.locator("#mend").click();
  await page.locator("#stage").evaluate((stage) => stage.scrollIntoView({ block: "end" }));
  const picture = await page.locator("#lines").boundingBox();
  const unit = picture.width / (2 * MARGIN + 3 * CELL[0]);
  await page.mouse.move(picture.x + MARGIN * unit, picture.y + MARGIN * unit);
  await page.mouse.down();
  await page.mouse.move(picture.x + (MARGIN + 3 * CELL[0]) * unit, picture.y + (MARGIN + 3 * CELL[1]) * unit, { steps: 3 });
  await page.mouse.up();
  await page.locator("#mend-rows").fill("3");
  await page.locator("#mend-columns").fill("3");
  await page.locator("#mend-columns").blur();
  await page.locator("#mend-read").click();
  await page.waitForFunction(() => document.querySelectorAll("#texts tbody tr").length === 3);
  assert.deepEqual(await texts(page), READ);
});

onPage("several files are read one after the other, and one that fails stops none", { expected: /422|415/ }, async (page) => {
  const damaged = { name: "damaged.png", mimeType: "image/png", buffer: await readFile(join(pictures, "png_truncated_half.png")) };
  const pdf = { name: "form.pdf", mimeType: "application/pdf", buffer: Buffer.from("%PDF-1.7") };
  await page.locator("#files").setInputFiles([
    damaged, await table(page), pdf, await table(page, { name: "turned.png", isTurned: true }),
  ]);
  await page.waitForFunction(() => document.querySelectorAll('#pile [data-state="read"]').length === 2, null, { timeout: 20_000 });
  const states = await page.locator("#pile button").evaluateAll((buttons) => buttons.map(({ dataset }) => dataset.state));
  assert.deepEqual(states, ["failed", "read", "failed", "read"]);
  await page.locator("#pile button", { hasText: "form.pdf" }).click();
  assert.equal(await text(page, "#work-state"), "This is a PDF: save its pages as pictures first.");
  await page.locator("#pile button", { hasText: "damaged" }).click();
  assert.match(await text(page, "#work-state"), /^The image cannot be read: .*\.$/);
  // The turned one is shown upright, with its cells on it.
  await page.locator("#pile button", { hasText: "turned.png" }).click();
  assert.deepEqual((await texts(page))[1], ["", "71", ""]);
  const box = await page.locator('#cells [data-i="0"] rect').evaluate((rect) => Number(rect.getAttribute("x")));
  assert.ok(Math.abs(box - MARGIN) < 5, `${box}`);
  await screenshot(page, "sheets-several");
  const all = await exported(page, "#export-all");
  assert.equal(all.name, "sheets.csv");
  assert.match(all.text, /^marks\.png,7,1,4\n.*\n.*\nturned\.png,7,1,4\n/);
  // Turned by hand, another side is up.
  await page.locator("#turn").click();
  await isRead(page);
  await page.waitForFunction(() => document.getElementById("cells").viewBox.baseVal.width < document.getElementById("cells").viewBox.baseVal.height);
  await page.locator("#remove").click();
  assert.equal(await page.locator("#pile button").count(), 3);
});

onPage("what a column holds is said once, for all sheets", {}, async (page) => {
  await choose(page, await table(page));
  await page.locator("#texts thead button").nth(1).click();
  const dialog = page.locator("dialog.column");
  await dialog.locator("[name=kind]").selectOption("digits");
  // What makes no sense is not taken.
  await dialog.locator("[name=least]").fill("0");
  await dialog.locator(".primary").click();
  await dialog.locator("[name=least]").fill("2");
  await dialog.locator("[name=most]").fill("1");
  await dialog.locator(".primary").click();
  assert.equal(await dialog.locator("[name=most]").evaluate((field) => field.validationMessage), "This is less than the number before it.");
  await dialog.locator("[name=most]").fill("");
  const [request] = await Promise.all([
    page.waitForRequest((request) => request.url().includes("api/sheet")),
    dialog.locator(".primary").click(),
  ]);
  assert.equal(new URL(request.url()).searchParams.get("columns"), '[null,{"digits":2}]');
  await page.waitForFunction(() => document.querySelector('#texts td[data-i="1"]').dataset.state === "unsure");
  assert.equal(await page.locator("#texts thead button").nth(1).getAttribute("aria-label"), "Column 2 holds 2 digits");
  await page.reload();
  await choose(page, await table(page));
  assert.equal(await page.locator("#texts thead button small").nth(1).textContent(), "2 digits");
});

for (const [size, options] of [["desktop", DESKTOP], ["phone", PHONE]]) {
  onPage(`in Spanish on a ${size}`, { ...options, locale: "es-ES" }, async (page) => {
    assert.equal(await page.title(), "Hojas · Glyphic");
    await choose(page, await table(page));
    assert.equal(await text(page, "#work-state"), "9 celdas, de ellas 2 dudosas y 0 revisadas.");
    await page.locator("#check").click();
    assert.equal(await text(page, "#walk-title"), "1 de 2 dudosas");
    assert.equal(await page.locator("#walk-text").getAttribute("inputmode"), "numeric");
    const width = () => page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok((await width()) <= options.viewport.width, "walking");
    await screenshot(page, `sheets-spanish-${size}`);
    await page.locator("#walk-leave").click();
    await page.locator("#mend").click();
    assert.ok((await width()) <= options.viewport.width, "mending");
  });
}

onPage("leaving with corrections or mended lines that are not exported asks first", {}, async (page) => {
  const works = [
    () => page.locator("#check").click().then(() => page.keyboard.type("4")),
    () => page.locator("#mend").click().then(() => page.locator("#mend-row").click()),
  ];
  for (const work of works) {
    await choose(page, await table(page));
    await work();
    const asked = new Promise((resolve) => page.once("dialog", (dialog) => {
      resolve(dialog.type());
      dialog.accept();
    }));
    await page.locator("#language").click();
    assert.equal(await asked, "beforeunload");
    await page.locator('#state[data-state="ready"]').waitFor();
  }
});

onPage("a key that is held and a double click accept one cell", {}, async (page) => {
  await choose(page, await table(page));
  await page.locator("#check").focus();
  // Playwright repeats a key that is already down.
  for (let i = 0; i < 5; i++) await page.keyboard.down("Enter");
  assert.equal(await text(page, "#walk-title"), "1 of 2 unsure");
  await page.keyboard.up("Enter");
  for (let i = 0; i < 5; i++) await page.keyboard.down("Enter");
  await page.keyboard.up("Enter");
  assert.equal(await text(page, "#walk-title"), "2 of 2 unsure");
  await page.keyboard.press("ArrowUp");
  // Longer than between the clicks of a double click.
  await page.waitForTimeout(500);
  await page.locator("#walk-confirm").dblclick();
  assert.equal(await text(page, "#walk-title"), "2 of 2 unsure");
  assert.equal(await text(page, "#work-state"), "9 cells, 2 of them unsure, 1 checked.");
});

// Lets requests for readings fail, or wait until what is returned is called.
const cut = (page) => page.route("**/api/sheet?*", (route) => route.abort());
const uncut = (page) => page.unroute("**/api/sheet?*");
async function hold(page) {
  let release;
  const released = new Promise((resolve) => { release = resolve; });
  await page.route("**/api/sheet?*", async (route) => {
    await released;
    await route.continue();
  });
  return release;
}

onPage("what is typed is kept unless Escape drops it", {}, async (page) => {
  await choose(page, await table(page));
  const cell = (i) => page.locator(`#texts td[data-i="${i}"]`);
  await page.locator("#check").click();
  await page.keyboard.type("51");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.type("52");
  await page.keyboard.press("ArrowUp");
  await cell(0).click();
  await page.keyboard.type("53");
  await cell(1).click();
  await page.keyboard.type("54");
  await page.keyboard.press("Escape");
  assert.deepEqual(await texts(page), [["53", "1", "4"], ["51", "71", ""], ["4", "52", "7"]]);
  assert.ok(await cell(1).evaluate((node) => node === document.activeElement));
  // A reading that ends changes nothing of what is being typed.
  const release = await hold(page);
  await page.locator("#texts thead button").nth(2).click();
  await page.locator("dialog.column [name=kind]").selectOption("range");
  await page.locator("dialog.column [name=max]").fill("20");
  await page.locator("dialog.column .primary").click();
  await cell(2).click();
  await page.keyboard.type("1");
  release();
  await isRead(page);
  await page.keyboard.type("7");
  await page.keyboard.press("Enter");
  assert.deepEqual((await texts(page))[0], ["53", "1", "17"]);
});

onPage("turning a sheet keeps its corrections, and one that fails changes nothing", { expected: /ERR_FAILED/ }, async (page) => {
  await choose(page, await table(page));
  await page.locator('#texts td[data-i="0"]').click();
  await page.keyboard.type("88");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Escape");
  await cut(page);
  await page.locator("#turn").click();
  await hasText(page, "#work-state", "The server is not responding.");
  assert.equal((await texts(page))[0][0], "88");
  const isWide = () => page.locator("#paper-picture").evaluate(({ width, height }) => width > height);
  assert.ok(await isWide());
  await uncut(page);
  await page.locator("#again").click();
  await page.waitForFunction(() => document.getElementById("cells").viewBox.baseVal.width < document.getElementById("cells").viewBox.baseVal.height);
  assert.equal((await texts(page))[0].at(-1), "88");
  await page.locator("#undo").click();
  assert.notEqual((await texts(page))[0].at(-1), "88");
});

onPage("mended lines are undone, kept, and not lost when they cannot be read", { expected: /ERR_FAILED/ }, async (page) => {
  await choose(page, await table(page));
  const line = (name) => page.getByRole("slider", { name });
  const lines = () => page.getByRole("slider").count();
  await page.locator("#mend").click();
  assert.equal(await lines(), 8);
  await line("Row line 2 of 4").focus();
  await page.keyboard.press("Delete");
  await line("Column line 2 of 4").focus();
  await page.keyboard.press("Shift+ArrowRight");
  assert.equal(await line("Column line 2 of 4").getAttribute("aria-valuenow"), "36");
  await page.keyboard.press("Control+z");
  assert.equal(await line("Column line 2 of 4").getAttribute("aria-valuenow"), "33");
  assert.equal(await lines(), 7);
  await page.locator("#undo").click();
  assert.equal(await lines(), 8);
  // Another reading, Escape, a cell, and another sheet leave them as they are.
  await line("Row line 2 of 4").focus();
  await page.keyboard.press("Delete");
  await page.locator("#texts thead button").nth(2).click();
  await page.locator("dialog.column [name=kind]").selectOption("range");
  await page.locator("dialog.column [name=max]").fill("20");
  await page.locator("dialog.column .primary").click();
  await page.locator("#texts thead button small", { hasText: "0 to 20" }).waitFor();
  assert.equal(await lines(), 7);
  await line("Row line 2 of 3").focus();
  await page.keyboard.press("Escape");
  await page.locator("#mend").click();
  assert.equal(await lines(), 7);
  await page.locator("#check").click();
  assert.ok(await page.locator("#lines").isHidden());
  await page.locator("#mend").click();
  assert.ok(await page.locator("#walk").isHidden());
  await page.locator("#files").setInputFiles([await table(page, { name: "other.png" })]);
  await page.locator('#pile [data-state="read"]').nth(1).waitFor();
  assert.equal(await lines(), 7);
  await page.locator("#pile button").nth(1).click();
  assert.ok(await page.locator("#lines").isHidden());
  await page.locator("#pile button").nth(0).click();
  await page.locator("#mend").click();
  assert.equal(await lines(), 7);
  // The server does not answer.
  await cut(page);
  await page.locator("#mend-read").click();
  await hasText(page, "#work-state", "The server is not responding.");
  assert.equal(await lines(), 7);
  await uncut(page);
  const [request] = await Promise.all([
    page.waitForRequest((request) => request.url().includes("api/sheet")),
    page.locator("#again").click(),
  ]);
  assert.equal(JSON.parse(new URL(request.url()).searchParams.get("grid"))[0].rows.length, 3);
  await page.waitForFunction(() => document.querySelectorAll("#texts tbody tr").length === 2);
  assert.ok(await page.locator("#lines").isHidden());
});

onPage("lines are not too near each other, and one dropped onto another is removed", {}, async (page) => {
  await choose(page, await table(page));
  const line = (name) => page.getByRole("slider", { name });
  const place = (name) => line(name).evaluate((node) => {
    const { left, top, height } = node.lastChild.getBoundingClientRect();
    return [left + 30, top + height / 2];
  });
  await page.locator("#mend").click();
  await page.locator("#stage").evaluate((stage) => stage.scrollIntoView({ block: "end" }));
  const [x, second] = await place("Row line 2 of 4");
  const [, third] = await place("Row line 3 of 4");
  // Beside a line there is no room for another.
  await page.mouse.dblclick(x, second + 4);
  assert.equal(await line("Row line 4 of 4").count(), 1);
  await page.mouse.move(x, second);
  await page.mouse.down();
  await page.mouse.move(x, third - 2, { steps: 3 });
  await page.mouse.up();
  assert.equal(await line("Row line 3 of 3").count(), 1);
  // A count that is out of range is not read.
  await page.locator("#mend-columns").fill("600");
  await page.locator("#mend-read").click();
  assert.ok(await page.locator("#mending").isVisible());
});

onPage("the walk goes on to the next sheet, and saving all says what is missing", {}, async (page) => {
  const note = { name: "note.txt", mimeType: "text/plain", buffer: Buffer.from("hello") };
  await page.locator("#files").setInputFiles([await table(page), await table(page, { name: "more.png" }), note]);
  await page.locator('#pile [data-state="read"]').nth(1).waitFor({ timeout: 20_000 });
  assert.equal(await text(page, "#export-part"), "2 of 3 sheets; the others are waiting or cannot be read.");
  await page.locator("#pile button").nth(0).click();
  await page.locator("#check").click();
  // Beyond the last cell is the next sheet, and after the last sheet the first again.
  for (const name of ["more.png:", "marks.png:"]) {
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowDown");
    await hasText(page, "#walk-sheet", name);
    await page.locator("#walk").waitFor();
  }
  await page.keyboard.press("Enter");
  await page.keyboard.press("Enter");
  await hasText(page, "#walk-sheet", "more.png:");
  assert.equal(await text(page, "#walk-title"), "1 of 2 unsure");
  assert.equal(await page.locator("#walk-text").evaluate((field) => field === document.activeElement), true);
  await page.keyboard.press("Enter");
  await page.keyboard.press("Enter");
  assert.ok(await page.locator("#walk").isHidden());
  await exported(page, "#export-all");
  assert.equal(await text(page, "#exported"), "Saved 2 of 3 sheets. Done.");
  await page.locator("#pile button").nth(2).click();
  assert.equal(await text(page, "#work-state"), "This is not a picture.");
  assert.ok(await page.locator("#again").isHidden());
});

onPage("sheets wait for a server that does not answer", { expected: /ERR_FAILED/ }, async (page) => {
  await page.route("**/api/*", (route) => route.abort());
  await page.locator("#files").setInputFiles([await table(page), await table(page, { name: "more.png" })]);
  await hasText(page, "#message", "Waiting for the server …");
  await hasText(page, "#work-state", "Waiting for the server …");
  assert.equal(await page.locator('#pile [data-state="waiting"]').count(), 2);
  await page.unroute("**/api/*");
  await page.locator('#pile [data-state="read"]').nth(1).waitFor({ timeout: 20_000 });
});

onPage("a heading is neither read nor checked, on the sheets after it too", {}, async (page) => {
  const { total } = await samplesOf(page);
  await page.locator("#files").setInputFiles([await table(page), await table(page, { name: "more.png" })]);
  await page.locator('#pile [data-state="read"]').nth(1).waitFor({ timeout: 20_000 });
  await page.locator("#pile button").nth(0).click();
  await page.locator("#heading").check();
  assert.deepEqual((await texts(page))[0], ["", "", ""]);
  // What is typed there is no sample.
  await page.locator('#texts td[data-i="0"]').click();
  assert.equal(await text(page, "#walk-place"), "row 1, column 1, heading");
  await page.keyboard.type("7");
  await page.keyboard.press("ArrowDown");
  assert.equal(await text(page, "#walk-title"), "1 of 2 unsure");
  await page.keyboard.press("Escape");
  assert.equal((await samplesOf(page)).total, total);
  await page.locator("#pile button").nth(1).click();
  assert.deepEqual((await texts(page))[0], ["", "", ""]);
  await page.locator("#heading").uncheck();
  assert.deepEqual(await texts(page), READ);
  await page.locator("#pile button").nth(0).click();
  assert.deepEqual((await texts(page))[0], ["7", "", ""]);
});

onPage("the focus stays where it was when a sheet is read again", {}, async (page) => {
  await choose(page, await table(page));
  const isHeld = (id) => page.waitForFunction((id) => document.activeElement.matches(id), id);
  await page.locator("#turn").focus();
  for (let i = 0; i < 4; i++) {
    await Promise.all([page.waitForResponse("**/api/sheet?*"), page.keyboard.press("Enter")]);
    await isRead(page);
    await isHeld("#turn");
  }
  assert.deepEqual(await texts(page), READ);
  await page.locator("#texts thead button").nth(1).focus();
  await page.keyboard.press("Enter");
  await page.locator("dialog.column [name=kind]").selectOption("range");
  await page.locator("dialog.column [name=max]").fill("200");
  await page.keyboard.press("Enter");
  await isHeld('[aria-label="Column 2 holds 0 to 200"]');
});
