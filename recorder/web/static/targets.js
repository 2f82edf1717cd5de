// Time points of a report with their targets, as the live state has them
// (recorder/live/pump_state.py).
const SAME = 0.02; // relative distance within which two delays are one
const SAME_S = 1e-6; // and in seconds

const isDelay = (one, of) =>
  one !== null && of !== null && Math.abs(one - of) <= Math.max(SAME_S, SAME * Math.abs(of));

// Of all chains and slots, by delay; images without a delay come last.
function byDelay(delays) {
  const known = (one) => one.delay ?? Infinity;
  const found = [];
  for (const one of [...delays].sort((a, b) => (known(a) === known(b) ? 0 : known(a) - known(b)))) {
    const last = found.at(-1);
    if (last && (last.delay_s === one.delay || isDelay(one.delay, last.delay_s))) {
      for (const key of ["images", "hits", "indexed"]) last[key] += one[key];
    } else {
      const { images, hits, indexed } = one;
      found.push({ delay_s: one.delay, images, hits, indexed, target: null, eta_s: null });
    }
  }
  return found;
}

export function timePoints(delays, targets) {
  const found = byDelay(delays);
  const open = [...targets];
  for (const one of found) {
    const away = (target) => Math.abs(target.delay - one.delay_s);
    const near = open.filter((target) => isDelay(one.delay_s, target.delay));
    if (!near.length) continue;
    const nearest = near.reduce((best, target) => (away(target) < away(best) ? target : best));
    open.splice(open.indexOf(nearest), 1);
    one.target = nearest.indexed;
  }
  const none = { images: 0, hits: 0, indexed: 0, eta_s: null };
  const wanted = open.map((target) => ({ ...none, delay_s: target.delay, target: target.indexed }));
  return [...found, ...wanted].sort((one, other) => (one.delay_s ?? Infinity) - (other.delay_s ?? Infinity) || 0);
}
