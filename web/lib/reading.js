// Has the server read a sheet, and keeps what came of it in the sheet.

import { Refused, Unreachable, readSheet, told } from "./api.js";
import { known } from "./columns.js";
import { element, sentence } from "./dom.js";
import { patiently } from "./patience.js";
import { drawUpright, isPicture } from "./sheet.js";
import { t } from "./words.js";

// The server's default limit for a request body.
const MAX_BYTES = 16 * 2 ** 20;
// The longest side of a thumbnail, in pixels.
const THUMBNAIL = 120;

// Why a file is not even sent, or null.
export function problemOf({ size, type }) {
  if (type === "application/pdf") return t`This is a PDF: save its pages as pictures first.`;
  // One without a known ending may be a picture all the same.
  if (type && !type.startsWith("image/")) return t`This is not a picture.`;
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
    if (error instanceof Unreachable && sheet.waitsForServer()) return error;
    sheet.fail(await reasonOf(error, sheet), mayPass(error));
    return error;
  }
}

async function reasonOf(error, { file }) {
  const isAnswer = error instanceof Refused || error instanceof Unreachable;
  if (!isAnswer) return [t`This picture is damaged, or of a kind that this browser cannot show.`];
  // The server takes bytes that are no picture for base64, and says what is wrong with that.
  if (error.code === "malformed" && !(await isPicture(file))) return [t`This is not a picture.`];
  return told(error).map(asSentence);
}

// What the server answers if the file itself is at fault, or what is said of it.
const FINAL = [400, 413, 415, 422];

const mayPass = (error) =>
  error instanceof Unreachable || (error instanceof Refused && !FINAL.includes(error.status));

const asSentence = (part) => (typeof part === "string" ? sentence(part) : part);

async function thumbnailOf(file) {
  const canvas = element("canvas");
  await drawUpright(canvas, file, 0, THUMBNAIL).catch(() => {});
  return canvas.toDataURL("image/jpeg", 0.8);
}
