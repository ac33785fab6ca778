// Starts a real server and a real Chromium for the tests of the pages. A new test goes into the
// file of the page that it tests: *.test.mjs.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { chromium } from "playwright-core";

export const repository = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const target = process.env.CARGO_TARGET_DIR ?? join(repository, "target");
const screenshots = join(target, "screenshots");

const web = join(repository, "web");

// The folders of the files that the server sends. It sends all of them from one folder.
const FOLDERS = ["pages", "lib", "wasm/built"].map((folder) => join(web, folder));

// The path of a file that the server sends under this name.
export function webFile(name) {
  const folder = FOLDERS.find((folder) => existsSync(join(folder, name)));
  if (!folder) throw new Error(`there is no ${name} in ${FOLDERS.join(", ")}`);
  return join(folder, name);
}

// The names of all files that the server sends.
export async function webFiles() {
  return (await Promise.all(FOLDERS.map((folder) => readdir(folder)))).flat();
}

export const pictures = join(repository, "model", "tests", "pictures");
export const program = join(target, "release", "server");

// A running server with its own artifacts, on a port that stays the same over restarts.
export class Server {
  // `options` are further options of the program.
  static async start(options = []) {
    const server = new Server();
    server.options = options;
    server.port = await freePort();
    server.artifacts = await ownArtifacts();
    await server.resume();
    return server;
  }

  get url() {
    return `http://127.0.0.1:${this.port}/`;
  }

  async resume() {
    if (!existsSync(program)) throw new Error(`${program} is missing: run cargo build --release`);
    const options = [
      "--device", "cpu", "--addr", `127.0.0.1:${this.port}`, "--artifacts", this.artifacts,
      ...this.options,
    ];
    this.process = spawn(program, options, { cwd: repository, stdio: ["ignore", "pipe", "inherit"] });
    const ended = once(this.process, "exit").then(() => Promise.reject(new Error("the server ended")));
    await Promise.race([once(this.process.stdout, "data"), ended]);
    // From here on only the test itself ends it.
    ended.catch(() => {});
  }

  async stop() {
    this.process.kill("SIGKILL");
    await once(this.process, "exit");
  }

  async remove() {
    await this.stop();
    await rm(this.artifacts, { recursive: true, force: true });
  }
}

// The server and the browser of the tests in a file that calls `serve`.
export let server;
export let browser;

// Starts both before the tests of a file, and ends them after it. `prepare` gets the server, and
// `options` are further options of its program.
export function serve(prepare = () => {}, options = []) {
  before(async () => {
    server = await Server.start(options);
    await prepare(server);
    browser = await launch();
  });

  after(async () => {
    await browser?.close();
    await server?.remove();
  });
}

// Collects the errors that a page throws or logs from now on.
export function errorsOf(page) {
  const errors = [];
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  return errors;
}

// A test with a drawing page of its own, which fails if the page threw or logged an error. With
// `serverOnly` the page cannot run the network itself.
export function onPage(name, { serverOnly, ...options }, run) {
  test(name, async () => {
    const context = await browser.newContext({ ...options, serviceWorkers: serverOnly ? "block" : "allow" });
    const page = await context.newPage();
    if (serverOnly) await page.route("**/glyphic_bg.wasm", (route) => route.abort());
    const errors = errorsOf(page);
    try {
      await page.goto(server.url);
      await page.locator('#connection[data-state="ready"]').waitFor();
      await run(page, errors);
      assert.deepEqual(errors, []);
    } finally {
      await context.close();
    }
  });
}

// Waits until the page reads a label.
export async function reads(page, label) {
  await page.waitForFunction(
    (label) => document.getElementById("label").textContent === label,
    label,
    { timeout: 5000 },
  );
}

// Copies the released checkpoint and its training data to a folder that a test may change.
async function ownArtifacts() {
  const [from, to] = [join(repository, "artifacts"), await mkdtemp(join(tmpdir(), "glyphic-"))];
  const current = (await readFile(join(from, "CURRENT"), "utf8")).split("\n")[0];
  await cp(join(from, "checkpoints", current), join(to, "checkpoints", current), { recursive: true });
  await writeFile(join(to, "CURRENT"), `${current}\n`);
  await symlink(join(from, "datasets"), join(to, "datasets"));
  return to;
}

// Starts a browser with some more options. CHROMIUM names a program other than Debian's.
export async function launch(options = []) {
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  // Debian's sandbox needs privileges that containers lack.
  const launched = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu", ...options] });
  // Unless a test asks for it, the page draws nothing by itself.
  const newContext = launched.newContext.bind(launched);
  launched.newContext = async (options) => {
    const context = await newContext({ reducedMotion: "reduce", ...options });
    if (process.env.FROM_DISK) await context.route(/\.(html|css|js|wasm)$|\/$/, fromDisk);
    return context;
  };
  return launched;
}

// Answers with a file of the repository instead of the one in the server's program, so that a change is
// seen without a build: FROM_DISK=1 node --test tests/number.test.mjs
async function fromDisk(route) {
  const name = new URL(route.request().url()).pathname.slice(1) || "index.html";
  const folder = FOLDERS.find((folder) => existsSync(join(folder, name)));
  return folder ? route.fulfill({ path: join(folder, name) }) : route.continue();
}

// Saves a screenshot of the page for people to look at.
export async function screenshot(page, name) {
  await mkdir(screenshots, { recursive: true });
  // The bars take a moment to reach their new length.
  await page.waitForTimeout(400);
  await page.screenshot({ path: join(screenshots, `${name}.png`), fullPage: true });
}

// Draws strokes with real pointer events. Points are in heights of the pad.
export async function draw(page, strokes) {
  // An earlier click may have scrolled the page.
  await page.locator("#canvas").scrollIntoViewIfNeeded();
  const box = await page.locator("#canvas").boundingBox();
  for (const stroke of strokes) {
    const points = stroke.map(([x, y]) => [box.x + x * box.height, box.y + y * box.height]);
    await page.mouse.move(...points[0]);
    await page.mouse.down();
    for (const point of points.slice(1)) await page.mouse.move(...point, { steps: 4 });
    await page.mouse.up();
  }
}

async function freePort() {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address();
  probe.close();
  await once(probe, "close");
  return port;
}
