// The drawing page with a real server, a real Chromium and pointer events.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { draw, onPage, pictures, reads, screenshot, serve, server } from "./browser.mjs";

const DESKTOP = { width: 1100, height: 800 };
const PHONE = { width: 390, height: 844 };

const seven = [[[0.25, 0.2], [0.5, 0.19], [0.75, 0.2], [0.62, 0.5], [0.45, 0.85]]];
const one = [[[0.5, 0.15], [0.49, 0.5], [0.48, 0.85]]];
const two = [[
  [0.3, 0.32], [0.36, 0.2], [0.5, 0.14], [0.64, 0.2], [0.68, 0.33], [0.6, 0.48],
  [0.45, 0.65], [0.3, 0.8], [0.5, 0.8], [0.74, 0.81],
]];

serve();

function announcement(page) {
  return page.locator("#announcement").textContent();
}

onPage("an answer is shown in the frame in which it arrives", { viewport: DESKTOP }, async (page) => {
  await page.evaluate(() => {
    let frame = 0;
    const tick = () => requestAnimationFrame(() => { frame++; tick(); });
    tick();
    const arrived = [];
    window.late = [];
    const json = Response.prototype.json;
    Response.prototype.json = async function () {
      const body = await json.call(this);
      if (this.url.includes("api/read")) arrived.push(frame);
      return body;
    };
    // It is written for every answer.
    new MutationObserver(() => {
      if (arrived.length) window.late.push(frame - arrived.shift());
    }).observe(document.getElementById("provenance"), { childList: true });
  });
  await draw(page, seven);
  await draw(page, two.map((stroke) => stroke.map(([x, y]) => [x + 0.6, y])));
  await page.waitForTimeout(500);
  const late = await page.evaluate(() => window.late);
  assert.ok(late.length >= 5, `only ${late.length} answers`);
  assert.deepEqual(late.filter((frames) => frames > 0), [], `${late}`);
});

onPage("the nearest training examples are shown beside how it was read", { viewport: DESKTOP }, async (page) => {
  await page.locator("#insight summary").click();
  await draw(page, seven);
  const near = page.locator("#nearest-list li");
  await near.first().waitFor();
  assert.equal(await near.count(), 8);
  const labels = await page.locator("#nearest-list b").allTextContents();
  assert.ok(labels.filter((label) => label === "7").length >= 7, labels.join());
  await page.waitForFunction(() => [...document.querySelectorAll("#nearest-list img")].every((one) => one.naturalWidth === 28));
  // Nothing is sent while this browser reads.
  let asked = 0;
  page.on("request", (request) => (asked += request.url().includes("api/nearest") ? 1 : 0));
  await page.locator('[name="engine"][value="browser"]').check();
  await page.locator("#clear").click();
  await draw(page, one);
  await reads(page, "1");
  await page.locator("#nearest").waitFor({ state: "hidden" });
  await page.waitForTimeout(600);
  assert.equal(asked, 0);
});

onPage("a drawn digit is read", { viewport: DESKTOP }, async (page) => {
  assert.equal(await page.locator("#bars li").count(), 10);
  await screenshot(page, "desktop-empty");
  await draw(page, seven);
  await reads(page, "7");
  assert.match(await page.locator("#sentence").textContent(), /\d %sure$/);
  assert.equal(await page.locator("#bars .best .name").textContent(), "7");
  assert.ok(await page.locator("#seen-picture").isVisible());
  assert.match(await page.locator("#provenance").textContent(), /^mnist-.* answered in \d+ ms/);
  await page.waitForFunction(() => document.getElementById("announcement").textContent !== "");
  assert.match(await announcement(page), /^7, .* sure$/);
  await screenshot(page, "desktop-read");
});

onPage("a digit is read while it is being drawn", { viewport: DESKTOP }, async (page) => {
  const box = await page.locator("#canvas").boundingBox();
  await page.mouse.move(box.x + 0.5 * box.width, box.y + 0.15 * box.height);
  await page.mouse.down();
  await page.mouse.move(box.x + 0.48 * box.width, box.y + 0.85 * box.height, { steps: 12 });
  await reads(page, "1");
  // The pen is still down: nothing is announced yet.
  assert.equal(await announcement(page), "");
  await page.mouse.up();
  await page.waitForFunction(() => document.getElementById("announcement").textContent.startsWith("1"));
});

