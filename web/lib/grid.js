// The lines of a table in a picture: its corners, clockwise from the upper left one, and the places of
// the lines as shares of its sides. Nothing here changes what it is given.

// The least distance of two lines, as a share.
const APART = 0.002;

// The maps between the unit square and a quadrilateral that is seen in perspective: `at` leads into
// the picture, `from` back.
export function plane([[x0, y0], [x1, y1], [x2, y2], [x3, y3]]) {
  const [ax, ay, bx, by] = [x1 - x2, y1 - y2, x3 - x2, y3 - y2];
  const [sx, sy] = [x0 - x1 + x2 - x3, y0 - y1 + y2 - y3];
  const area = ax * by - bx * ay;
  const [g, h] = [(sx * by - bx * sy) / area, (ax * sy - sx * ay) / area];
  const map = [[x1 - x0 + g * x1, x3 - x0 + h * x3, x0], [y1 - y0 + g * y1, y3 - y0 + h * y3, y0], [g, h, 1]];
  return { at: (point) => apply(map, point), from: (point) => apply(adjugate(map), point) };
}

function apply(map, [x, y]) {
  const [u, v, w] = map.map(([a, b, c]) => a * x + b * y + c);
  return [u / w, v / w];
}

// The inverse but for a factor, which makes no difference.
function adjugate(m) {
  const minor = (row, column) => {
    const [[a, b], [c, d]] = [row, column].map((i) => [(i + 1) % 3, (i + 2) % 3]);
    return m[a][c] * m[b][d] - m[a][d] * m[b][c];
  };
  return [0, 1, 2].map((row) => [0, 1, 2].map((column) => minor(column, row)));
}

// Both ends of a line in the picture; `axis` is "rows" or "columns".
export function ends(lines, axis, i) {
  const { at } = plane(lines.corners);
  const share = lines[axis][i];
  return axis === "rows" ? [at([0, share]), at([1, share])] : [at([share, 0]), at([share, 1])];
}

// Where a place in the picture is along an axis.
export const shareOf = (lines, axis, point) => plane(lines.corners).from(point)[axis === "rows" ? 1 : 0];

// The same with a line elsewhere, at most as far as the next one less a distance. An outermost one
// takes the corners along.
export function withLineAt(lines, axis, i, share, apart = APART) {
  const shares = [...lines[axis]];
  const [before, after] = [shares[i - 1] ?? -10, shares[i + 1] ?? 10];
  // Lines that are nearer than that already may stay.
  const room = Math.min(apart, shares[i] - before, after - shares[i]);
  const [least, most] = [before + room, after - room];
  shares[i] = Math.min(most, Math.max(least, share));
  return framed({ ...lines, [axis]: shares });
}

// With the corners where the outermost lines meet.
function framed(lines) {
  const { at } = plane(lines.corners);
  const span = (shares) => [shares[0], shares.at(-1)];
  const [[left, right], [top, bottom]] = [span(lines.columns), span(lines.rows)];
  const scaled = (shares, [first, last]) => shares.map((share) => (share - first) / (last - first));
  return {
    ...lines,
    corners: [[left, top], [right, top], [right, bottom], [left, bottom]].map(at),
    columns: scaled(lines.columns, [left, right]),
    rows: scaled(lines.rows, [top, bottom]),
  };
}

// The same with one more line, at a share or else in the middle of the widest gap.
export function withLine(lines, axis, share = middleOf(lines[axis])) {
  const i = lines[axis].findIndex((other) => other > share);
  if (i <= 0) return lines;
  const gap = Math.min(share - lines[axis][i - 1], lines[axis][i] - share);
  if (gap < APART) return lines;
  const merged = shifted(lines, axis, (first, count) => {
    if (first >= i) return [first + 1, count];
    return first + count >= i ? [first, count + 1] : [first, count];
  });
  return { ...lines, [axis]: lines[axis].toSpliced(i, 0, share), merged };
}

const gapsOf = (shares) => shares.slice(1).map((share, i) => share - shares[i]);

// The usual distance of two lines, as a share.
export function usualGap(shares) {
  const gaps = gapsOf(shares).toSorted((a, b) => a - b);
  return gaps[gaps.length >> 1];
}

// The distance from a line to the nearest other one, as a share.
export const gapAround = (shares, i) => Math.min(...gapsOf(shares).slice(Math.max(0, i - 1), i + 1));

