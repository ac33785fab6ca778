// Rows of texts as CSV, as the server writes it, and for the clipboard of a spreadsheet.

// Spreadsheets compute what begins like this, and some divide lines at semicolons and tabs. An
// apostrophe tells them that it is a text.
const FORMULA = /^'*[=+\-@\t\r\n＝＋－＠]/;

const harmless = (text) =>
  text.split(/(?<=[;\t])/).map((part) => (FORMULA.test(part) ? `'${part}` : part)).join("");

const quoted = (text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

// A line with a single empty text would be an empty line, which divides tables.
const line = (texts) => (texts.length === 1 && !texts[0] ? '""' : texts.map(quoted).join(","));

export const csv = (rows) => rows.map((row) => `${line(row.map(harmless))}\n`).join("");

export const tsv = (rows) => rows.map((row) => row.map((text) => harmless(text.replace(/\s/g, " "))).join("\t")).join("\n");
