// What the address asks for: #run=<uid>, #image=<uid>/3012, else what goes on now. In
// place of a uid: how it begins, or the number of a run, which experiments begin anew.
import * as api from "./api.js";
import { $ } from "./dom.js";
import { changed, region, state } from "./store.js";
import * as view from "./view.js";
import * as why from "./regions/why.js";

const RUN = "(\\d{1,15}|[0-9a-f][0-9a-f-]{7,35}(?:\\.\\d{1,4})?)";
const ONE_RUN = new RegExp(`^#run=${RUN}$`);
const ONE_IMAGE = new RegExp(`^#image=${RUN}/(\\d{1,15})$`);

export function parse(hash) {
  const run = ONE_RUN.exec(hash);
  if (run) return { kind: "run", run: run[1] };
  const image = ONE_IMAGE.exec(hash);
  if (image) return { kind: "image", run: image[1], image: image[2] };
  return { kind: "live" };
}

// Uid of the run that is meant. A number: of the experiment that is shown, then of any,
// newest first; else how a uid begins. What is not known here is left to the server.
function uidOf({ run: name, experiment }) {
  const going = state.now?.live?.run;
  const runs = going ? [...view.runs(), going] : view.runs();
  const numbered = runs.filter((run) => String(run.run) === name);
  const found =
    numbered.findLast((run) => run.experiment === experiment) ??
    numbered.at(-1) ??
    runs.findLast((run) => run.uid.startsWith(name) && name.length >= view.ADDRESS_LEAST);
  return found?.uid ?? name;
}

async function go() {
  const route = { ...parse(location.hash), experiment: view.shownRun()?.experiment };
  state.route = route;
  state.sealed = null;
  state.problem = null;
  if (route.kind !== "image") why.close();
  changed("route", "look");
  if (route.kind === "live") return;
  const uid = uidOf(route);
  if (route.kind === "image") await why.show(uid, route);
  else await fetchRun(route, uid);
}

async function fetchRun(route, uid) {
  route.card = cardOf(uid);
  route.asking = true;
  try {
    const found = await api.get(`runs/${api.part(uid)}`);
    if (state.route === route) [state.sealed, state.problem] = [found, null];
  } catch (error) {
    const words = `Run ${route.run} cannot be shown: ${error.message}`;
    if (state.route === route && !state.sealed) state.problem = words;
  }
  route.asking = false;
  if (state.route !== route) return;
  changed("route", "look");
  const known = state.sealed?.uid ?? uid;
  if (cardOf(known) !== route.card) fetchRun(route, known); // it changed meanwhile
}

// A run in short, as it was told last.
function cardOf(uid) {
  const card = view.runs().find((run) => run.uid === uid);
  return card ? JSON.stringify(card) : null;
}

// The chosen run again, while its copy is not the last word on it.
function renew() {
  const { route, sealed: copy } = state;
  if (route.kind !== "run" || route.asking) return;
  const uid = copy?.uid ?? uidOf(route);
  if (!copy || !view.isWritten(copy) || cardOf(uid) !== route.card) fetchRun(route, uid);
}

// The next or previous run beside the one that is shown.
export function stepRun(by) {
  const shown = view.shownRun();
  if (!shown) return;
  const runs = view.runs();
  const at = runs.findIndex((run) => run.uid === shown.uid);
  const next = runs[at + by];
  if (at < 0 || !next) return;
  location.hash = `#run=${view.address(next.uid)}`;
}

export function goLive() {
  location.hash = "";
}

export function start() {
  addEventListener("hashchange", go);
  region(["slow"], renew);
  $("live").addEventListener("click", goLive);
  $("previous-run").addEventListener("click", () => stepRun(-1));
  $("next-run").addEventListener("click", () => stepRun(1));
  go();
}
