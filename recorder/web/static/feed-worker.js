// Shared by all tabs of a browser: it opens at most six connections to one host.
import { openStream } from "./stream.js";

const ports = new Set();
const newest = new Map();

const stream = openStream((kind, body) => {
  if (kind === "out" || kind === "nothing") newest.clear();
  newest.delete("nothing");
  // "nothing" may be told before the first tab is there
  if (kind !== "out" && kind !== "error") newest.set(kind, { body, at: performance.now() });
  for (const port of ports) port.postMessage({ kind, body, waited: 0 });
});

self.addEventListener("connect", (event) => {
  const [port] = event.ports;
  port.onmessage = ({ data }) => {
    if (data === "bye") ports.delete(port);
    if (data === "wake") stream.wake();
    if (data === "hello" && !ports.has(port)) {
      ports.add(port);
      stream.again();
      for (const [kind, { body, at }] of newest) {
        port.postMessage({ kind, body, waited: performance.now() - at });
      }
    }
  };
});
