import { around } from "./number.js";

// The boxes that the user gave for a drawing, for one with more strokes: a stroke belongs to the box above or
// below which half of it lies, or else is a digit of its own. Undefined if it has not only more strokes.
export function extended({ strokes: before, boxes }, strokes) {
  if (!boxes || !before || strokes.length < before.length) return undefined;
  // The last one may have grown.
  const old = before.at(-1).length < strokes[before.length - 1].length ? before.length - 1 : before.length;
  const all = [...boxes];
  for (const stroke of strokes.slice(old)) {
    const [xs, ys] = [0, 1].map((axis) => stroke.map((point) => point[axis]));
    const [x, y] = [Math.min(...xs), Math.min(...ys)];
    const box = [x, y, Math.max(...xs) - x, Math.max(...ys) - y];
    const shared = ([left, , width]) => Math.min(left + width, x + box[2]) - Math.max(left, x);
    const at = all.findIndex((one) => shared(one) >= Math.min(one[2], box[2]) / 2);
    if (at < 0) all.push(box);
    else all[at] = around(all[at], box);
  }
  return all;
}
