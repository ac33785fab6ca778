// The server's token, which changes need if one is set. This browser remembers it.

import { element } from "./dom.js";
import { t } from "./words.js";

const NAME = "glyphic-token";

export function authorization() {
  const token = stored();
  return token ? { Authorization: `Bearer ${token}` } : {};
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
      element("p", { class: "hint" }, stored()
        ? t`The token saved in this browser is not valid.`
        : t`Changes need the server's token. It was printed when the server started, or set with --admin-token.`),
      element("label", {}, t`Token`, " ", field),
      element("div", { class: "row" },
        element("button", { type: "submit", class: "primary", value: "given" }, t`Continue`),
        element("button", { type: "submit", value: "", formnovalidate: true }, t`Cancel`))));
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      const given = dialog.returnValue === "given" && field.value.trim();
      if (given) keep(given);
      dialog.remove();
      resolve(Boolean(given));
    });
  });
}

// The token for this visit, if the browser blocks storage.
let own = null;

function stored() {
  try {
    return localStorage.getItem(NAME) ?? own;
  } catch {
    return own;
  }
}

function keep(token) {
  own = token;
  try {
    localStorage.setItem(NAME, token);
  } catch {
    // It is in `own` for this visit.
  }
}
