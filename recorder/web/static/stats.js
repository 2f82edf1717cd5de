// The intervals of recorder.records.interval, from the same counts.
const Z = 1.959963984540054; // two-sided 95 % of the normal distribution

// Wilson's score interval of a share; null without trials.
export function wilson(hits, trials) {
  if (!(trials > 0) || !(hits >= 0) || hits > trials) return null;
  const p = hits / trials;
  const scale = 1 + (Z * Z) / trials;
  const middle = (p + (Z * Z) / (2 * trials)) / scale;
  const spread = (p * (1 - p)) / trials + (Z * Z) / (4 * trials * trials);
  const half = (Z / scale) * Math.sqrt(spread);
  return [
    hits === 0 ? 0 : Math.max(0, middle - half),
    hits === trials ? 1 : Math.min(1, middle + half),
  ];
}

// A share with its interval.
export function rate(hits, trials) {
  const interval = wilson(hits, trials);
  return { value: interval ? hits / trials : null, interval, hits, trials };
}

// Newcombe's interval of the difference of two shares; null without trials.
export function difference(hits1, trials1, hits2, trials2) {
  const [one, two] = [rate(hits1, trials1), rate(hits2, trials2)];
  if (!one.interval || !two.interval) return null;
  const [p1, p2] = [one.value, two.value];
  const [[l1, u1], [l2, u2]] = [one.interval, two.interval];
  return {
    value: p1 - p2,
    interval: [
      p1 - p2 - Math.hypot(p1 - l1, u2 - p2),
      p1 - p2 + Math.hypot(u1 - p1, p2 - l2),
    ],
  };
}
