// All that the page knows, and who wants to be told.
const drawers = new Set();
const dirty = new Set();
let planned = false;

export const state = {
  now: null, // event "now": {daemon, age_s, live}
  me: null, // who is signed in, and what they see
  nothing: false, // no right of theirs shows a run here
  slow: null, // event "slow": {experiments, run, version}
  heardAt: null, // performance.now() when the newest "now" came to this browser
  openedAt: performance.now(),
  route: { kind: "live" },
  sealed: null, // report of the chosen run, where one is chosen
  problem: null, // why it cannot be shown
};

// draw is called once in the next frame after one of its parts changed.
export function region(parts, draw) {
  drawers.add({ parts, draw });
}

export function changed(...parts) {
  for (const part of parts) dirty.add(part);
  if (planned || document.hidden) return;
  planned = true;
  requestAnimationFrame(drawAll);
}

function drawAll() {
  planned = false;
  const parts = [...dirty];
  dirty.clear();
  for (const { parts: wanted, draw } of drawers) {
    if (!parts.some((part) => wanted.includes(part))) continue;
    try {
      draw();
    } catch (error) {
      console.error(error); // one region must not take the others along
    }
  }
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) changed("now", "slow", "route", "age");
});

// Seconds since the newest event, counted here; before the first, since the page opened.
export function silence() {
  return (performance.now() - (state.heardAt ?? state.openedAt)) / 1000;
}
