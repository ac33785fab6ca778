// The server's token: changes need it where one is set. This browser keeps it.

import { element } from "./dom.js";
import { t } from "./words.js";

const NAME = "glyphic-token";

export function authorization() {
  const token = stored();
  return token ? { Authorization: `Bearer ${token}` } : {};
}

let asking = null;

// Asks for the token; true if one was given. Two changes at once ask once.
export function askForToken() {
  asking ??= ask().finally(() => { asking = null; });
  return asking;
}

function ask() {
  // What a header can carry.
  const field = element("input", {
    type: "password", name: "token", autocomplete: "current-password", required: true, pattern: "\\s*[!-~]+\\s*",
  });
  const dialog = element("dialog", { class: "token", "aria-labelledby": "token-title" },
    element("form", { method: "dialog" },
      element("h2", { id: "token-title" }, t`The server's token`),
      element("p", { class: "hint" }, stored()
        ? t`The one that this browser has is not right.`
        : t`Changes need it. Whoever started the server has it: it was printed, or set with --admin-token.`),
      element("label", {}, t`Token`, " ", field),
      element("div", { class: "row" },
        element("button", { type: "submit", class: "primary", value: "given" }, t`Go on`),
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

// Where a browser keeps nothing, until the page is left.
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
    // Kept above.
  }
}
