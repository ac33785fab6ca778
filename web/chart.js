// A small line chart of a training run: loss, from the top left to the bottom
// right if all goes well.

const WIDTH = 300;
const HEIGHT = 64;

// `curve` is [[step, loss, accuracy], …], `steps` the run's length.
export function drawCurve(svg, curve, steps) {
  const losses = curve.map(([, loss]) => Math.log(Math.max(loss, 1e-3)));
  const [low, high] = [Math.min(...losses), Math.max(...losses)];
  const x = (step) => (WIDTH * step) / Math.max(steps, 1);
  const y = (loss) => 4 + (HEIGHT - 8) * (high > low ? (high - loss) / (high - low) : 0.5);
  const points = curve.map(([step], i) => `${x(step).toFixed(1)},${y(losses[i]).toFixed(1)}`);
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  svg.querySelector("polyline").setAttribute("points", points.join(" "));
}