onPage("a drawing that is not a digit is not read as one", { viewport: DESKTOP }, async (page) => {
  await draw(page, [
    [[0.2, 0.85], [0.5, 0.12], [0.8, 0.85]],
    [[0.32, 0.6], [0.68, 0.6]],
  ]);
  await reads(page, "?");
  await page.locator('#verdict[data-state="not_a_digit"]').waitFor();
  assert.match(await page.locator("#sentence").textContent(), /^This does not look like a digit\. The closest is \d\.$/);
  await screenshot(page, "desktop-not-a-digit");
});

onPage("a doubtful digit is shown with the two likeliest labels", { viewport: DESKTOP }, async (page) => {
  // With these thresholds every drawing is doubtful.
  await page.route("**/api/read*", async (route) => {
    const url = new URL(route.request().url());
    url.searchParams.set("unsure_below", "1");
    url.searchParams.set("reject_below", "0");
    await route.continue({ url: url.href });
  });
  await draw(page, seven);
  await reads(page, "7?");
  assert.match(await page.locator("#sentence").textContent(), /^Unsure: 7 \([\d.> ]+ %\) or \d \([\d.< ]+ %\)\.$/);
  await screenshot(page, "desktop-unsure");
});

onPage("the checkpoint that answered has a report", { viewport: DESKTOP }, async (page) => {
  await draw(page, seven);
  await reads(page, "7");
  const opened = page.context().waitForEvent("page");
  await page.locator("#provenance a").click();
  const drawingPage = page;
  page = await opened;
  await page.getByRole("heading", { name: "Confusion matrix" }).waitFor();
  const cell = page.locator("td.wrong a").first();
  const target = await cell.getAttribute("href");
  assert.ok(await page.locator(target).isHidden());
  await cell.click();
  assert.ok(await page.locator(target).isVisible());
  assert.ok(await page.locator(`${target} img`).count() > 0);
  await screenshot(page, "report");
  assert.equal(await drawingPage.locator("#label").textContent(), "7");
});

onPage("undo removes a stroke, clear removes all", { viewport: DESKTOP }, async (page) => {
  const undo = page.locator("#undo");
  const clear = page.locator("#clear");
  assert.ok(await undo.isDisabled());
  await draw(page, one);
  await reads(page, "1");
  await draw(page, [[[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.1, 0.9], [0.1, 0.1]]]);
  await undo.click();
  await reads(page, "1");
  await page.keyboard.press("Control+z");
  await reads(page, "–");
  assert.ok(await undo.isDisabled());

  await draw(page, two);
  await reads(page, "2");
  await clear.click();
  await reads(page, "–");
  await draw(page, seven);
  await reads(page, "7");
  await page.keyboard.press("Escape");
  await reads(page, "–");
  assert.ok(await page.locator("#invitation").isVisible());
  assert.ok(await clear.isDisabled());
});

onPage("the tools are reached and used by keyboard", { viewport: DESKTOP }, async (page) => {
  await draw(page, one);
  await reads(page, "1");
  const focused = () => page.evaluate(() => document.activeElement.id);
  await page.keyboard.press("Tab");
  assert.equal(await focused(), "undo");
  await page.keyboard.press("Tab");
  assert.equal(await focused(), "replay");
  await page.keyboard.press("Tab");
  assert.equal(await focused(), "clear");
  await page.keyboard.press("Tab");
  assert.equal(await focused(), "file");
  await page.keyboard.press("Shift+Tab");
  await page.keyboard.press("Enter");
  await reads(page, "–");
});

onPage("a picture is read by button", { viewport: DESKTOP }, async (page) => {
  await page.locator("#file").setInputFiles(join(pictures, "5_red_on_green.png"));
  await reads(page, "5");
  assert.ok(await page.locator("#picture").isVisible());
  await screenshot(page, "desktop-picture");
  // Drawing takes the picture's place.
  await draw(page, one);
  await reads(page, "1");
  assert.ok(await page.locator("#picture").isHidden());
});

for (const action of ["drop", "paste"]) {
  onPage(`a picture is read by ${action}`, { viewport: DESKTOP }, async (page) => {
    const bytes = (await readFile(join(pictures, "5_1bit.png"))).toString("base64");
    await page.evaluate(
      ([action, bytes]) => {
        const data = Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0));
        const transfer = new DataTransfer();
        transfer.items.add(new File([data], "five.png", { type: "image/png" }));
        const event =
          action === "drop"
            ? new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true })
            : new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true });
        document.getElementById("pad").dispatchEvent(event);
      },
      [action, bytes],
    );
    await reads(page, "5");
  });
}

