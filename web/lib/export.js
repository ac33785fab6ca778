// Sheets as a file, or in the clipboard.

import { csv, tsv } from "./csv.js";
import { byId, element } from "./dom.js";
import { t } from "./words.js";

const message = byId("exported");

// Saves a sheet under its own name.
export const save = (sheet) => download(sheet.rows, `${sheet.name.replace(/\.\w+$/, "")}.csv`, [sheet]);

// Saves several sheets, of all that there are, as one file: each row begins with the sheet's name.
export function saveAll(sheets, count) {
  const rows = sheets.flatMap(({ name, rows }) => rows.map((row) => (row.length ? [name, ...row] : row)));
  download(rows, "sheets.csv", sheets);
  if (sheets.length < count) message.prepend(t`Saved ${sheets.length} of ${count} sheets.`, " ");
}

function download(rows, name, sheets) {
  const file = new Blob([csv(rows)], { type: "text/csv;charset=utf-8" });
  const link = element("a", { href: URL.createObjectURL(file), download: name });
  link.click();
  // The browser needs the address for a moment.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  exported(sheets);
}

// Copies a sheet, as spreadsheets paste it.
export async function copy(sheet) {
  try {
    await navigator.clipboard.writeText(tsv(sheet.rows));
    exported([sheet]);
  } catch {
    message.textContent = t`This browser does not let the page copy: save it as CSV.`;
  }
}

export function clearMessage() {
  message.textContent = "";
}

function exported(sheets) {
  for (const sheet of sheets) sheet.isUnsaved = false;
  const left = sheets.reduce((sum, { unchecked }) => sum + unchecked.length, 0);
  message.textContent = left ? t`Done. Still unsure, with a question mark at the end: ${left}.` : t`Done.`;
}
