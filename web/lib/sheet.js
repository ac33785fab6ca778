// A sheet: its picture, what was read in its cells, and what the user says is written there.

import { turnedBox, turnedLines, turnedTable } from "./grid.js";

// The server reads pictures averaged down to this side; the page shows them at most that large.
const LONGEST = 2400;
// A cell is the same as one before if their boxes overlap at least by this share.
const SAME = 0.7;

export class Sheet {
  // waiting, reading, read or failed.
  state = "waiting";
  error = null;
  // Whether it may help to try again.
  mayRetry = false;
  // How often in a row the server could not be reached for it.
  cuts = 0;
  // { lines, rows, columns, cells } for each table. All places are in the picture as it is upright,
  // whose width and height are `size`.
  tables = [];
  // All cells, in the order of reading; `i` of each is its place among them.
  cells = [];
  labels = [];
  orientation = null;
  size = null;
  // The lines by which it was read, if they were not to be found.
  grid = null;
  // By what it is to be read instead, until it was: { orientation, grid, isMended }, or null.
  asked = null;
  // The lines while the user mends them, and all that they were before: { tables, before }, or null.
  draft = null;
  // How many corrections had no cell any more when it was read again.
  lost = 0;
  thumbnail = null;
  // Whether something was corrected or mended that is not exported yet.
  isUnsaved = false;
  // What was asked when the server was.
  #sent = null;
  // What each correction replaced.
  #before = [];

  // Whether the first row of each table is a heading: printed, so that it is neither read nor checked.
  #hasHeading;

  constructor(file, name, hasHeading) {
    this.file = file;
    this.name = name;
    this.#hasHeading = hasHeading;
  }

  get hasHeading() {
    return this.#hasHeading;
  }

  set hasHeading(has) {
    this.#hasHeading = has;
    for (const cell of this.cells.filter(({ row }) => row === 0)) {
      Object.assign(cell, { isHeading: has, isDoubtful: !has && isUnsure(cell) });
      if (!cell.isChecked) cell.text = unchecked(cell);
    }
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

  // Whether leaving the page would lose work.
  get isAtRisk() {
    return this.isUnsaved || this.draft?.before.length > 0;
  }

  // Asks for it to be read a quarter further clockwise. The lines that were given turn too.
  askTurned() {
    const grid = this.grid?.map((lines) => turnedTable(lines, 1, this.size)) ?? null;
    this.asked = { orientation: ((this.orientation ?? 0) + 90) % 360, grid };
  }

  // Asks for it to be read by lines that were mended, or found if it is null.
  askMended(grid) {
    this.asked = { orientation: this.orientation, grid, isMended: true };
  }

  // What the server is to be asked, beside the picture: in pixels of the file.
  question() {
    this.#sent = this.asked;
    const { orientation, grid } = this.asked ?? this;
    if (orientation === null || !grid) return { orientation };
    const back = (4 - orientation / 90) % 4;
    const size = orientation === this.orientation ? this.size : this.size.toReversed();
    return { orientation, grid: grid.map((lines) => rounded(turnedLines(lines, back, size))) };
  }

  // Takes an answer to that. What was corrected in a cell stays, if the cell is still there.
  async take(answer) {
    const { width, height } = await pictureOf(this.file);
    const quarters = answer.orientation / 90;
    const before = this.#turnedBy((answer.orientation - (this.orientation ?? answer.orientation) + 360) / 90 % 4);
    this.orientation = answer.orientation;
    this.size = quarters % 2 ? [height, width] : [width, height];
    this.labels = answer.labels;
    this.#answered();
    this.tables = answer.tables.map((table, i) => tableOf(table, i, quarters, [width, height]));
    this.cells = this.tables.flatMap(({ cells }) => cells);
    this.cells.forEach((cell, i) => { cell.i = i; });
    this.hasHeading = this.#hasHeading;
    this.#keep(before);
  }

  // It could not be read, for a reason in words; what was read before stays.
  fail(error, mayRetry = false) {
    this.state = this.size ? "read" : "failed";
    Object.assign(this, { error, mayRetry });
  }

  // The server could not be reached for it. Returns whether it waits until the server is back: one that
  // was read before can be used as it is, and one may be what the server fails at.
  waitsForServer() {
    this.cuts += 1;
    if (this.size || this.cuts > 1) return false;
    this.state = "waiting";
    return true;
  }

  // The cell that is now where another one was.
  cellAt({ box }) {
    return this.cells.find((cell) => overlap(cell.box, box) >= SAME);
  }

  // What was asked is done.
  #answered() {
    const sent = this.#sent;
    if (sent) this.grid = sent.grid;
    if (sent?.isMended) {
      this.draft = null;
      this.isUnsaved = true;
    }
    if (this.asked === sent) this.asked = null;
    this.cuts = 0;
  }

  // The cells, and what is mended, after the picture was turned by quarters.
  #turnedBy(quarters) {
    if (quarters === 0) return this.cells;
    const turn = (tables) => tables.map((lines) => turnedTable(lines, quarters, this.size));
    if (this.draft) {
      const { tables, before } = this.draft;
      this.draft = { tables: turn(tables), before: before.map((step) => ({ ...step, tables: turn(step.tables) })) };
    }
    for (const cell of this.cells) cell.box = turnedBox(cell.box, quarters, this.size);
    return this.cells;
  }

  // What was corrected in cells before stays.
  #keep(before) {
    const kept = new Map();
    const corrected = before.filter(({ isChecked }) => isChecked);
    for (const old of corrected) {
      const same = this.cellAt(old);
      if (same) kept.set(old, Object.assign(same, { text: old.text, isChecked: true, samples: old.samples }));
    }
    this.lost = corrected.length - kept.size;
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
    Object.assign(cell, { text: isChecked ? text : unchecked(cell), isChecked });
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

const isUnsure = ({ verdict }) => verdict === "unsure" || verdict === "not_a_digit";

// The text of a cell as long as the user says nothing else.
const unchecked = ({ isHeading, read }) => (isHeading ? "" : read);

const marked = ({ text, isDoubtful, isChecked }) => text + (isDoubtful && !isChecked ? "?" : "");

function tableOf({ rows, lines, box }, table, quarters, size) {
  const cells = rows.flatMap((row, i) => row.flatMap((cell, j) => {
    const { text, part_of: whole } = cell;
    const isHere = cell.box[2] > 0 && !whole;
    const place = { table, row: i, column: j, span: [1, 1], box: turnedBox(cell.box, quarters, size) };
    return isHere ? [{ ...cell, ...place, read: text, isDoubtful: isUnsure(cell), isChecked: false }] : [];
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

// Whether the browser can show a file.
export const isPicture = (file) => pictureOf(file).then(() => true, () => false);

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
