// What this browser remembers of who it is: the server's token, which changes need if one is set,
// and a secret of its own, by which it finds the samples that it sent.

import { element } from "./dom.js";
import { t } from "./words.js";

const NAME = "glyphic-token";
const SECRET = "glyphic-secret";

export function authorization() {
  const token = stored(NAME);
  return token ? { Authorization: `Bearer ${token}` } : {};
}

// The header by which the server knows this browser's own samples. It stores only a hash of it.
export function ownSecret() {
  if (!stored(SECRET)) {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    keep(SECRET, [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(""));
  }
  return { "Glyphic-Visitor": stored(SECRET) };
}

let asking = null;

// Asks the user for the token; true if one was given. Two changes at the same time share one
// dialog.
export function askForToken() {
  asking ??= ask().finally(() => { asking = null; });
  return asking;
}

function ask() {
  // Visible ASCII characters only: others cannot be sent in a header.
  const field = element("input", {
    type: "password", name: "token", autocomplete: "current-password", required: true, pattern: "\\s*[!-~]+\\s*",
  });
  const dialog = element("dialog", { class: "token", "aria-labelledby": "token-title" },
    element("form", { method: "dialog" },
      element("h2", { id: "token-title" }, t`The server's token`),
      element("p", { class: "hint" }, stored(NAME)
        ? t`The token saved in this browser is not valid.`
        : t`Changes, and what others sent, need the server's token. It was printed when the server started, or set with --admin-token.`),
      element("label", {}, t`Token`, " ", field),
      element("div", { class: "row" },
        element("button", { type: "submit", class: "primary", value: "given" }, t`Continue`),
        element("button", { type: "submit", value: "", formnovalidate: true }, t`Cancel`))));
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      const given = dialog.returnValue === "given" && field.value.trim();
      if (given) keep(NAME, given);
      dialog.remove();
      resolve(Boolean(given));
    });
  });
}

// For this visit, if the browser blocks storage.
const own = {};

function stored(name) {
  try {
    return localStorage.getItem(name) ?? own[name];
  } catch {
    return own[name];
  }
}

function keep(name, text) {
  own[name] = text;
  try {
    localStorage.setItem(name, text);
  } catch {
    // It is in `own` for this visit.
  }
}
