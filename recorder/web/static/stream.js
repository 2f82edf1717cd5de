// One EventSource that always comes back; used in the worker and, without one, here.
const SILENT_MS = 10000; // nothing for so long: the connection is dead, open another
const RETRY_MS = [500, 1000, 2000, 4000];
const LIVE = new URL("../api/v1/live", import.meta.url);

export function openStream(tell) {
  let source = null;
  let tries = 0;
  let last = performance.now();
  let timer = null;

  function open() {
    clearTimeout(timer);
    timer = null;
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

  function later() {
    if (timer !== null) return;
    timer = setTimeout(open, RETRY_MS[Math.min(tries++, RETRY_MS.length - 1)]);
  }

  setInterval(() => {
    if (performance.now() - last > SILENT_MS) open();
  }, 1000);
  open();
  return {
    // After a sleep: do not wait for a dead connection to be noticed.
    wake() {
      if (performance.now() - last > 2000) open();
    },
  };
}
