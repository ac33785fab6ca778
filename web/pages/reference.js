// The page of the API: shows the server's OpenAPI description and lets users try it.

import { byId, element, pause } from "./dom.js";
import { authorization, ownSecret } from "./token.js";
import { dictionary, english, t } from "./words.js";

const METHODS = ["get", "post", "put", "patch", "delete"];
// How many characters of an answer are shown at most.
const MAX_SHOWN = 4000;
// An answer that has not ended after this time, in ms, is shown as far as it has arrived.
const TIMEOUT = 3000;

show().catch((error) => {
  byId("about").textContent = t`The server is not responding: ${error.message}. Reload to try again.`;
});

async function show() {
  const api = await (await fetch("api/openapi.json")).json();
  byId("about").replaceChildren(english(api.info.description));
  byId("operations").replaceChildren(...api.tags.map((tag) => group(api, tag)));
}

function group(api, tag) {
  const of = Object.entries(api.paths).flatMap(([path, item]) =>
    METHODS.filter((method) => item[method]?.tags?.includes(tag.name))
      .map((method) => operation(api, path, method, item[method])));
  return element("div", { class: "group" },
    element("h3", { lang: "en" }, tag.name), element("p", { class: "hint", lang: "en" }, tag.description), ...of);
}

function operation(api, path, method, about) {
  const parameters = about.parameters ?? [];
  const answers = Object.entries(about.responses).map(([status, answer]) =>
    element("tr", {}, element("th", { scope: "row" }, status), element("td", {}, ...response(status, answer))));
  return element("details", { class: "operation" },
    element("summary", {}, element("b", { class: "method" }, method.toUpperCase()), " ",
      element("code", {}, path), " ", element("span", { lang: "en" }, ...prose(about.summary ?? ""))),
    about.description && element("p", { lang: "en" }, ...prose(about.description)),
    needs(about.security),
    parameters.length ? table(t`Parameters`, parameters.map(parameter)) : null,
    about.requestBody ? body(api, about.requestBody) : null,
    table(t`Responses`, answers),
    method === "get" ? attempt(path, parameters) : null);
}

// Who may ask for it. Schemes are alternatives.
function needs(security = []) {
  const has = (scheme) => security.some((one) => one[scheme]);
  if (!has("token")) return null;
  return element("p", { class: "hint" }, has("visitor")
    ? t`Needs the server's token if one is set; without it, it is about the samples that this browser sent.`
    : t`Needs the server's token if one is set.`);
}

function parameter({ name, in: place, required, description, schema }) {
  const kind = [place, type(schema), required ? "required" : null].filter(Boolean).join(", ");
  return element("tr", {}, element("th", { scope: "row" }, element("code", {}, name)),
    element("td", { lang: "en" }, ...prose(`${kind}. ${description ?? ""}`)));
}

function body(api, { description, content }) {
  const rows = Object.entries(content).map(([kind, { schema, example }]) =>
    element("tr", {}, element("th", { scope: "row" }, element("code", {}, kind)),
      element("td", {}, ...fields(api, schema), example ? element("pre", { tabindex: "0" }, shortened(JSON.stringify(example))) : null)));
  return element("div", {}, description ? element("p", { lang: "en" }, ...prose(description)) : null, table(t`Body`, rows));
}

// The fields of an object.
function fields(api, schema) {
  const found = resolved(api, schema);
  const properties = Object.entries(found?.properties ?? {});
  return properties.map(([name, of]) => {
    const about = resolved(api, of);
    return element("p", { lang: "en" }, element("code", {}, name), ...prose(` ${type(about)}${about?.description ? `: ${about.description}` : ""}`));
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

// A text with code in backticks.
function prose(text) {
  return text.split("`").map((part, i) => (i % 2 ? element("code", {}, part) : part));
}

// A form that sends the request and shows the answer.
function attempt(path, parameters) {
  const answer = element("pre", { role: "status", tabindex: "0" });
  answer.hidden = true;
  const inputs = parameters.map(({ name, in: place, required }) => ({
    place, name, field: element("input", { name, required, placeholder: name, "aria-label": name }),
  }));
  const form = element("form", { class: "row" }, ...inputs.map(({ field }) => field),
    element("button", { type: "submit", class: "small" }, t`Try it`));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const given = inputs.filter(({ field }) => field.value !== "");
    const filled = given.filter(({ place }) => place === "path")
      .reduce((text, { name, field }) => text.replace(`{${name}}`, encodeURIComponent(field.value)), path);
    const query = new URLSearchParams(given.filter(({ place }) => place === "query").map(({ name, field }) => [name, field.value]));
    answer.hidden = false;
    try {
      const response = await fetch(`.${filled}${query.size ? `?${query}` : ""}`, { headers: { ...authorization(), ...ownSecret() } });
      answer.textContent = `${response.status}\n${shortened(await beginning(response))}`;
    } catch (error) {
      answer.textContent = t`no answer: ${error.message}`;
    }
  });
  return element("div", {}, form, answer);
}

// The beginning of an answer. An event stream never ends, so this stops after a time.
async function beginning({ body }) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  const late = pause(TIMEOUT);
  let text = "";
  while (text.length <= MAX_SHOWN) {
    const next = await Promise.race([reader.read(), late]);
    if (!next || next.done) break;
    text += next.value;
  }
  reader.cancel();
  return text;
}

const shortened = (text) => (text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)} …` : text);

// The description of a response. It is in English, so in Spanish the status is explained first.
function response(status, { description }) {
  const inShort = dictionary || !description ? meaning(status) : "";
  if (!description) return [inShort];
  return inShort ? [`${inShort}. `, english(description)] : [english(description)];
}

function meaning(status) {
  const meanings = {
    200: t`Done`, 201: t`Created`, 202: t`Started`, 400: t`Malformed request`, 401: t`The token is missing or wrong`, 403: t`Not allowed`,
    404: t`Not found`, 409: t`Conflicts with the current state`, 413: t`Too large`, 415: t`Unsupported content type`,
    422: t`Damaged or invalid content`, 429: t`Busy; Retry-After says when to try again`, 503: t`Not available now`, 507: t`The limit is reached`,
  };
  return meanings[status] ?? "";
}
