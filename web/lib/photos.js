// The picture on the pad: opened from files, turned, and read in the parts that the user marks. Loaded
// with the first picture.

import { byId, element } from "./dom.js";
import { read } from "./engines.js";
import { digitsOf, hideNumber } from "./number.js";
import { showError } from "./result.js";
import { isPicture } from "./upload.js";
import { t } from "./words.js";

// Hardly any smaller file has more pixels than servers read.
const LARGE = 4 * 2 ** 20;
// The server's default limit for a request body.
const MAX_BYTES = 16 * 2 ** 20;

const picture = byId("picture");
const button = (id, text, onclick) => element("button", { type: "button", id, hidden: true, onclick }, text);
const tools = [
  button("turn", t`Turn`, turn),
  button("mark", t`Mark a part …`, mark),
  button("next", "", () => openPicture(pile[(pile.indexOf(opened) + 1) % pile.length])),
];
const next = tools[2];

document.head.append(element("link", { rel: "stylesheet", href: "photos.css" }));

let page = null;
// The picture that was opened last, those that came with it, and the one that a stroke or Clear has
// closed: { file, input, mends }, without an input if it was not read yet.
let opened = null;
let pile = [];
let closed = null;
// Ends the marking of a part; null while none is marked.
let endMarking = null;

// `given` is what the page does: `begin(mends)` forgets the drawing, `read(input)` has an input read and
// `correct(input)` does so too, but Undo takes it back. `shown()` is the input that was sent last,
// `current()` the last answer and its input, { answer, input }, or null if a newer one is awaited.
// `update()` updates the tools.
export function startPhotos(given) {
  if (page) return;
  page = given;
  byId("take").after(...tools);
}

export const hasClosed = () => closed !== null;

// Opens the first of some pictures; the others follow with a button. What is none is left out, unless all are.
export function openPictures(files) {
  const pictures = files.filter(isPicture);
  pile = pictures.length ? pictures : files;
  return openPicture(pile[0]);
}

async function openPicture(file) {
  endMarking?.();
  opened = file;
  page.begin();
  closed = null;
  if (file.type && !file.type.startsWith("image/")) {
    hide();
    return showError(t`${file.name} is not a picture: choose a PNG, JPEG, WebP, GIF or BMP file.`);
  }
  showPicture(file);
  const blob = file.size < LARGE ? file : await (await import("./shrink.js")).fitting(file);
  // Another input may have been chosen meanwhile.
  if (opened !== file || picture.hidden) return;
  if (blob !== file) showPicture(blob);
  if (blob.size > MAX_BYTES) return showError(t`This file is over 16 MB: choose a smaller picture.`);
  page.read({ blob });
}

// Hides the picture, so that Undo shows it again with all that was done to it.
export function closePicture(mends) {
  if (picture.hidden) return;
  endMarking?.();
  const input = page.shown();
  closed = { file: opened, mends, input: input?.blob === shownBlob ? input : null };
  hide();
}

export function reopen() {
  const { file, input, mends } = closed;
  if (!input) return openPicture(file);
  closed = null;
  page.begin(mends);
  showAgain(input);
}

// Has an earlier picture read again.
export function showAgain(input) {
  endMarking?.();
  if (input.blob !== shownBlob || picture.hidden) showPicture(input.blob);
  page.read(input);
}

let shownBlob = null;
function showPicture(blob) {
  shownBlob = blob;
  // The boxes are those of another picture.
  hideNumber();
  URL.revokeObjectURL(picture.src);
  picture.src = URL.createObjectURL(blob);
  picture.alt = blob.name ? t`The picture ${blob.name}` : t`The pasted picture`;
  picture.hidden = false;
  page.update();
}

function hide() {
  picture.hidden = true;
  page.update();
}

