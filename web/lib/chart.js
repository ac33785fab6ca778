// Small line charts of a training run.

const WIDTH = 300;
const HEIGHT = 64;

// The loss, from the top left to the bottom right if all goes well. `curve` is
// [[step, loss, accuracy], …], `steps` the run's length.
export function drawCurve(svg, curve, steps) {
  const losses = curve.map(([step, loss]) => [step, Math.log(Math.max(loss, 1e-3))]);
  draw(svg, [losses], steps);
}

// How much is read right: what is trained on as a line, what is held back as a second one.
// `validation` is [[step, accuracy], …]. The last percent is as high as the ten before it.
export function drawAccuracy(svg, curve, validation, steps) {
  const height = (accuracy) => -Math.log(Math.max(1 - accuracy, 1e-4));
  draw(svg, [
    curve.map(([step, , accuracy]) => [step, height(accuracy)]),
    validation.map(([step, accuracy]) => [step, height(accuracy)]),
  ], steps);
}

// Lines of [step, height], over one another, into the SVG's polylines.
function draw(svg, lines, steps) {
  const heights = lines.flat().map(([, height]) => height);
  const [low, high] = [Math.min(...heights), Math.max(...heights)];
  const x = (step) => (WIDTH * step) / Math.max(steps, 1);
  const y = (height) => 4 + (HEIGHT - 8) * (high > low ? (high - height) / (high - low) : 0.5);
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  svg.querySelectorAll("polyline").forEach((polyline, i) => {
    const points = lines[i].map(([step, height]) => `${x(step).toFixed(1)},${y(height).toFixed(1)}`);
    // A line of one point is none: doubled it is a dot.
    if (points.length === 1) points.push(points[0]);
    polyline.setAttribute("points", points.join(" "));
  });
}
