// The pages in Spanish and in English: the dictionary has exactly the texts of the pages, and
// visitors see their language.

import assert from "node:assert/strict";
import { cp, readFile, readdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { test } from "node:test";

import {
  browser, draw, errorsOf, pictures, reads, repository, screenshot, serve, server, webFile, webFiles,
} from "./browser.mjs";

const { default: dictionary } = await import(webFile("es.js"));
const source = await readFile(webFile("es.js"), "utf8");
const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

// Names, formats and keys, which are the same in both languages; and the button for Spanish.
const SAME = new Set([
  "Glyphic", "API", "API · Glyphic", "CSV", "IDX", "PNG", "openapi.json", "Ctrl Z", "Esc", "Español",
]);
// Texts by a code: how a job ended, and errors that are not in the server's list.
const CODES = ["job promoted", "job candidate", "job failed", "job cancelled", "error in_browser", "error open_inference"];

serve(async (server) => {
  // All checkpoints of the repository: the page compares two.
  const all = join(repository, "artifacts", "checkpoints");
  for (const id of await readdir(all)) {
    await cp(join(all, id), join(server.artifacts, "checkpoints", id), { recursive: true });
  }
});

// The key of the template literal that begins at an index of a source, and its end.
function template(source, at) {
  let key = "";
  for (let values = 0; source[at] !== "`"; at++) {
    if (!source.startsWith("${", at)) {
      key += source[at];
      continue;
    }
    key += `{${values++}}`;
    for (let depth = 1, i = at + 2; depth > 0; at = i++) {
      if (source[i] === "`") i = template(source, i + 1).end;
      depth += { "{": 1, "}": -1 }[source[i]] ?? 0;
    }
  }
  return { key, end: at };
}

async function keysOfCode() {
  const keys = [];
  const names = (await webFiles()).filter((name) => name.endsWith(".js") && !["es.js", "glyphic.js", "pictures.js"].includes(name));
  for (const name of names) {
    const source = (await readFile(webFile(name), "utf8")).replace(/^\s*\/\/.*$/gm, "");
    for (const { 0: begin, index } of source.matchAll(/(?<![\w$]|[^.]\.)(t|parts)`/g)) {
      keys.push(template(source, index + begin.length).key);
    }
    const plurals = [...source.matchAll(/\bplural\([\w.]+, "([^"]+)"(?:, "([^"]+)")?\)/g)];
    const asked = source.match(/\bplural\(/g) ?? [];
    assert.equal(plurals.length, asked.length, `${name}: plural() needs a name and literal texts, so that this test finds them`);
    for (const [, one, many = `${one}s`] of plurals) keys.push(`{0} ${one}`, `{0} ${many}`);
  }
  return keys;
}

async function keysOfPages() {
  const page = await browser.newPage();
  const names = (await webFiles()).filter((name) => name.endsWith(".html"));
  const sources = await Promise.all(names.map((name) => readFile(webFile(name), "utf8")));
  const keys = await page.evaluate((sources) => sources.flatMap((source) => {
    const parsed = new DOMParser().parseFromString(source, "text/html");
    // Without scripts the page is not translated.
    parsed.querySelectorAll("noscript, meta:not([name=description])").forEach((node) => node.remove());
    const found = parsed.evaluate(
      "//text()|//@aria-label|//@placeholder|//@title|//@alt|//@content", parsed, null, XPathResult.ORDERED_NODE_SNAPSHOT_TYPE);
    return Array.from({ length: found.snapshotLength }, (_, i) => found.snapshotItem(i).nodeValue.trim().replace(/\s+/g, " "));
  }), sources);
  await page.close();
  return keys;
}

async function codesOfServer() {
  const source = await readFile(join(repository, "server", "src", "http", "error.rs"), "utf8");
  const [, body] = source.match(/fn status_and_code([\s\S]*?)\n    }\n/);
  return [...body.matchAll(/"([a-z_]+)"/g)].map(([, code]) => `error ${code}`);
}

const placeholders = (text) => (text.match(/\{\d\}/g) ?? []).sort();
const hasWords = (key) => /\p{L}/u.test(key.replace(/\{\d\}/g, ""));

test("the dictionary has all texts of the pages and no others", async () => {
  const used = [...(await keysOfCode()), ...(await keysOfPages())].filter((key) => hasWords(key) && !SAME.has(key));
  const keys = new Set([...used, ...(await codesOfServer()), ...CODES]);
  assert.deepEqual([...keys].filter((key) => !Object.hasOwn(dictionary, key)), [], "without Spanish");
  assert.deepEqual(Object.keys(dictionary).filter((key) => !keys.has(key)), [], "not used");
  // An object would keep only the last of two equal keys.
  const written = [...source.matchAll(/^ {2}("(?:[^"\\]|\\.)*"):/gm)].map(([, key]) => JSON.parse(key));
  assert.equal(written.length, Object.keys(dictionary).length, "a key occurs twice");
  for (const [key, text] of Object.entries(dictionary)) {
    assert.deepEqual(placeholders(text), placeholders(key), key);
    assert.ok(text && text === text.trim().replace(/ +/g, " "), key);
  }
});

const DESKTOP = { viewport: { width: 1100, height: 800 } };
const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 };
const SPANISH = { locale: "es-ES" };

const seven = [[[0.25, 0.2], [0.5, 0.19], [0.75, 0.2], [0.62, 0.5], [0.45, 0.85]]];
const one = [[[1.05, 0.2], [1.04, 0.5], [1.03, 0.85]]];
// The strokes of a 7 and a 1.
const seventyOne = [...seven.map((stroke) => stroke.map(([x, y]) => [0.7 * x, y])), ...one];

// Each test has its own page, and fails if the page threw or logged an error that `expected` does
// not match.
function onPage(name, { path = "", expected, ...options }, run) {
  test(name, async () => {
    const context = await browser.newContext({ ...DESKTOP, ...options });
    const page = await context.newPage();
    const errors = errorsOf(page);
    try {
      await page.goto(server.url + path);
      await run(page, context);
      assert.deepEqual(errors.filter((error) => !expected?.test(error)), []);
    } finally {
      await context.close();
    }
  });
}

const ready = (page) => page.locator('#connection[data-state="ready"]').waitFor();
// The text of an element. Between a number and its unit the page writes a no-break space.
const text = async (page, id) => (await page.locator(id).textContent()).replaceAll("\u00a0", " ");

// The texts of a page that are in English although the dictionary has them in Spanish, without
// those that are marked as English.
async function english(page) {
  const keys = Object.entries(dictionary).filter(([key, words]) => key !== words).map(([key]) => key);
  return page.evaluate((keys) => {
    const translated = new Set(keys);
    const found = document.evaluate(
      "//text()|//@aria-label|//@placeholder|//@title|//@alt|//@content", document, null, XPathResult.ORDERED_NODE_SNAPSHOT_TYPE);
    return Array.from({ length: found.snapshotLength }, (_, i) => found.snapshotItem(i))
      .filter((node) => !(node.ownerElement ?? node.parentElement).closest("[lang=en], noscript"))
      .map((node) => node.nodeValue.trim().replace(/\s+/g, " "))
      .filter((words) => translated.has(words));
  }, keys);
}

const tooWide = (page) => page.evaluate(() => document.documentElement.scrollWidth - screen.width);

for (const [size, options] of [["desktop", DESKTOP], ["phone", PHONE]]) {
  onPage(`in Spanish on a ${size}: draw, read, look inside, take the tour, save a sample`, { ...SPANISH, ...options }, async (page) => {
    await ready(page);
    assert.equal(await page.evaluate(() => document.documentElement.lang), "es");
    assert.equal(await text(page, "#sentence"), "Aún no hay nada dibujado.");
    assert.equal(await text(page, "#provenance").then((words) => words.replace(/ mnist.*/, "")), "Está en servicio el punto de control");
    assert.equal(await page.locator("#pad .invitation").evaluate((node) => node.firstChild.data), "Dibuja un dígito o un número completo");
    assert.match(await page.locator("#canvas").getAttribute("aria-label"), /^Zona de dibujo: /);
    assert.match(await page.locator("meta[name=description]").getAttribute("content"), /^Dibuja un dígito/);
    assert.deepEqual(await english(page), [], "empty");
    await screenshot(page, `spanish-${size}`);

    await draw(page, seven);
    await reads(page, "7");
    assert.equal(await text(page, "#sentence"), "> 99,9 %de confianza");
    await page.waitForFunction(() => document.getElementById("announcement").textContent.startsWith("7, > 99,9\u00a0% de confianza"));
    assert.match(await text(page, "#provenance"), / respondió en \d+ ms en el servidor, de los que la red empleó \d+,\d\d ms\.$/);
    await page.locator("#engines-message", { hasText: "Ambos dan la misma respuesta." }).waitFor();
    await page.locator("#insight summary").click();
    await page.locator('#insight[data-state="shown"]').waitFor();
    assert.match(await text(page, "#calibrated"), /^Tal como se entrenó, la red tiene una confianza del \d+,\d+ %\. .* se corrige al \d+,\d+ %\.$/);
    assert.equal(await text(page, "#path-sum-title"), "Cómo obtuvo su suma el 7");
    assert.deepEqual(await english(page), [], "a digit");
    await screenshot(page, `spanish-${size}-digit`);

    await page.locator("#clear").click();
    await draw(page, seventyOne);
    await page.waitForFunction(() => document.querySelectorAll("#number .digit").length === 2);
    await page.waitForTimeout(800);
    assert.match(await text(page, "#sentence"), /^2 dígitos\. El menos seguro es \d \([\d,> ]+ %\)\.$/);
    await page.locator("#number .digit").nth(1).click();
    assert.match(await text(page, "#sentence"), /^2 dígitos\. Dígito 2: 1 \([\d,> ]+ %\)\.$/);
    assert.match(await page.locator("#number .digit").nth(1).getAttribute("aria-label"), /^Dígito 2: 1, \d+\u00a0% de confianza$/);
    assert.deepEqual(await english(page), [], "a number");
    await screenshot(page, `spanish-${size}-number`);

    await page.locator("#tour").click();
    for (const title of ["Dibuja aquí", "Se lee mientras dibujas", "Mira por dentro"]) {
      await page.locator(".tour h2", { hasText: title }).waitFor();
      assert.deepEqual(await english(page), [], title);
      await page.locator(".tour .primary").click();
    }
    await page.getByRole("button", { name: "Guardar como 1", exact: true }).click();
    await page.locator("#teach-message", { hasText: "Guardado como 1 (se leyó bien)." }).waitFor();
    await page.locator("#teach-count", { hasText: /^\d+ muestras? nuevas?(\. Para entrenar hacen falta dos| para entrenar)/ }).waitFor();
    assert.deepEqual(await english(page), [], "a sample");
    assert.ok((await tooWide(page)) <= 0);
  });

  onPage(`the other pages in Spanish on a ${size}`, { path: "samples.html", ...SPANISH, ...options }, async (page) => {
    // A 7 with the label 1.
    const form = new URLSearchParams({ label: "1", source: "test" });
    const body = JSON.stringify({ strokes: seven });
    await fetch(`${server.url}api/samples?${form}`, { method: "POST", headers: { "Content-Type": "application/json" }, body });
    await page.reload();
    await page.locator("#cards .card").first().waitFor();
    await page.getByRole("button", { name: "Etiquetas sospechosas" }).click();
    await page.locator("#look .card").first().waitFor();
    assert.equal(await page.title(), "Muestras · Glyphic");
    assert.equal(await text(page, "#look-hint"), "1 muestra por revisar.");
    assert.match(await text(page, "#look .card p"), /^etiquetada como 1; la red lee 7 con un \d+ % de confianza$/);
    assert.match(await text(page, "#cards"), /leída como 7, 100 %/);
    assert.deepEqual(await english(page), [], "samples");
    assert.ok((await tooWide(page)) <= 0);
    await screenshot(page, `spanish-${size}-samples`);
    await page.locator('#filters [name="label"]').fill("x");
    await page.locator("#cards", { hasText: "Ninguna muestra coincide." }).waitFor();

    await page.goto(`${server.url}models.html`);
    await page.locator(".checkpoint").nth(1).waitFor();
    assert.match(await text(page, '.checkpoint[data-serving="true"] dl'), /Conjunto de prueba9\d,\d\d % de 10\.000/);
    await page.locator("#runs").waitFor();
    await page.selectOption("#begin-from", "scratch");
    await page.selectOption('[name="network"]', "mlp");
    await page.fill('[name="epochs"]', "500");
    await page.locator("#begin button").click();
    await page.locator("#run-facts", { hasText: "imágenes por segundo" }).waitFor({ timeout: 60_000 });
    assert.match(await text(page, "#run-title"), /^mlp desde cero, 500 épocas: entrenando…$/);
    assert.deepEqual(await english(page), [], "a run");
    assert.ok((await tooWide(page)) <= 0, "a run");
    await page.locator("#run-stop").click();
    await page.locator("#past summary", { hasText: "detenida" }).first().waitFor({ timeout: 30_000 });
    assert.deepEqual(await english(page), [], "checkpoints");
    assert.ok((await tooWide(page)) <= 0);
    await screenshot(page, `spanish-${size}-checkpoints`);

    await page.goto(`${server.url}reference.html`);
    await page.locator(".operation").first().waitFor();
    for (const summary of await page.locator(".operation summary").all()) await summary.click();
    assert.deepEqual(await english(page), [], "the API");
    assert.equal(await page.locator(".operation summary span:not([lang=en])").count(), 0);
    assert.ok((await tooWide(page)) <= 0);
    await screenshot(page, `spanish-${size}-api`);
  });
}

onPage("errors are in Spanish", { ...SPANISH, expected: /422|409|401/ }, async (page) => {
  await ready(page);
  await page.locator("#file").setInputFiles(join(pictures, "png_truncated_half.png"));
  await reads(page, "!");
  assert.equal(await text(page, "#sentence"), "No se puede leer la imagen: está dañada o incompleta.");
  assert.deepEqual(await english(page), []);
  // The server's own message follows where it says more, marked as English.
  await page.route("**/promote*", (route) => route.fulfill({
    status: 409, json: { error: { code: "objected", message: "its accuracy on the test set is 95.00 %" } },
  }));
  await page.goto(`${server.url}models.html`);
  await page.getByRole("button", { name: /^Poner en servicio: / }).first().click();
  await page.locator("#message", { hasText: /^No se puso en servicio: its accuracy .* Ponerlo en servicio igualmente$/ }).waitFor();
  assert.equal(await page.locator("#message [lang=en]").textContent(), "its accuracy on the test set is 95.00 %");
});

onPage("in Spanish the page says that the server is not responding", { ...SPANISH, serviceWorkers: "block", expected: /net::ERR_/ }, async (page) => {
  await ready(page);
  await page.locator('#engines[data-browser="ready"]').waitFor();
  await server.stop();
  try {
    await draw(page, seven);
    await page.locator('#connection[data-state="unreachable"]').waitFor();
    assert.equal(await text(page, "#connection"), "El servidor no responde; reintentando…");
    await page.locator("#engines-message", { hasText: "Este navegador lee tus dibujos hasta que vuelva el servidor." }).waitFor();
    assert.match(await text(page, "#provenance"), / en este navegador, de los que el preprocesamiento y la red emplearon /);
    assert.deepEqual(await english(page), []);
    await screenshot(page, "spanish-unreachable");
  } finally {
    await server.resume();
  }
  await ready(page);
});

onPage("Spanish works without a network after the first visit", { ...SPANISH, expected: /net::ERR_/ }, async (page) => {
  await ready(page);
  await page.evaluate(() => navigator.serviceWorker.ready);
  await page.waitForFunction(async () => (await caches.match("es.js")) && (await caches.match("checkpoint.json")));
  await server.stop();
  try {
    await page.reload();
    await page.locator('#connection[data-state="unreachable"]').waitFor();
    assert.equal(await text(page, "#connection"), "El servidor no responde; reintentando…");
  } finally {
    await server.resume();
  }
  await ready(page);
});

onPage("the result of training is in Spanish, followed by the server's own message", SPANISH, async (page) => {
  let job = { id: "a", state: "running", progress: { step: 1, steps: 9, seconds_left: 42, accuracy: 0.985 } };
  await page.route("**/api/jobs", (route) => route.fulfill({ json: { jobs: [job] } }));
  await page.reload();
  await page.locator("#job-title", { hasText: "Entrenando…" }).waitFor();
  assert.equal(await text(page, "#job-detail"), "tiempo restante: 42 s · aciertos en el entrenamiento: 98,5 %");
  assert.deepEqual(await english(page), []);
  job = { ...job, state: "candidate", message: "it is not promoted: it reads 1 of 2 held-back samples correctly" };
  await page.locator("#job-title", { hasText: "Entrenamiento terminado: la red nueva no está en uso" }).waitFor();
  assert.equal(await text(page, "#job-detail"), "La red nueva queda guardada, pero no sustituye a la que está en servicio."
    + " It is not promoted: it reads 1 of 2 held-back samples correctly.");
  assert.match(await text(page, "#job-detail [lang=en]"), /^It is not promoted/);
});

for (const [size, options] of [["desktop", DESKTOP], ["phone", PHONE]]) {
  onPage(`in English on a ${size}: as in the code, and the dictionary is not loaded`, { locale: "en-GB", ...options }, async (page) => {
    const loaded = [];
    page.on("request", (request) => loaded.push(new URL(request.url()).pathname));
    await page.reload();
    await ready(page);
    assert.equal(await page.evaluate(() => document.documentElement.lang), "en");
    await draw(page, seven);
    await reads(page, "7");
    assert.equal(await page.locator("#sentence").textContent(), "> 99.9 %sure");
    assert.match(await page.locator("#provenance").textContent(), / answered in \d+ ms on the server, of which the network took \d+\.\d\d ms\.$/);
    assert.equal(await page.locator("#language").getAttribute("lang"), "es");
    assert.equal(await page.locator("#language").textContent(), "Español");
    assert.ok(loaded.includes("/words.js") && !loaded.includes("/es.js"), `${loaded}`);
    assert.ok((await tooWide(page)) <= 0);
    await screenshot(page, `english-${size}`);
  });
}

onPage("the button changes the language, keeps the drawing, and is remembered", SPANISH, async (page) => {
  const lang = () => page.evaluate(() => document.documentElement.lang);
  await ready(page);
  await draw(page, seven);
  await reads(page, "7");
  const button = page.getByRole("button", { name: "English", exact: true });
  assert.equal(await button.getAttribute("lang"), "en");
  await Promise.all([page.waitForEvent("load"), button.click()]);
  await page.waitForFunction(() => document.getElementById("sentence").textContent === "> 99.9 %sure");
  assert.equal(await lang(), "en");
  assert.equal(await page.locator("#label").textContent(), "7");
  await page.locator("#undo").click();
  await reads(page, "–");
  // A second reload loses the drawing; the language stays, on the other pages too.
  await page.reload();
  await ready(page);
  assert.deepEqual([await lang(), await page.locator("#sentence").textContent()], ["en", "Nothing drawn yet."]);
  await page.goto(`${server.url}samples.html`);
  await page.getByRole("heading", { name: "Worth a look" }).waitFor();
  await Promise.all([page.waitForEvent("load"), page.getByRole("button", { name: "Español" }).click()]);
  await page.getByRole("heading", { name: "Conviene revisar" }).waitFor();
});

test("Spanish visitors see no English first, and English if the dictionary does not load", async () => {
  const context = await browser.newContext({ ...DESKTOP, ...SPANISH, serviceWorkers: "block" });
  try {
    const page = await context.newPage();
    const late = async (route) => {
      await new Promise((resolve) => setTimeout(resolve, 500));
      await route.continue();
    };
    await page.route("**/words.js", late);
    await page.route("**/es.js", late);
    await page.goto(server.url);
    await ready(page);
    const painted = await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0].startTime);
    assert.ok(painted > 1000, `painted after ${painted} ms`);
    await page.route("**/es.js", (route) => route.abort());
    await page.reload();
    await ready(page);
    assert.equal(await page.locator("#sentence").textContent(), "Nothing drawn yet.");
    assert.equal(await page.locator("#language").textContent(), "Español");
  } finally {
    await context.close();
  }
});

onPage("numbers are written as in the visitor's region", { locale: "es-MX", path: "models.html" }, async (page) => {
  await page.locator(".checkpoint").first().waitFor();
  assert.match(await text(page, '.checkpoint[data-serving="true"] dl'), /Conjunto de prueba9\d\.\d\d % de 10,000/);
});

for (const options of [DESKTOP, PHONE]) {
  const { width } = options.viewport;
  onPage(`nothing serious at ${width} pixels, in Spanish`, { ...SPANISH, ...options, bypassCSP: true, reducedMotion: "reduce" }, async (page) => {
    const broken = async () => {
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => window.axe.run());
      return violations.filter(({ impact }) => impact === "serious" || impact === "critical").map(({ id }) => id);
    };
    await ready(page);
    assert.deepEqual(await broken(), [], "empty");
    await page.locator("#insight summary").click();
    await draw(page, seventyOne);
    await page.locator("#number .digit").nth(1).click();
    await page.locator('#insight[data-state="shown"]').waitFor();
    assert.deepEqual(await broken(), [], "a number, and how it was read");
  });
}