// Shows the tools for pictures with a picture, instead of those for drawings.
export function updateTools() {
  const { hidden } = picture;
  for (const tool of tools) tool.hidden = hidden;
  for (const id of ["redo", "replay"]) byId(id).hidden = !hidden;
  next.hidden ||= pile.length < 2;
  next.textContent = t`Picture ${pile.indexOf(opened) + 1} of ${pile.length}: next`;
}

// Reads the picture from the next side.
function turn() {
  const { answer, input } = page.current() ?? {};
  if (input?.blob) page.correct({ blob: input.blob, orientation: (answer.orientation + 90) % 360 });
}

// Lets the user draw a box on the picture.
async function mark() {
  const { startRegion } = await import("./region.js");
  // The picture may be gone, or be one that this browser cannot show.
  if (endMarking || picture.hidden || !picture.naturalWidth) return;
  const end = startRegion({ crop, readToo, ended: () => endMarking?.() });
  endMarking = () => {
    endMarking = null;
    if (end()) byId("mark").focus();
  };
}

async function crop(box) {
  const blob = await fileOf(drawn(box));
  endMarking?.();
  // A side that the user has chosen stays.
  const { orientation } = page.shown() ?? {};
  showPicture(blob);
  page.correct({ blob, orientation });
}

// Reads the digits in a box too, or what is in it as one digit; returns what went wrong, if anything.
async function readToo(box) {
  const current = page.current();
  const own = endMarking;
  if (!current?.input.blob) return t`The picture is still being read.`;
  const { answer, input } = current;
  const { orientation } = answer;
  const found = await digitsIn({ blob: await fileOf(drawn(box)), orientation });
  const inPart = found.map((digit) => [digit.box[0] + box[0], digit.box[1] + box[1], ...digit.box.slice(2)]);
  const others = digitsOf(answer).filter((digit) => digit.counts && !isIn(digit.box, box)).map((digit) => digit.box);
  const boxes = [...others, ...(inPart.length ? inPart : [box])];
  const isRead = async (next) => (await digitsIn(next)).some((digit) => isIn(digit.box, box));
  let next = { blob: input.blob, orientation, boxes };
  // What is ink in a part by itself may be too faint beside the rest.
  if (!(await isRead(next))) next = { ...next, blob: await strengthened(box) };
  if (next.blob !== input.blob && !(await isRead(next))) {
    return inPart.length ? t`This part can only be read by itself: crop to it.` : t`There is no ink in this part.`;
  }
  // It was cancelled meanwhile.
  if (endMarking !== own) return;
  if (page.current()?.input !== input) return t`The picture is still being read.`;
  endMarking?.();
  if (next.blob !== input.blob) showPicture(next.blob);
  page.correct(next);
}

const digitsIn = async (input) => digitsOf((await read(input)).answer).filter(({ counts }) => counts);

// Whether the middle of a box is in another one.
const isIn = ([x, y, width, height], [left, top, across, down]) =>
  Math.abs(x + width / 2 - left - across / 2) <= across / 2 && Math.abs(y + height / 2 - top - down / 2) <= down / 2;

// A part of the picture.
function drawn([x, y, width, height]) {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  if (isLarge(canvas)) {
    context.fillStyle = "#fff";
    context.fillRect(0, 0, width, height);
  }
  context.drawImage(picture, -x, -y);
  return canvas;
}

// Large pictures become JPEGs, which have no transparency.
const isLarge = ({ width, height }) => width * height > 1e6;

async function fileOf(canvas) {
  const type = isLarge(canvas) ? "image/jpeg" : "image/png";
  return new File([await canvas.convertToBlob({ type, quality: 0.95 })], opened.name ?? "", { type });
}

// The picture with the strongest contrast in a part of it.
async function strengthened([x, y, width, height]) {
  const canvas = drawn([0, 0, picture.naturalWidth, picture.naturalHeight]);
  const context = canvas.getContext("2d");
  const image = context.getImageData(x, y, width, height);
  const { strengthen } = await import("./strengthen.js");
  strengthen(image.data);
  context.putImageData(image, x, y);
  return fileOf(canvas);
}
