// A glyph as a picture.

const SIDE = 28;

// 784 values, row by row, 255 for full ink, as a canvas: white ink on black.
export function glyphCanvas(pixels) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIDE;
  canvas.className = "glyph";
  const rgba = new Uint8ClampedArray(4 * SIDE * SIDE);
  pixels.forEach((ink, i) => rgba.set([ink, ink, ink, 255], 4 * i));
  canvas.getContext("2d").putImageData(new ImageData(rgba, SIDE, SIDE), 0, 0);
  return canvas;
}
