// The chosen run: its summary, its ledger, the proof that it is recorded.
import { $, el, fillTable, hide, named, text } from "../dom.js";
import * as format from "../format.js";
import { region, state } from "../store.js";
import * as view from "../view.js";
import { countsOf, fillThree, threeBar } from "./cards.js";

const three = threeBar();
const ledger = el("table");
const proof = el("ul", { class: "proof" });
const facts = el("p");
const links = el("p");

// [[good, words]]: what must be so for the run to be recorded.
export function proofOf(run) {
  const images = run.images ?? {};
  const told = [];
  const accounted = (images.classified ?? 0) + view.sum(Object.values(images.unprocessed ?? {}));
  const all = `${format.count(accounted)}/${format.count(images.received)} received images accounted`;
  told.push([run.ledger?.closed === true, all]);
  for (const one of run.ledger?.differences ?? []) told.push([false, format.shown(one)]);
  const group = run.data_collection_group_id ?? null;
  const id = run.data_collection_id ?? null;
  if (group !== null && id !== null) told.push([true, `ISPyB: DCG ${group}, DC ${id}`]);
  else told.push([false, "ISPyB: no data collection yet"]);
  for (const [sink, state_] of Object.entries(run.sinks ?? {})) {
    told.push([state_ === "written", `${format.shown(sink)}: ${format.words(state_)}`]);
  }
  const chains = run.event_chains ?? [];
  if (chains.length) {
    const written = run.sinks?.ispyb === "written";
    const words = `${chains.length} event ${chains.length === 1 ? "chain" : "chains"}`;
    told.push([written, `${words} ${written ? "written" : "not written yet"}`]);
  }
  if (run.state !== "sealed") told.push([false, `not sealed yet: ${format.words(run.state)}`]);
  return told;
}

function drawLedger(run) {
  const images = run.images ?? {};
  const reasons = Object.entries(images.unprocessed ?? {});
  const row = (title, value) => [title, format.count(value)];
  fillTable(ledger, "Ledger", ["images", "number"], [
    row("declared", images.declared),
    row("expected", images.expected),
    row("received", images.received),
    row("lost", images.lost),
    row("missed triggers", images.missed_triggers),
    row("classified", images.classified),
    ...reasons.map(([why, n]) => row(`unprocessed: ${format.words(why)}`, n)),
    row("pending", images.pending),
  ]);
}

function drawFacts(run) {
  const from = format.clock(run.start_time);
  const to = run.end_time ? format.clock(run.end_time) : "now";
  facts.replaceChildren(
    named(run.experiment),
    `, ${from} to ${to}, ${format.words(run.status)}`,
    run.reason ? ` (${format.shown(run.reason)})` : "",
    run.space_group ? `, space group ${format.shown(run.space_group)}` : "",
    `. ${format.shown(run.timeline?.summary)}`,
  );
  links.replaceChildren(
    el("a", { href: `api/v1/runs/${encodeURIComponent(run.uid)}` }, "report (JSON)"),
    " · ",
    el("a", { href: `#run=${run.run}` }, "link to this run"),
    ...(run.notes ?? []).map((one) => el("span", { class: "note" }, format.shown(one))),
  );
}

function draw() {
  const run = view.report();
  const body = $("run-body");
  if (state.route.kind === "run" && state.problem) {
    text($("run-title"), `Run ${state.route.run}`);
    body.replaceChildren(el("p", { class: "bad" }, state.problem));
    return;
  }
  hide($("run"), !run);
  if (!run) return;
  text($("run-title"), `Run ${run.run}: ${format.words(run.state)}${run.provisional ? ", provisional" : ""}`);
  fillThree(three, countsOf(run));
  drawLedger(run);
  drawFacts(run);
  proof.replaceChildren(
    ...proofOf(run).map(([good, words]) => el("li", { class: good ? "good" : "open" }, `${good ? "✓" : "✗"} ${words}`)),
  );
  if (body.firstChild !== facts) {
    const sides = el("div", { class: "sides" }, el("div", {}, el("h3", {}, "Proof of recording"), proof), ledger);
    body.replaceChildren(facts, three, sides, links);
  }
}

export function start() {
  region(["slow", "route", "now"], draw);
}
