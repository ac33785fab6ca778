// The pages in Spanish and in English: whether the dictionary has exactly what the pages
// say, and what a visitor of each language meets.

import assert from "node:assert/strict";
import { cp, readFile, readdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { Server, draw, launch, pictures, repository, screenshot } from "./browser.mjs";

const web = join(repository, "web");
const { default: dictionary } = await import(join(web, "es.js"));
const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

// Names, formats and keys, which are the same in both languages; and the switch.
const SAME = new Set([
  "Glyphic", "API", "API · Glyphic", "CSV", "IDX", "PNG", "openapi.json", "Ctrl Z", "Esc", "Español",
]);
// Words by a code: how a job ended, and errors that are not the server's own.
const CODES = ["job promoted", "job candidate", "job failed", "job cancelled", "error in_browser", "error open_inference"];

let server;
let browser;

before(async () => {
  server = await Server.start();
  // The other checkpoint of the repository: the page compares two.
  const all = join(repository, "artifacts", "checkpoints");
  for (const id of await readdir(all)) {
    await cp(join(all, id), join(server.artifacts, "checkpoints", id), { recursive: true });
  }
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await server?.remove();
});

// The key of the template that begins at a place of a source, and where it ends.
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
  const names = (await readdir(web)).filter((name) => name.endsWith(".js") && !["es.js", "glyphic.js"].includes(name));
  for (const name of names) {
    const source = (await readFile(join(web, name), "utf8")).replace(/^\s*\/\/.*$/gm, "");
    for (const { 0: begin, index } of source.matchAll(/(?<![\w$]|[^.]\.)(t|parts)`/g)) {
      keys.push(template(source, index + begin.length).key);
    }
    const plurals = [...source.matchAll(/\bplural\([\w.]+, "([^"]+)"(?:, "([^"]+)")?\)/g)];
    const asked = source.match(/\bplural\(/g) ?? [];
    assert.equal(plurals.length, asked.length, `${name}: plural() takes a name and texts, to be found here`);
    for (const [, one, many = `${one}s`] of plurals) keys.push(`{0} ${one}`, `{0} ${many}`);
  }
  return keys;
}

async function keysOfPages() {
  const page = await browser.newPage();
  const names = (await readdir(web)).filter((name) => name.endsWith(".html"));
  const sources = await Promise.all(names.map((name) => readFile(join(web, name), "utf8")));
  const keys = await page.evaluate((sources) => sources.flatMap((source) => {
    const parsed = new DOMParser().parseFromString(source, "text/html");
    // Without scripts there is no Spanish.
    parsed.querySelectorAll("noscript, meta:not([name=description])").forEach((node) => node.remove());
    const found = parsed.evaluate(
      "//text()|//@aria-label|//@placeholder|//@title|//@alt|//@content", parsed, null, XPathResult.ORDERED_NODE_SNAPSHOT_TYPE);
    return Array.from({ length: found.snapshotLength }, (_, i) => found.snapshotItem(i).nodeValue.trim().replace(/\s+/g, " "));
  }), sources);
  await page.close();
  return keys;
}

async function codesOfServer() {
  const source = await readFile(join(repository, "server", "src", "error.rs"), "utf8");
  const [, body] = source.match(/fn status_and_code([\s\S]*?)\n    }\n/);
  return [...body.matchAll(/"([a-z_]+)"/g)].map(([, code]) => `error ${code}`);
}

const placeholders = (text) => (text.match(/\{\d\}/g) ?? []).sort();
const hasWords = (key) => /\p{L}/u.test(key.replace(/\{\d\}/g, ""));

test("the dictionary has what the pages say, all of it and no more", async () => {
  const said = [...(await keysOfCode()), ...(await keysOfPages())].filter((key) => hasWords(key) && !SAME.has(key));
  const keys = new Set([...said, ...(await codesOfServer()), ...CODES]);
  assert.deepEqual([...keys].filter((key) => !Object.hasOwn(dictionary, key)), [], "without Spanish");
  assert.deepEqual(Object.keys(dictionary).filter((key) => !keys.has(key)), [], "said nowhere");
  for (const [key, text] of Object.entries(dictionary)) {
    assert.deepEqual(placeholders(text), placeholders(key), key);
    assert.ok(text && text === text.trim().replace(/ +/g, " "), key);
  }
});