onPage("a file that is not a picture is refused with a message", { viewport: DESKTOP }, async (page, errors) => {
  await page.locator("#file").setInputFiles(join(pictures, "png_truncated_half.png"));
  await reads(page, "!");
  assert.match(await page.locator("#sentence").textContent(), /cannot be read/);
  assert.match(await announcement(page), /cannot be read/);
  // The browser logs the 422 and that it cannot show the picture.
  assert.deepEqual(errors.splice(0).filter((error) => !/422/.test(error)), []);
});

onPage("a file that cannot be sent ends with a message, not in a loop", { viewport: DESKTOP, serverOnly: true }, async (page, errors) => {
  let asked = 0;
  await page.route("**/api/read*", (route) => {
    asked += 1;
    return route.abort("failed");
  });
  await page.locator("#file").setInputFiles(join(pictures, "5_1bit.png"));
  await page.getByText("This could not be sent to the server.").first().waitFor();
  await page.waitForTimeout(500);
  assert.equal(asked, 2);
  assert.deepEqual(errors.splice(0).filter((error) => !/ERR_FAILED/.test(error)), []);
});

onPage("the page says that a blank picture has no ink", { viewport: DESKTOP }, async (page) => {
  await page.locator("#file").setInputFiles(join(pictures, "blank_white.png"));
  await page.getByText("There is no ink in this picture.").first().waitFor();
});

onPage("the page says that the server is not responding, and reconnects", { viewport: DESKTOP, serverOnly: true }, async (page, errors) => {
  await page.locator('#engines[data-browser="failed"]').waitFor();
  await draw(page, one);
  await reads(page, "1");
  await server.stop();
  await draw(page, [[[0.2, 0.5], [0.3, 0.5]]]);
  await page.locator('#connection[data-state="unreachable"]').waitFor();
  assert.match(await page.locator("#sentence").textContent(), /server is not responding/);
  await screenshot(page, "desktop-unreachable");
  // A drawing made meanwhile is read in the end.
  await page.keyboard.press("Escape");
  await draw(page, seven);
  await server.resume();
  await page.locator('#connection[data-state="ready"]').waitFor();
  await reads(page, "7");
  // The browser logs each refused connection.
  assert.deepEqual(errors.splice(0).filter((error) => !/ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE|ERR_FAILED/.test(error)), []);
});

onPage(
  "touch draws on a phone, in dark mode, without scrolling",
  { viewport: PHONE, hasTouch: true, isMobile: true, deviceScaleFactor: 2, colorScheme: "dark" },
  async (page) => {
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(wide <= PHONE.width, `the page is ${wide} pixels wide`);
    const box = await page.locator("#canvas").boundingBox();
    const client = await page.context().newCDPSession(page);
    const at = ([x, y]) => ({ x: box.x + x * box.width, y: box.y + y * box.height });
    const touch = (type, touchPoints) => client.send("Input.dispatchTouchEvent", { type, touchPoints });
    for (const stroke of two) {
      await touch("touchStart", [at(stroke[0])]);
      for (const point of stroke.slice(1)) await touch("touchMove", [at(point)]);
      await touch("touchEnd", []);
    }
    await reads(page, "2");
    assert.equal(await page.evaluate(() => window.scrollY), 0);
    await screenshot(page, "phone-dark");
  },
);

onPage("a phone has a light mode too", { viewport: PHONE, colorScheme: "light" }, async (page) => {
  await draw(page, seven);
  await reads(page, "7");
  await screenshot(page, "phone-light");
});

onPage("strokes are sent as they were drawn, whatever the pad's size", { viewport: DESKTOP }, async (page) => {
  const sent = [];
  page.on("request", (request) => request.method() === "POST" && sent.push(request.postDataJSON()));
  await draw(page, [[[0.25, 0.25], [0.75, 0.75]]]);
  await page.waitForFunction(() => document.getElementById("announcement").textContent !== "");
  await page.setViewportSize({ width: 500, height: 800 });
  await draw(page, [[[0.75, 0.25], [0.25, 0.75]]]);
  await page.waitForTimeout(500);
  const { strokes } = sent.at(-1);
  assert.equal(strokes.length, 2);
  const near = (point, x, y) =>
    assert.ok(Math.hypot(point[0] - x, point[1] - y) < 8, `${point} is not ${x}, ${y}`);
  // The pad is 1000 wide and 750 high.
  near(strokes[0][0], 187.5, 187.5);
  near(strokes[0].at(-1), 562.5, 562.5);
  near(strokes[1][0], 562.5, 187.5);
});
