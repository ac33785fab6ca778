// What the page draws by itself when it opens.

// In widths of the pad, and in widths a second.
const SPEED = 1.6;
// Between two strokes, in ms.
const PAUSE = 150;

// "2026" as strokes of the pad: [x, y, time in ms, pressure].
export function welcome() {
  let time = 0;
  return [two(0.12), zero(0.33), two(0.52), six(0.73)].map((stroke) => {
    time += PAUSE;
    return stroke.map(([x, y], i) => {
      const [before, above] = stroke[Math.max(0, i - 1)];
      time += (1000 * Math.hypot(x - before, y - above)) / SPEED;
      return [x, y, time, 0.5];
    });
  });
}

function two(x) {
  const hook = arc([x + 0.065, 0.27], [0.065, 0.07], 190, 395);
  return [...hook, ...line(hook.at(-1), [x, 0.52]), ...line([x, 0.52], [x + 0.14, 0.515])];
}

const zero = (x) => arc([x + 0.065, 0.36], [0.065, 0.16], -80, 285);

const six = (x) => [
  ...arc([x + 0.15, 0.36], [0.15, 0.17], -100, -185), ...arc([x + 0.065, 0.44], [0.065, 0.08], -170, -535),
];

// Points of an ellipse around a centre between two angles, in degrees, clockwise from the right.
function arc([x, y], [width, height], from, to) {
  const steps = Math.ceil(Math.abs(to - from) / 15);
  return Array.from({ length: steps + 1 }, (_, i) => {
    const angle = (Math.PI / 180) * (from + ((to - from) * i) / steps);
    return [x + width * Math.cos(angle), y + height * Math.sin(angle)];
  });
}

const line = ([x, y], [toX, toY]) =>
  Array.from({ length: 8 }, (_, i) => (i + 1) / 8).map((share) => [x + share * (toX - x), y + share * (toY - y)]);
