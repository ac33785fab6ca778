// The server, as the pages see it.

import { askForToken, authorization } from "./token.js";
import { dictionary, english, t } from "./words.js";

// The server answered, and said no. `message` is for the user; `said` is what the server
// said, in English. Words that end in a colon leave the details to that.
export class Refused extends Error {
  constructor(status, code, said) {
    const words = dictionary?.[`error ${code}`];
    super(words?.replace(/:$/, ".") ?? said);
    this.status = status;
    this.code = code;
    this.said = !words || words.endsWith(":") ? said : null;
  }
}

// The server did not answer at all.
export class Away extends Error {}

// An error with its details, to be spread into an element.
export function told(error) {
  if (error instanceof Away) return [t`The server is away.`];
  const { message, said, code } = error;
  if (message === said) return [code ? english(said) : said];
  return said ? [message.replace(/\.$/, ": "), english(said)] : [message];
}

// An input is { strokes }, { pixels } or { blob }; its `boxes`, if it has any, say where
// the digits are.
export function read(input) {
  const boxes = input.boxes && JSON.stringify(input.boxes);
  return request(`api/read?${query({ explain: 1, boxes })}`, post(...body(input)));
}

// The training examples that look most like a glyph's 784 pixels to the network.
export const nearest = (pixels) =>
  request("api/nearest?count=8", {
    ...post(new Blob([pixels]), "application/octet-stream"),
    // The first to ask waits until the data is read.
    signal: AbortSignal.timeout(30_000),
  });

// Keeps an input as a sample of this label.
export function teach(input, label) {
  const query = new URLSearchParams({ label, source: visitor() });
  return request(`api/samples?${query}`, post(...body(input)));
}

export const models = () => request("api/models");
export const promote = (id, from, force) =>
  request(`api/models/${id}/promote?${query({ from, force: force ? 1 : null })}`, post());
export const pin = (id, pinned) => request(`api/pins/${id}`, { method: pinned ? "PUT" : "DELETE" });
export const rollBack = (from) =>
  request(`api/models/rollback?${new URLSearchParams({ from })}`, post());
// What a checkpoint that is loaded says of an input.
export const readBy = (id, input) =>
  request(`api/predict?${query({ model: id })}`, post(...body(input)));
export const load = (id) => request(`v2/repository/models/${id}/load`, post());
export const unload = (id) =>
  request(`v2/repository/models/${id}/unload`, { ...post(), keepalive: true });
export const comparison = (id) => request(`api/models/${id}/comparison`);

// `filter` is an object of the API's filters; empty ones are left out.
export const samples = (filter) => request(`api/samples?${query(filter)}`);
export const summary = () => request("api/samples/summary");
export const relabel = (id, label) =>
  request(`api/samples/${id}`, { ...json({ label }), method: "PATCH" });
export const deleteSample = (id) => request(`api/samples/${id}`, { method: "DELETE" });
export const deleteSamples = (filter) => request(`api/samples/delete?${query(filter)}`, post());
export const undo = () => request("api/samples/undo", post());
export const importSamples = (file) =>
  request("api/samples/import?source=import", {
    ...post(file, "application/octet-stream"),
    // The server itself ends what takes over half a minute.
    signal: AbortSignal.timeout(60_000),
  });
export const exportAddress = (format, filter) =>
  `api/samples/export?${query({ ...filter, format })}`;

export const suggestions = (kind) => request(`api/suggestions?kind=${kind}`);
export const audit = () => request("api/audits", post());

export const jobs = () => request("api/jobs");
export const job = (id) => request(`api/jobs/${id}`);
export const train = (options = {}) => request(`api/jobs?${query(options)}`, post());
export const cancelJob = (id) => request(`api/jobs/${id}/cancel`, post());

// Time until a server that refused to be followed is asked again, in ms.
const FOLLOW_AGAIN = 5000;

// Has `listener.jobs(list)` and `listener.progress(job)` called as the server says it;
// `listener.none()` if it does not train. Returns something to close.
export function follow(listener) {
  let source = null;
  let again = null;
  let closed = false;
  const open = async () => {
    try {
      await jobs();
      if (closed) return;
      source = new EventSource("api/jobs/events");
      for (const name of ["jobs", "progress"]) {
        source.addEventListener(name, ({ data }) => listener[name](JSON.parse(data)));
      }
      // A browser connects again by itself, unless it was refused.
      source.addEventListener("error", () => {
        if (source.readyState === EventSource.CLOSED) again = setTimeout(open, FOLLOW_AGAIN);
      });
    } catch (error) {
      if (error.code === "teaching_off") listener.none();
      else if (!closed) again = setTimeout(open, FOLLOW_AGAIN);
    }
  };
  open();
  return {
    close() {
      closed = true;
      clearTimeout(again);
      source?.close();
    },
  };
}

// Who this browser is among those who teach: a name without a meaning, so that
// what it sent can be found again.
export function visitor() {
  try {
    const known = localStorage.getItem("glyphic-visitor");
    if (known) return known;
    const name = `page-${crypto.getRandomValues(new Uint32Array(1))[0].toString(36)}`;
    localStorage.setItem("glyphic-visitor", name);
    return name;
  } catch {
    return "page";
  }
}

// A server that takes longer is as good as away, in ms.
const PATIENCE = 10_000;

async function request(path, options) {
  let response;
  try {
    const headers = { ...options?.headers, ...authorization() };
    response = await fetch(path, { signal: AbortSignal.timeout(PATIENCE), ...options, headers });
  } catch (error) {
    throw new Away(error.message);
  }
  const body = await response.json().catch(() => null);
  if (response.ok && body) return body;
  // The Open Inference Protocol's errors are a text.
  const said = body?.error ?? {};
  const { code, message } = typeof said === "string" ? { code: "open_inference", message: said } : said;
  if (response.status === 401 && (await askForToken())) return request(path, options);
  // A proxy, for a server that is away.
  if (response.status >= 500 && !message) throw new Away(`status ${response.status}`);
  throw new Refused(response.status, code, message ?? t`The server answered ${response.status}.`);
}

function body({ strokes, blob, pixels }) {
  if (blob) return [blob, blob.type || "application/octet-stream"];
  return [JSON.stringify(pixels ? { pixels } : { strokes }), "application/json"];
}

function post(content, type) {
  return { method: "POST", body: content, headers: type ? { "Content-Type": type } : {} };
}

function json(value) {
  return { body: JSON.stringify(value), headers: { "Content-Type": "application/json" } };
}

function query(filter) {
  const given = Object.entries(filter).filter(([, value]) => value !== "" && value != null);
  return new URLSearchParams(given);
}
