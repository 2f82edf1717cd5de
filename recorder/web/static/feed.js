// What the server says, by one connection for all tabs of a browser.
import { openStream } from "./stream.js";

const NAME = "recorder-feed";

const WORDS = ["error", "out", "nothing"]; // without a body

// tell(kind, body, waited): kind "now", "slow" or one of WORDS; waited: ms since it came.
export function follow(tell) {
  const parsed = (kind, body, waited) => {
    if (WORDS.includes(kind)) return tell(kind, null, 0);
    let value;
    try {
      value = JSON.parse(body);
    } catch {
      return tell("error", null, 0);
    }
    return tell(kind, value, waited);
  };
  if (globalThis.SharedWorker) return byWorker(parsed);
  if (globalThis.BroadcastChannel && navigator.locks) return byLock(parsed);
  return openStream((kind, body) => parsed(kind, body, 0));
}

function byWorker(tell) {
  const where = new URL("feed-worker.js", import.meta.url);
  const worker = new SharedWorker(where, { type: "module", name: NAME });
  let alone = null;
  worker.addEventListener("error", () => {
    alone ??= openStream((kind, body) => tell(kind, body, 0));
  });
  worker.port.onmessage = ({ data }) => tell(data.kind, data.body, data.waited);
  const say = (word) => worker.port.postMessage(word);
  say("hello");
  addEventListener("pagehide", () => say("bye"));
  addEventListener("pageshow", () => say("hello"));
  return {
    wake() {
      say("wake");
      alone?.wake();
    },
  };
}

// The tab that holds the lock follows and tells the others.
function byLock(tell) {
  const channel = new BroadcastChannel(NAME);
  const newest = new Map();
  let stream = null;
  channel.onmessage = ({ data }) => {
    if (data.kind === "hello") {
      if (stream) for (const [kind, body] of newest) channel.postMessage({ kind, body });
      return;
    }
    tell(data.kind, data.body, 0);
  };
  navigator.locks.request(NAME, () => {
    stream = openStream((kind, body) => {
      if (kind === "out" || kind === "nothing") newest.clear();
      newest.delete("nothing");
      if (kind !== "out" && kind !== "error") newest.set(kind, body);
      channel.postMessage({ kind, body });
      tell(kind, body, 0);
    });
    return new Promise(() => {}); // held until the tab is closed
  });
  channel.postMessage({ kind: "hello" });
  return { wake: () => stream?.wake() };
}
