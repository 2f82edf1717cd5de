// One EventSource that always comes back; used in the worker and, without one, here.
const SILENT_MS = 10000; // nothing for so long: the connection is dead, open another
const RETRY_MS = [500, 1000, 2000, 4000];
const NOTHING_MS = 60000; // nothing may be seen: rights are looked at each minute
const LIVE = new URL("../api/v1/live", import.meta.url);
const ME = new URL("../api/v1/me", import.meta.url);

// Why a stream is refused: "out" (nobody is signed in), "nothing" (no right shows a run
// here), or "error" (the server is away, or busy).
async function whyClosed() {
  try {
    const response = await fetch(ME, { headers: { accept: "application/json" } });
    if (response.status === 401) return "out";
    const body = await response.json();
    return body.sees === "nothing" ? "nothing" : "error";
  } catch {
    return "error";
  }
}

export function openStream(tell) {
  let source = null;
  let tries = 0;
  let last = performance.now();
  let timer = null; // 0: it is being found out why the stream was refused
  let out = false;

  function open() {
    clearTimeout(timer);
    timer = null;
    out = false;
    source?.close();
    source = new EventSource(LIVE);
    last = performance.now();
    for (const kind of ["now", "slow"]) {
      source.addEventListener(kind, (event) => {
        tries = 0;
        last = performance.now();
        tell(kind, event.data);
      });
    }
    source.addEventListener("error", () => {
      tell("error", "");
      if (source.readyState === EventSource.CLOSED) later();
    });
  }

  // Nobody is asked again who is signed out: the page goes to the sign-in page.
  async function later() {
    if (timer !== null) return;
    timer = 0;
    const why = await whyClosed();
    if (why !== "error") tell(why, "");
    out = why === "out";
    if (out) return;
    const pause = RETRY_MS[Math.min(tries++, RETRY_MS.length - 1)];
    timer = setTimeout(open, why === "nothing" ? NOTHING_MS : pause);
  }

  setInterval(() => {
    if (timer === null && performance.now() - last > SILENT_MS) open();
  }, 1000);
  open();
  return {
    // Somebody came who may have signed in since.
    again() {
      if (out) open();
    },
    // After a sleep: do not wait for a dead connection to be noticed.
    wake() {
      if (timer === null && performance.now() - last > 2000) open();
    },
  };
}
