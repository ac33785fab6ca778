// A sheet: its picture, what was read in its cells, and what the user says is written there.

import { turnedBox, turnedLines } from "./grid.js";

// The server reads pictures averaged down to this side; the page shows them at most that large.
const LONGEST = 2400;
// A cell is the same as one before if their boxes overlap at least by this share.
const SAME = 0.7;

export class Sheet {
  // waiting, reading, read or failed.
  state = "waiting";
  error = null;
  // { lines, rows, columns, cells } for each table. All places are in the picture as it is upright,
  // whose width and height are `size`.
  tables = [];
  // All cells, in the order of reading; `i` of each is its place among them.
  cells = [];
  labels = [];
  orientation = null;
  size = null;
  // The lines by which it is to be read, if they are not to be found.
  grid = null;
  thumbnail = null;
  // Whether something was corrected that is not exported yet.
  isUnsaved = false;
  // The lines by which it was read.
  #gridBefore = null;
  // What each correction replaced.
  #before = [];

  constructor(file, name) {
    this.file = file;
    this.name = name;
  }

  // The cells that were not surely read, in the order of reading.
  get doubtful() {
    return this.cells.filter(({ isDoubtful }) => isDoubtful);
  }

  get unchecked() {
    return this.doubtful.filter(({ isChecked }) => !isChecked);
  }

  get canUndo() {
    return this.#before.length > 0;
  }

  // What the server is to be asked, beside the picture: in pixels of the file.
  question() {
    const { orientation, grid } = this;
    if (orientation === null || !grid) return { orientation };
    const back = (4 - orientation / 90) % 4;
    return { orientation, grid: grid.map((lines) => rounded(turnedLines(lines, back, this.size))) };
  }

  // Takes an answer to that. What was corrected in a cell stays, if the cell is still there.
  async take(answer) {
    const before = this.cells;
    const { width, height } = await pictureOf(this.file);
    const quarters = answer.orientation / 90;
    this.orientation = answer.orientation;
    this.size = quarters % 2 ? [height, width] : [width, height];
    this.labels = answer.labels;
    this.#gridBefore = this.grid;
    this.tables = answer.tables.map((table, i) => tableOf(table, i, quarters, [width, height]));
    this.cells = this.tables.flatMap(({ cells }) => cells);
    this.cells.forEach((cell, i) => { cell.i = i; });
    this.#keep(before);
  }

  // It could not be read, for a reason in words; what was read before stays.
  fail(error) {
    this.grid = this.#gridBefore;
    this.state = this.tables.length > 0 ? "read" : "failed";
    this.error = error;
  }

  // What was corrected in cells before stays.
  #keep(before) {
    const kept = new Map();
    for (const old of before.filter(({ isChecked }) => isChecked)) {
      const same = this.cells.find((cell) => overlap(cell.box, old.box) >= SAME);
      if (same) kept.set(old, Object.assign(same, { text: old.text, isChecked: true, samples: old.samples }));
    }
    this.#before = this.#before.flatMap((step) => {
      const cell = kept.get(step.cell);
      return cell ? [{ ...step, cell }] : [];
    });
  }

  // The user says what is written in a cell.
  confirm(cell, text) {
    this.#before.push({ cell, text: cell.text, isChecked: cell.isChecked });
    Object.assign(cell, { text, isChecked: true });
    this.isUnsaved = true;
  }

  // Takes the last correction back; returns its cell.
  undo() {
    const { cell, text, isChecked } = this.#before.pop();
    Object.assign(cell, { text, isChecked });
    this.isUnsaved = true;
    return cell;
  }

  // The digits of a cell, each with its symbol of a text, if they are as many.
  static digitsOf({ digits }, text) {
    const written = [...text.replace(/\s/g, "")];
    const counted = digits.filter(({ counts }) => counts);
    // One that was not taken for a digit may be one.
    const own = [counted, digits].find(({ length }) => length === written.length) ?? [];
    return own.map((digit, i) => [digit, written[i]]);
  }

  // The rows of texts of all tables, with an empty one between two. What is still unsure has a
  // question mark at the end.
  get rows() {
    return this.tables.flatMap(({ rows, columns, cells }, i) => {
      const texts = Array.from({ length: rows }, () => Array(columns).fill(""));
      for (const cell of cells) texts[cell.row][cell.column] = marked(cell);
      return i ? [[], ...texts] : texts;
    });
  }
}

const marked = ({ text, isDoubtful, isChecked }) => text + (isDoubtful && !isChecked ? "?" : "");

function tableOf({ rows, lines, box }, table, quarters, size) {
  const cells = rows.flatMap((row, i) => row.flatMap((cell, j) => {
    const { text, verdict, part_of: whole } = cell;
    const isHere = cell.box[2] > 0 && !whole;
    const isDoubtful = verdict === "unsure" || verdict === "not_a_digit";
    const place = { table, row: i, column: j, span: [1, 1], box: turnedBox(cell.box, quarters, size) };
    return isHere ? [{ ...cell, ...place, text, read: text, verdict, isDoubtful, isChecked: false }] : [];
  }));
  const first = new Map(cells.map((cell) => [`${cell.row} ${cell.column}`, cell]));
  rows.forEach((row, i) => row.forEach(({ part_of: whole }, j) => {
    const cell = whole && first.get(whole.join(" "));
    if (cell) cell.span = [Math.max(cell.span[0], i - cell.row + 1), Math.max(cell.span[1], j - cell.column + 1)];
  }));
  return {
    lines: lines ? turnedLines(lines, quarters, size) : null,
    box: turnedBox(box, quarters, size),
    rows: rows.length,
    columns: rows[0]?.length ?? 0,
    cells,
  };
}

// The part of the larger box that both share.
function overlap([x, y, width, height], [u, v, w, h]) {
  const [across, down] = [Math.min(x + width, u + w) - Math.max(x, u), Math.min(y + height, v + h) - Math.max(y, v)];
  return (Math.max(0, across) * Math.max(0, down)) / Math.max(width * height, w * h, 1);
}

// With as many decimals as mean something: the server is sent this in its address.
function rounded({ corners, rows, columns, merged }) {
  const share = (value) => Number(value.toFixed(5));
  return {
    corners: corners.map((corner) => corner.map((value) => Number(value.toFixed(1)))),
    rows: rows.map(share), columns: columns.map(share), merged,
  };
}

// The picture in a file, as its EXIF orientation says.
async function pictureOf(file) {
  const picture = await createImageBitmap(file);
  const { width, height } = picture;
  picture.close();
  return { width, height };
}

// Draws a file's picture, turned clockwise by quarters, into a canvas, and returns by what it was
// scaled.
export async function drawUpright(canvas, file, orientation, longest = LONGEST) {
  const picture = await createImageBitmap(file);
  const quarters = (orientation ?? 0) / 90;
  const scale = Math.min(1, longest / Math.max(picture.width, picture.height));
  const [width, height] = [picture.width * scale, picture.height * scale];
  const sides = quarters % 2 ? [height, width] : [width, height];
  [canvas.width, canvas.height] = sides.map(Math.ceil);
  const context = canvas.getContext("2d");
  context.translate(sides[0] / 2, sides[1] / 2);
  context.rotate((quarters * Math.PI) / 2);
  context.drawImage(picture, -width / 2, -height / 2, width, height);
  context.resetTransform();
  picture.close();
  return scale;
}
