// What the address asks for: #run=14, #image=14/3012, else what goes on now.
import * as api from "./api.js";
import { $ } from "./dom.js";
import { changed, state } from "./store.js";
import * as view from "./view.js";
import * as why from "./regions/why.js";

export function parse(hash) {
  const run = /^#run=(\d{1,15})$/.exec(hash);
  if (run) return { kind: "run", run: Number(run[1]) };
  const image = /^#image=(\d{1,15})\/(\d{1,15})$/.exec(hash);
  if (image) return { kind: "image", run: Number(image[1]), image: image[2] };
  return { kind: "live" };
}

// Uid of a run by its number: of the cards, newest first; else the server knows.
function uidOf(number) {
  const going = state.now?.live?.run;
  const chosen = state.chosen;
  const runs = view.runs().filter((run) => run.run === number);
  if (chosen && runs.some((run) => run.uid === chosen)) return chosen;
  if (going?.run === number) return going.uid;
  return runs.at(-1)?.uid ?? String(number);
}

async function go() {
  const route = parse(location.hash);
  state.route = route;
  state.sealed = null;
  state.problem = null;
  if (route.kind !== "image") why.close();
  changed("route", "look");
  if (route.kind === "image") await why.show(uidOf(route.run), route);
  if (route.kind !== "run") return;
  try {
    const found = await api.get(`runs/${api.part(uidOf(route.run))}`);
    if (state.route === route) state.sealed = found;
  } catch (error) {
    if (state.route === route) state.problem = `Run ${route.run} cannot be shown: ${error.message}`;
  }
  changed("route", "look");
}

// The next or previous run beside the one that is shown.
export function stepRun(by) {
  const shown = view.shownRun();
  if (!shown) return;
  const runs = view.runs();
  const at = runs.findIndex((run) => run.uid === shown.uid);
  const next = runs[at + by];
  if (at < 0 || !next) return;
  state.chosen = next.uid;
  location.hash = `#run=${next.run}`;
}

export function goLive() {
  state.chosen = null;
  location.hash = "";
}

export function start() {
  addEventListener("hashchange", go);
  $("live").addEventListener("click", goLive);
  $("previous-run").addEventListener("click", () => stepRun(-1));
  $("next-run").addEventListener("click", () => stepRun(1));
  go();
}
