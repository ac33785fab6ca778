// Small helpers to build elements.

import { number, t } from "./words.js";

// element("button", { class: "x", type: "button", onclick: f }, child, "text", …)
export function element(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === false || value == null) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child != null));
  return node;
}

export const byId = (id) => document.getElementById(id);

// The keys of plural(n, "sample") are "{0} sample" and "{0} samples".
export const plural = (count, one, many = `${one}s`) => t(["", ` ${count === 1 ? one : many}`], number(count));

// A message of the server as a sentence: with a capital letter and a full stop.
export function sentence(text) {
  return text ? text[0].toUpperCase() + text.slice(1) + (text.endsWith(".") ? "" : ".") : "";
}

export function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

// The PNG file in a data URL.
export function blobOf(url) {
  const bytes = Uint8Array.from(atob(url.split(",")[1]), (byte) => byte.charCodeAt(0));
  return new Blob([bytes], { type: "image/png" });
}
