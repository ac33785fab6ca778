// Painting for the panel "How it was read": maps, weights and highlights on canvases.

export const SIDE = 28;
const SVG = "http://www.w3.org/2000/svg";
export const ORANGE = "#f0a35e";
export const BLUE = "#6aa5f0";

// A colour for each of 256 values, as ImageData has them on every machine that browsers run on.
const table = (colour) => Uint32Array.from({ length: 256 }, (_, i) => {
  const [red, green, blue] = colour(i).map((part) => Math.round(Math.max(0, Math.min(255, part))));
  return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
});
// Black to orange to white.
export const GLOW = table((value) => [value * 1.6, value * 1.05, value * 2 - 255]);
export const GREY = table((ink) => [ink, ink, ink]);
// From blue by black to orange: 128 is 0.
const SIGNED = table((i) => {
  const share = (i - 128) / 127;
  const [strong, weak] = [18 + 237 * Math.abs(share), 18 + 40 * Math.abs(share)];
  return share >= 0 ? [strong, 0.18 * 18 + 0.65 * strong, weak] : [weak, 0.6 * strong, strong];
});

const images = new WeakMap();

// A canvas of this size and its pixels, the same ones as long as the size stays.
function pixelsOf(canvas, width, height) {
  let kept = images.get(canvas);
  if (!kept || kept.image.width !== width || kept.image.height !== height) {
    Object.assign(canvas, { width, height });
    const image = new ImageData(width, height);
    kept = { image, context: canvas.getContext("2d"), pixels: new Uint32Array(image.data.buffer) };
    images.set(canvas, kept);
  }
  return kept;
}

// Paints a map by the colours in a table, which `index(value)` chooses.
export function paint(canvas, side, values, colours, index) {
  const { image, context, pixels } = pixelsOf(canvas, side, side);
  for (let i = 0; i < side * side; i++) pixels[i] = colours[index(values[i])];
  context.putImageData(image, 0, 0);
}

export const paintInk = (canvas, ink, side = SIDE) => paint(canvas, side, ink, GREY, (value) => value);

// Paints values between −most and most: negative ones blue, positive ones orange.
export function paintSigned(canvas, side, values, most = strongest(values)) {
  paint(canvas, side, values, SIGNED, (value) => 128 + Math.max(-127, Math.min(127, Math.round((127 * value) / most))));
}

export function paintMap(canvas, side, values, most = strongest(values)) {
  paint(canvas, side, values, GLOW, (value) => Math.max(0, Math.min(255, Math.floor((255 * value) / most))));
}

export function strongest(values) {
  let most = 1e-9;
  for (const value of values) most = Math.max(most, Math.abs(value));
  return most;
}

// How the maps of a layer lie beside each other: small maps are enlarged.
export function layout({ channels, side }) {
  const columns = side === 1 ? Math.min(channels, 16) : Math.ceil(Math.sqrt(channels * 2));
  const scale = Math.max(1, Math.ceil(12 / side));
  const cell = side * scale + 1;
  return { columns, scale, cell, width: columns * cell - 1, height: Math.ceil(channels / columns) * cell - 1 };
}

// Paints all maps of a layer beside each other; what lies between them is left transparent.
export function paintMaps(canvas, maps) {
  const { channels, side, values } = maps;
  const { columns, scale, cell, width, height } = layout(maps);
  const { image, context, pixels } = pixelsOf(canvas, width, height);
  const factor = 255 / strongest(values);
  for (let map = 0, i = 0; map < channels; map++) {
    const corner = Math.floor(map / columns) * cell * width + (map % columns) * cell;
    for (let y = 0; y < side; y++) {
      for (let x = 0; x < side; x++, i++) {
        const colour = GLOW[Math.max(0, Math.min(255, (values[i] * factor) | 0))];
        const at = corner + y * scale * width + x * scale;
        if (scale === 1) pixels[at] = colour;
        else for (let row = 0; row < scale; row++) pixels.fill(colour, at + row * width, at + row * width + scale);
      }
    }
  }
  context.putImageData(image, 0, 0);
}

// Makes a canvas as sharp as the screen; returns its context, which draws in CSS pixels, and its size.
export function sharp(canvas) {
  const { clientWidth: width, clientHeight: height } = canvas;
  const [w, h] = [width, height].map((size) => Math.round(size * devicePixelRatio));
  const context = canvas.getContext("2d");
  if (canvas.width !== w || canvas.height !== h) Object.assign(canvas, { width: w, height: h });
  context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height };
}

// Drawings over a canvas, which cost the page less than a second canvas: an SVG with a path for each of
// these classes, in the units of the canvas below it.
export function overlay(attributes, ...classes) {
  const node = document.createElementNS(SVG, "svg");
  for (const [name, value] of Object.entries({ preserveAspectRatio: "none", ...attributes })) node.setAttribute(name, value);
  for (const name of classes) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("class", name);
    node.append(path);
  }
  return node;
}

// Draws one of its paths; `d` is made of boxes.
export function drawOver(node, name, d) {
  const path = node.getElementsByClassName(name)[0];
  if (path.getAttribute("d") !== d) path.setAttribute("d", d);
}

export const boxOf = (x, y, width, height) => `M${x} ${y}h${width}v${height}h${-width}z`;

// The part of a layer's input that a rectangle of its output looks at: { left, top, right, bottom },
// the last two exclusive. It may reach over the edge.
export const patchOf = ({ stride, padding, kernel }, { left, top, right, bottom }) => ({
  left: left * stride - padding,
  top: top * stride - padding,
  right: (right - 1) * stride - padding + kernel,
  bottom: (bottom - 1) * stride - padding + kernel,
});

export const clipped = ({ left, top, right, bottom }, side) => ({
  left: Math.max(0, left), top: Math.max(0, top), right: Math.min(side, right), bottom: Math.min(side, bottom),
});

// The box around a glyph's ink.
export function bounds(pixels) {
  const box = { left: SIDE, top: SIDE, right: 0, bottom: 0 };
  pixels.forEach((ink, i) => {
    if (ink === 0) return;
    const [x, y] = [i % SIDE, Math.floor(i / SIDE)];
    box.left = Math.min(box.left, x);
    box.top = Math.min(box.top, y);
    box.right = Math.max(box.right, x + 1);
    box.bottom = Math.max(box.bottom, y + 1);
  });
  return box;
}