// The same with one more line beyond the last, at the usual distance; null if that is not in a picture
// of this size.
export function withLineBeyond(lines, axis, [width, height]) {
  const next = framed({ ...lines, [axis]: [...lines[axis], 1 + usualGap(lines[axis])] });
  return next.corners.every(([x, y]) => x >= 0 && y >= 0 && x <= width && y <= height) ? next : null;
}

// The same with as many rows or columns. Lines that were found stay: others come and go at the end.
// Lines that are evenly spaced, or that have no room, are divided evenly.
export function withCount(lines, axis, count, size) {
  let next = isEven(lines, axis) ? null : lines;
  while (next?.[axis].length > count + 1) next = withoutLine(next, axis, next[axis].length - 1);
  while (next?.[axis].length < count + 1) next = withLineBeyond(next, axis, size);
  return next ?? { ...lines, [axis]: shares(count), merged: [] };
}

function isEven({ merged = [], ...lines }, axis) {
  const places = lines[axis];
  return merged.length === 0 && places.every((place, i) => Math.abs(place - i / (places.length - 1)) < 1e-6);
}

function middleOf(shares) {
  const gaps = gapsOf(shares);
  const widest = gaps.indexOf(Math.max(...gaps));
  return shares[widest] + gaps[widest] / 2;
}

// The same without a line: its neighbours become one row or column. Without an outermost one, the
// table loses what is beside it.
export function withoutLine(lines, axis, i) {
  const { length } = lines[axis];
  if (length <= 2) return lines;
  const merged = shifted(lines, axis, (first, count) => {
    const end = first + count;
    const lost = first < i && i < end || i === 0 && first === 0 || i === length - 1 && end === length - 1;
    return [first >= Math.max(i, 1) ? first - 1 : first, lost ? count - 1 : count];
  });
  return framed({ ...lines, [axis]: lines[axis].toSpliced(i, 1), merged });
}

// The merged cells after the first row or column and the number of each has changed.
function shifted({ merged = [] }, axis, change) {
  const place = axis === "rows" ? 0 : 1;
  const each = merged.map((cells) => {
    const [first, count] = change(cells[place], cells[place + 2]);
    return cells.with(place, first).with(place + 2, count);
  });
  return each.filter(([, , rows, columns]) => rows > 0 && columns > 0 && rows * columns > 1);
}

const shares = (count) => Array.from({ length: count + 1 }, (_, i) => i / count);

// A table with this many equal rows and columns.
export function even(corners, rows, columns) {
  return { corners, rows: shares(rows), columns: shares(columns) };
}

// Whether corners are those of a table: they go around clockwise, and turn right at each.
export const isTable = (corners) => corners.every(([x, y], i) => {
  const [[u, v], [s, w]] = [corners[(i + 1) % 4], corners[(i + 2) % 4]];
  return (u - x) * (w - v) - (v - y) * (s - u) > 0 && Math.hypot(u - x, v - y) >= 8;
});

// A place in a picture of this size after it was turned clockwise by quarters.
export function turned([x, y], quarters, [width, height]) {
  return [[x, y], [height - y, x], [width - x, height - y], [y, width - x]][quarters % 4];
}

export function turnedBox([x, y, width, height], quarters, size) {
  const [a, b] = [[x, y], [x + width, y + height]].map((point) => turned(point, quarters, size));
  const [left, top] = [Math.min(a[0], b[0]), Math.min(a[1], b[1])];
  return [left, top, Math.abs(a[0] - b[0]), Math.abs(a[1] - b[1])];
}

export const turnedLines = (lines, quarters, size) =>
  ({ ...lines, corners: lines.corners.map((corner) => turned(corner, quarters, size)) });

// The same table after its picture of this size was turned clockwise by quarters: what was its left side
// is its upper one then.
export function turnedTable(lines, quarters, size) {
  if (quarters === 0) return lines;
  const { corners, rows, columns, merged = [] } = lines;
  const [a, b, c, d] = corners.map((corner) => turned(corner, 1, size));
  const next = {
    corners: [d, a, b, c],
    rows: columns,
    columns: rows.map((share) => 1 - share).toReversed(),
    merged: merged.map(([row, column, down, across]) => [column, rows.length - 1 - row - down, across, down]),
  };
  return turnedTable(next, quarters - 1, size.toReversed());
}
