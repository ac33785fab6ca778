// Makes faint ink strong.

// More would make strokes of the paper's grain.
const MOST = 12;
// This share of the pixels differs more from the paper than what counts as ink: specks, and glints.
const SPECKS = 0.005;

// Moves all pixels (red, green, blue, alpha, …) away from the paper's colour, so far that ink is as dark, or as
// light, as can be.
export function strengthen(data) {
  const paper = [0, 1, 2].map((channel) => median(data, channel));
  const distances = new Uint32Array(256);
  for (let i = 0; i < data.length; i += 4) distances[distance(data, i, paper)] += 1;
  const ink = quantile(distances, 1 - SPECKS);
  const room = Math.max(...paper.map((value) => Math.max(value, 255 - value)));
  const factor = Math.min(MOST, room / Math.max(ink, 1));
  for (let i = 0; i < data.length; i += 4) {
    for (const [channel, value] of paper.entries()) data[i + channel] = value + factor * (data[i + channel] - value);
  }
}

const distance = (data, i, paper) => Math.max(...paper.map((value, channel) => Math.abs(data[i + channel] - value)));

// Most of a picture is paper.
function median(data, channel) {
  const counts = new Uint32Array(256);
  for (let i = channel; i < data.length; i += 4) counts[data[i]] += 1;
  return quantile(counts, 0.5);
}

// The smallest value that this share of all does not exceed.
function quantile(counts, share) {
  let left = share * counts.reduce((sum, count) => sum + count, 0);
  return Math.max(0, counts.findIndex((count) => (left -= count) <= 0));
}
