// Requests to the server, and the errors they end in.

import { askForToken, authorization, ownSecret } from "./token.js";
import { dictionary, english, t } from "./words.js";

// The server answered with an error. `message` is for the user. `details` is the server's own
// English message, where it says more than `message`: in Spanish that is where the
// dictionary's text ends in a colon.
export class Refused extends Error {
  constructor(status, code, original) {
    const words = dictionary?.[`error ${code}`];
    super(words?.replace(/:$/, ".") ?? original);
    this.status = status;
    this.code = code;
    this.details = !words || words.endsWith(":") ? original : null;
  }
}

// There was no answer from the server.
export class Unreachable extends Error {}

// An error with its details: an array to spread into an element.
export function told(error) {
  if (error instanceof Unreachable) return [t`The server is not responding.`];
  const { message, details, code } = error;
  if (message === details) return [code ? english(details) : details];
  return details ? [message.replace(/\.$/, ": "), english(details)] : [message];
}

// Has the server read an input: { strokes }, { pixels } or { blob }. Its `boxes`, if given,
// say where the digits are, and its `orientation` by how many degrees a picture is to be turned.
export function read(input) {
  const boxes = input.boxes && JSON.stringify(input.boxes);
  return request(`api/read?${query({ explain: 1, boxes, orientation: input.orientation })}`, post(...body(input)));
}

// Has the server read the tables in a picture. `grid` says where their lines are, `columns` what is in
// them.
export function readSheet(blob, { orientation, columns, grid }) {
  const lines = grid && JSON.stringify(grid);
  return request(`api/sheet?${query({ explain: 1, orientation, columns, grid: lines })}`, {
    ...post(...body({ blob })),
    // A page may have thousands of digits.
    signal: AbortSignal.timeout(60_000),
  });
}

// The training examples that look most like a glyph (784 pixels) to the network.
export const nearest = (pixels) =>
  request("api/nearest?count=8", {
    ...post(new Blob([pixels]), "application/octet-stream"),
    // The server reads the training data on the first request, which takes a while.
    signal: AbortSignal.timeout(30_000),
  });

// Saves an input as a sample with this label.
export function saveSample(input, label) {
  const query = new URLSearchParams({ label, source: visitor() });
  return request(`api/samples?${query}`, post(...body(input)));
}

export const models = () => request("api/models");
export const promote = (id, from, force) =>
  request(`api/models/${id}/promote?${query({ from, force: force ? 1 : null })}`, post());
export const pin = (id, pinned) => request(`api/pins/${id}`, { method: pinned ? "PUT" : "DELETE" });
export const rollBack = (from) =>
  request(`api/models/rollback?${new URLSearchParams({ from })}`, post());
// Has a loaded checkpoint read an input.
export const readBy = (id, input) =>
  request(`api/predict?${query({ model: id })}`, post(...body(input)));
export const load = (id) => request(`v2/repository/models/${id}/load`, post());
export const unload = (id) =>
  request(`v2/repository/models/${id}/unload`, { ...post(), keepalive: true });
export const comparison = (id) => request(`api/models/${id}/comparison`);

// `filter` holds the API's filters; empty ones are left out.
export const samples = (filter) => request(`api/samples?${query(filter)}`);
export const summary = () => request("api/samples/summary");
export const relabel = (id, label) =>
  request(`api/samples/${id}`, { ...json({ label }), method: "PATCH" });
export const deleteSample = (id) => request(`api/samples/${id}`, { method: "DELETE" });
export const deleteSamples = (filter) => request(`api/samples/delete?${query(filter)}`, post());
export const confirmSamples = (filter) => request(`api/samples/confirm?${query(filter)}`, post());
export const undo = () => request("api/samples/undo", post());
export const importSamples = (file) =>
  request("api/samples/import?source=import", {
    ...post(file, "application/octet-stream"),
    // Longer than the server's own limit of half a minute, so that its error arrives.
    signal: AbortSignal.timeout(60_000),
  });
// The samples that match, as a file: a Blob. A link could not say who asks.
export const exportSamples = async (format, filter) =>
  (await answered(`api/samples/export?${query({ ...filter, format })}`, {
    // A server may have many, and the connection may be slow.
    signal: AbortSignal.timeout(600_000),
  })).blob();

export const suggestions = (kind) => request(`api/suggestions?kind=${kind}`);
export const audit = () => request("api/audits", post());

export const jobs = () => request("api/jobs");
export const job = (id) => request(`api/jobs/${id}`);
export const train = (options = {}) => request(`api/jobs?${query(options)}`, post());
export const cancelJob = (id) => request(`api/jobs/${id}/cancel`, post());

// Delay in ms before the event stream is opened again after it ended or was refused.
const FOLLOW_AGAIN = 3000;

// Follows the server's event stream of training jobs: calls `listener.jobs(list)` and
// `listener.progress(job)` for each event, and `listener.none()` if the server does not
// train. Returns an object with `close()`. An EventSource could not send the token.
export function follow(listener) {
  const closing = new AbortController();
  const { signal } = closing;
  let again = null;
  const open = async () => {
    try {
      await jobs();
      if (signal.aborted) return;
      const { ok, body } = await fetch("api/jobs/events", { headers: authorization(), signal });
      if (ok) await listen(body, listener);
    } catch (error) {
      if (error.code === "training_off") return listener.none();
    }
    if (!signal.aborted) again = setTimeout(open, FOLLOW_AGAIN);
  };
  open();
  return {
    close() {
      clearTimeout(again);
      closing.abort();
    },
  };
}

// Passes on the server-sent events of an answer until it ends.
async function listen(body, listener) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const events = (rest + value).split("\n\n");
    rest = events.pop();
    for (const event of events) {
      const [, name] = event.match(/^event: (jobs|progress)$/m) ?? [];
      const [, data] = event.match(/^data: (.*)$/m) ?? [];
      if (name && data) listener[name](JSON.parse(data));
    }
  }
}

// The source of this browser's samples: a random name that says nothing about the user,
// by which the samples can be found and deleted together.
export function visitor() {
  try {
    const saved = localStorage.getItem("glyphic-visitor");
    if (saved) return saved;
    const name = `page-${crypto.getRandomValues(new Uint32Array(1))[0].toString(36)}`;
    localStorage.setItem("glyphic-visitor", name);
    return name;
  } catch {
    return "page";
  }
}

// A server that takes longer than this, in ms, counts as not responding.
const TIMEOUT = 10_000;

async function request(path, options) {
  const response = await answered(path, options);
  const body = await response.json().catch(() => null);
  if (body) return body;
  throw new Refused(response.status, null, t`The server answered ${response.status}.`);
}

// The server's answer, if it is not an error.
async function answered(path, options) {
  let response;
  try {
    // Readings are nobody's; samples are somebody's.
    const secret = /^api\/(samples|nearest)/.test(path) ? ownSecret() : {};
    const headers = { ...options?.headers, ...authorization(), ...secret };
    response = await fetch(path, { signal: AbortSignal.timeout(TIMEOUT), ...options, headers });
  } catch (error) {
    throw new Unreachable(error.message);
  }
  if (response.ok) return response;
  const body = await response.json().catch(() => null);
  // Errors of the Open Inference Protocol are plain text.
  const failure = body?.error ?? {};
  const { code, message } = typeof failure === "string" ? { code: "open_inference", message: failure } : failure;
  if (response.status === 401 && (await askForToken())) return answered(path, options);
  // A proxy answers like this for a server that is down.
  if (response.status >= 500 && !message) throw new Unreachable(`status ${response.status}`);
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
