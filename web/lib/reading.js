// Has the server read a sheet, and keeps what came of it in the sheet.

import { Refused, Unreachable, readSheet, told } from "./api.js";
import { known } from "./columns.js";
import { element, sentence } from "./dom.js";
import { patiently } from "./patience.js";
import { drawUpright } from "./sheet.js";
import { t } from "./words.js";

// The server's default limit for a request body.
const MAX_BYTES = 16 * 2 ** 20;
// The longest side of a thumbnail, in pixels.
const THUMBNAIL = 120;

// Why a file is not even sent, or null.
export function problemOf({ size, type }) {
  if (type === "application/pdf") return t`This is a PDF: save its pages as pictures first.`;
  return size > MAX_BYTES ? t`This file is over 16 MB: choose a smaller picture.` : null;
}

// Returns the error if it could not be read, otherwise null.
export async function readOne(sheet) {
  try {
    sheet.thumbnail ??= await thumbnailOf(sheet.file);
    await sheet.take(await patiently(() => readSheet(sheet.file, { ...sheet.question(), columns: known() })));
    // The user may have asked for something else meanwhile.
    if (sheet.state === "reading") sheet.state = "read";
    return null;
  } catch (error) {
    const isAnswer = error instanceof Refused || error instanceof Unreachable;
    sheet.fail(isAnswer ? told(error).map(asSentence) : [t`This browser cannot show the picture.`]);
    return error;
  }
}

const asSentence = (part) => (typeof part === "string" ? sentence(part) : part);

async function thumbnailOf(file) {
  const canvas = element("canvas");
  await drawUpright(canvas, file, 0, THUMBNAIL).catch(() => {});
  return canvas.toDataURL("image/jpeg", 0.8);
}
