// The API's page: the server's own description, to be read by people and tried.

import { byId, element } from "./dom.js";
import { authorization } from "./token.js";

const METHODS = ["get", "post", "put", "patch", "delete"];
// Longest answer that is shown, in characters.
const SHOWN = 4000;

show().catch((error) => {
  byId("about").textContent = `The server does not answer: ${error.message}. Reload to try again.`;
});

async function show() {
  const api = await (await fetch("api/openapi.json")).json();
  byId("about").textContent = api.info.description;
  byId("operations").replaceChildren(...api.tags.map((tag) => group(api, tag)));
}

function group(api, tag) {
  const of = Object.entries(api.paths).flatMap(([path, item]) =>
    METHODS.filter((method) => item[method]?.tags?.includes(tag.name))
      .map((method) => operation(api, path, method, item[method])));
  return element("div", { class: "group" },
    element("h3", {}, tag.name), element("p", { class: "hint" }, tag.description), ...of);
}

function operation(api, path, method, about) {
  const parameters = about.parameters ?? [];
  const answers = Object.entries(about.responses).map(([status, answer]) =>
    element("tr", {}, element("th", { scope: "row" }, status), element("td", {}, answer.description || meaning(status))));
  return element("details", { class: "operation" },
    element("summary", {}, element("b", { class: "method" }, method.toUpperCase()), " ",
      element("code", {}, path), " ", element("span", {}, ...prose(about.summary ?? ""))),
    about.description && element("p", {}, ...prose(about.description)),
    about.security?.some((one) => one.token) ? element("p", { class: "hint" }, "Needs the server's token where one is set.") : null,
    parameters.length ? table("Parameters", parameters.map(parameter)) : null,
    about.requestBody ? body(api, about.requestBody) : null,
    table("Answers", answers),
    method === "get" ? attempt(path, parameters) : null);
}

function parameter({ name, in: place, required, description, schema }) {
  const kind = [place, type(schema), required ? "required" : null].filter(Boolean).join(", ");
  return element("tr", {}, element("th", { scope: "row" }, element("code", {}, name)),
    element("td", {}, ...prose(`${kind}. ${description ?? ""}`)));
}

function body(api, { description, content }) {
  const rows = Object.entries(content).map(([kind, { schema, example }]) =>
    element("tr", {}, element("th", { scope: "row" }, element("code", {}, kind)),
      element("td", {}, ...fields(api, schema), example ? element("pre", { tabindex: "0" }, shortened(JSON.stringify(example))) : null)));
  return element("div", {}, description ? element("p", {}, ...prose(description)) : null, table("Body", rows));
}

// What an object has in it.
function fields(api, schema) {
  const found = resolved(api, schema);
  const properties = Object.entries(found?.properties ?? {});
  return properties.map(([name, of]) => {
    const about = resolved(api, of);
    return element("p", {}, element("code", {}, name), ...prose(` ${type(about)}${about?.description ? `: ${about.description}` : ""}`));
  });
}

function resolved(api, schema) {
  const one = schema?.oneOf?.find((of) => of.$ref) ?? schema;
  return one?.$ref ? api.components.schemas[one.$ref.split("/").pop()] : one;
}

function type(schema) {
  const types = [schema?.type].flat().filter((name) => name && name !== "null");
  return schema?.enum ? schema.enum.join(" | ") : types.join(" or ");
}

function table(title, rows) {
  return element("table", { class: "facts" }, element("caption", {}, title), element("tbody", {}, ...rows));
}

// A text whose names stand in backticks.
function prose(text) {
  return text.split("`").map((part, i) => (i % 2 ? element("code", {}, part) : part));
}

// Asks, and shows the answer.
function attempt(path, parameters) {
  const answer = element("pre", { role: "status", tabindex: "0" });
  answer.hidden = true;
  const inputs = parameters.map(({ name, in: place, required }) => ({
    place, name, field: element("input", { name, required, placeholder: name, "aria-label": name }),
  }));
  const form = element("form", { class: "row" }, ...inputs.map(({ field }) => field),
    element("button", { type: "submit", class: "small" }, "Try it"));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const given = inputs.filter(({ field }) => field.value !== "");
    const filled = given.filter(({ place }) => place === "path")
      .reduce((text, { name, field }) => text.replace(`{${name}}`, encodeURIComponent(field.value)), path);
    const query = new URLSearchParams(given.filter(({ place }) => place === "query").map(({ name, field }) => [name, field.value]));
    answer.hidden = false;
    try {
      const response = await fetch(`.${filled}${query.size ? `?${query}` : ""}`, { headers: authorization() });
      answer.textContent = `${response.status}\n${shortened(await response.text())}`;
    } catch (error) {
      answer.textContent = `no answer: ${error.message}`;
    }
  });
  return element("div", {}, form, answer);
}

const shortened = (text) => (text.length > SHOWN ? `${text.slice(0, SHOWN)} …` : text);

function meaning(status) {
  const known = {
    200: "Done", 201: "Kept", 202: "Begun", 400: "Malformed", 401: "The token is missing or wrong", 403: "Another site's page asks",
    404: "Not there", 409: "Not as things are now", 413: "Too large", 415: "Not a type that is read",
    422: "Damaged, or not what it should be", 429: "Busy; Retry-After says when", 503: "Cannot answer now", 507: "As many as allowed",
  };
  return known[status] ?? "";
}
