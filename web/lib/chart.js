// Small line charts of a training run.

const WIDTH = 300;
const HEIGHT = 64;

// Draws the loss on a logarithmic scale. `curve` is [[step, loss, accuracy], …], `steps` the
// length of the run.
export function drawCurve(svg, curve, steps) {
  const losses = curve.map(([step, loss]) => [step, Math.log(Math.max(loss, 1e-3))]);
  draw(svg, [losses], steps);
}

// Draws the accuracy in training and in validation as two lines. `validation` is
// [[step, accuracy], …]. The scale is that of the error's logarithm, so that the last
// percent can be seen: 99 % to 99.9 % is as high as 90 % to 99 %.
export function drawAccuracy(svg, curve, validation, steps) {
  const height = (accuracy) => -Math.log(Math.max(1 - accuracy, 1e-4));
  draw(svg, [
    curve.map(([step, , accuracy]) => [step, height(accuracy)]),
    validation.map(([step, accuracy]) => [step, height(accuracy)]),
  ], steps);
}

// Draws lines of [step, height] into the SVG's polylines, on a common scale.
function draw(svg, lines, steps) {
  const heights = lines.flat().map(([, height]) => height);
  const [low, high] = [Math.min(...heights), Math.max(...heights)];
  const x = (step) => (WIDTH * step) / Math.max(steps, 1);
  const y = (height) => 4 + (HEIGHT - 8) * (high > low ? (high - height) / (high - low) : 0.5);
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  svg.querySelectorAll("polyline").forEach((polyline, i) => {
    const points = lines[i].map(([step, height]) => `${x(step).toFixed(1)},${y(height).toFixed(1)}`);
    // A polyline of one point is invisible; with the point doubled it is a dot.
    if (points.length === 1) points.push(points[0]);
    polyline.setAttribute("points", points.join(" "));
  });
}
