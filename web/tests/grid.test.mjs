// The lines of tables as the page Sheets changes them, and its CSV: no browser is needed.

import assert from "node:assert/strict";
import { test } from "node:test";

import { webFile } from "./browser.mjs";

const grid = await import(webFile("grid.js"));
const { csv, tsv } = await import(webFile("csv.js"));

const lines = {
  corners: [[10, 10], [110, 20], [120, 220], [5, 200]],
  columns: [0, 0.25, 0.5, 1], rows: [0, 0.5, 1], merged: [[0, 1, 1, 2]],
};
const near = (a, b) => a.flat(2).every((value, i) => Math.abs(value - b.flat(2)[i]) < 1e-6);

test("a plane leads into the picture and back", () => {
  const { at, from } = grid.plane(lines.corners);
  assert.ok(near([[0, 0], [1, 0], [1, 1], [0, 1]].map(at), lines.corners));
  assert.ok(near([from(at([0.3, 0.7]))], [[0.3, 0.7]]));
});

test("a line moves up to its neighbours, and an outermost one takes the corners along", () => {
  assert.ok(grid.withLineAt(lines, "columns", 1, 0.9).columns[1] < 0.5);
  assert.equal(grid.withLineAt(lines, "columns", 1, 0.3).columns[1], 0.3);
  const moved = grid.withLineAt(lines, "rows", 2, 1.2);
  assert.deepEqual([moved.rows[0], moved.rows[2]], [0, 1]);
  // The lines inside stay where they are in the picture.
  for (const [axis, i] of [["rows", 1], ["rows", 0], ["columns", 2]]) {
    const [[before], [after]] = [grid.ends(lines, axis, i), grid.ends(moved, axis, i)];
    assert.ok(near([before], [after]), `${axis} ${i}`);
  }
});

test("merged cells follow lines that are added and removed", () => {
  assert.deepEqual(grid.withLine(lines, "columns").columns, [0, 0.25, 0.5, 0.75, 1]);
  assert.deepEqual(grid.withLine(lines, "columns").merged, [[0, 1, 1, 3]]);
  assert.deepEqual(grid.withLine(lines, "columns", 0.1).merged, [[0, 2, 1, 2]]);
  assert.deepEqual(grid.withLine(lines, "rows", 0.25).merged, [[0, 1, 2, 2]]);
  assert.deepEqual(grid.withLine(lines, "rows", 0.75).merged, lines.merged);
  assert.deepEqual(grid.withoutLine(lines, "columns", 1).merged, [[0, 0, 1, 2]]);
  assert.deepEqual(grid.withoutLine(lines, "columns", 2).merged, []);
  assert.deepEqual(grid.withoutLine(lines, "columns", 0).merged, [[0, 0, 1, 2]]);
  assert.deepEqual(grid.withoutLine(lines, "columns", 3).merged, []);
  assert.equal(grid.withoutLine({ ...lines, rows: [0, 1] }, "rows", 0).rows.length, 2);
});

test("a picture that is turned and turned back is the same", () => {
  for (let quarters = 0; quarters < 4; quarters++) {
    const size = quarters % 2 ? [200, 300] : [300, 200];
    const there = grid.turned([10, 20], quarters, [300, 200]);
    assert.deepEqual(grid.turned(there, (4 - quarters) % 4, size), [10, 20]);
  }
  assert.deepEqual(grid.turnedBox([10, 20, 30, 40], 1, [300, 200]), [140, 10, 40, 30]);
});

test("a table that is turned has its lines at the same places in the picture", () => {
  const turned = grid.turnedTable(lines, 1, [300, 400]);
  assert.deepEqual([turned.rows, turned.columns], [[0, 0.25, 0.5, 1], [0, 0.5, 1]]);
  // What was left is above, and what was below is left.
  for (const [axis, i, other, j] of [["rows", 0, "columns", 2], ["columns", 1, "rows", 1]]) {
    const before = grid.ends(lines, axis, i).map((end) => grid.turned(end, 1, [300, 400]));
    const after = grid.ends(turned, other, j);
    assert.ok(near([before], [after]) || near([before], [after.toReversed()]), axis);
  }
  assert.deepEqual(turned.merged, [[1, 1, 2, 1]]);
  const [back, { merged, ...same }] = [grid.turnedTable(turned, 3, [400, 300]), lines];
  assert.ok(near(back.corners, same.corners));
  assert.deepEqual([back.rows, back.columns, back.merged], [same.rows, same.columns, merged]);
});

test("lines that were found stay when there are to be more or fewer", () => {
  const size = [300, 400];
  assert.deepEqual(grid.withCount(lines, "columns", 2, size).columns, [0, 0.5, 1]);
  const flat = { corners: [[10, 10], [110, 10], [110, 210], [10, 210]], rows: [0, 0.2, 0.6, 1], columns: [0, 1] };
  const more = grid.withCount(flat, "rows", 4, size);
  // The last is beyond the others, at the usual distance, and they are where they were.
  assert.ok(near([more.corners], [[[10, 10], [110, 10], [110, 290], [10, 290]]]));
  for (let i = 0; i < 4; i++) assert.ok(near([grid.ends(more, "rows", i)], [grid.ends(flat, "rows", i)]));
  // Even lines, and those that have no room, are divided evenly.
  assert.deepEqual(grid.withCount({ ...flat, rows: [0, 0.5, 1] }, "rows", 4, size).rows, [0, 0.25, 0.5, 0.75, 1]);
  assert.equal(grid.withCount(flat, "rows", 10, size).rows[1], 0.1);
  assert.equal(grid.withLineBeyond(flat, "rows", [300, 250]), null);
});

test("corners of a table go around it", () => {
  assert.ok(grid.isTable(lines.corners));
  assert.ok(!grid.isTable(lines.corners.toReversed()));
  assert.ok(!grid.isTable([[0, 0], [50, 50], [100, 0], [50, 100]]));
});

test("CSV is as the server writes it: no text becomes a formula", () => {
  assert.equal(csv([["5", "", "77"], ["a,b", 'say "x"', "-1"]]), '5,,77\n"a,b","say ""x""",\'-1\n');
  assert.equal(csv([["=1;=2"], [""], []]), "'=1;'=2\n\"\"\n\n");
  assert.equal(csv([["'=1", "'a", "a=b"]]), "''=1,'a,a=b\n");
  assert.equal(tsv([["1", "a\tb"], ["+2", ""]]), "1\ta b\n'+2\t");
});
