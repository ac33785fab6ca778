// A picture of a printed table with digits in it, for the tests of the page Sheets.

const SHAPES = {
  7: [[[0.25, 0.2], [0.5, 0.19], [0.75, 0.2], [0.62, 0.5], [0.45, 0.85]]],
  1: [[[0.5, 0.15], [0.49, 0.5], [0.48, 0.85]]],
  4: [[[0.6, 0.15], [0.3, 0.6], [0.8, 0.6]], [[0.65, 0.4], [0.62, 0.88]]],
  "△": [[[0.2, 0.85], [0.5, 0.12], [0.8, 0.85], [0.2, 0.85]]],
};
// What is written, and how it is read: a triangle is no digit.
const ROWS = [["7", "1", "4"], ["△", "71", ""], ["4", "△", "7"]];
export const READ = [["7", "1", "4"], ["", "71", ""], ["4", "", "7"]];
// The width and height of a cell, in pixels, and where the table begins.
export const CELL = [150, 110];
export const MARGIN = 60;

// A picture of the table, as a file. It may be turned counter-clockwise by a quarter, or without
// printed lines.
export async function table(page, { name = "marks.png", isTurned = false, isRuled = true } = {}) {
  const bytes = await page.evaluate(async ({ rows, shapes, cell: [width, height], margin, isTurned, isRuled }) => {
    const size = [2 * margin + 3 * width, 2 * margin + 3 * height];
    const canvas = new OffscreenCanvas(...(isTurned ? size.toReversed() : size));
    const context = canvas.getContext("2d");
    context.fillStyle = "#f6f5f0";
    context.fillRect(0, 0, canvas.width, canvas.height);
    if (isTurned) {
      context.translate(0, size[0]);
      context.rotate(-Math.PI / 2);
    }
    context.fillStyle = "#222";
    for (let i = 0; i <= 3 && isRuled; i++) {
      context.fillRect(margin, margin + i * height, 3 * width + 3, 3);
      context.fillRect(margin + i * width, margin, 3, 3 * height + 3);
    }
    context.strokeStyle = "#23305c";
    context.lineWidth = 7;
    context.lineCap = context.lineJoin = "round";
    rows.forEach((texts, row) => texts.forEach((text, column) => [...text].forEach((symbol, i) => {
      for (const stroke of shapes[symbol]) {
        context.beginPath();
        for (const [x, y] of stroke) {
          context.lineTo(margin + column * width + 12 + 65 * i + 70 * x, margin + row * height + 18 + 75 * y);
        }
        context.stroke();
      }
    })));
    return [...new Uint8Array(await (await canvas.convertToBlob()).arrayBuffer())];
  }, { rows: ROWS, shapes: SHAPES, cell: CELL, margin: MARGIN, isTurned, isRuled });
  return { name, mimeType: "image/png", buffer: Buffer.from(bytes) };
}
