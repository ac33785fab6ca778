// The server, as the page sees it.

// The server answered, and said no. `message` is for the user.
export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

// The server did not answer at all.
export class Away extends Error {}

export function predictStrokes(strokes) {
  return predict(JSON.stringify({ strokes }), "application/json");
}

export function predictImage(blob) {
  return predict(blob, blob.type || "application/octet-stream");
}

export function models() {
  return request("api/models");
}

function predict(body, type) {
  return request("api/predict?explain=1", { method: "POST", headers: { "Content-Type": type }, body });
}

// A server that takes longer is as good as away, in ms.
const PATIENCE = 10_000;

async function request(path, options) {
  let response;
  try {
    response = await fetch(path, { signal: AbortSignal.timeout(PATIENCE), ...options });
  } catch (error) {
    throw new Away(error.message);
  }
  const body = await response.json().catch(() => null);
  if (response.ok && body) return body;
  throw new Refused(response.status, body?.error?.message ?? `The server answered ${response.status}.`);
}
