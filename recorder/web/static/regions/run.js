// The chosen run: its summary, its ledger, the proof that it is recorded.
import { $, el, fillTable, hide, named, text } from "../dom.js";
import * as format from "../format.js";
import { region, state } from "../store.js";
import * as view from "../view.js";
import { countsOf, fillThree, threeBar } from "./cards.js";

const MARKS = { good: "✓", wait: "…", bad: "✗" };
const three = threeBar();
const ledger = el("table");
const proof = el("ul", { class: "proof" });
const facts = el("p");
const links = el("p");

// [[state, words]]: what must be so for the run to be recorded; "wait": not yet.
export function proofOf(run) {
  const images = run.images ?? {};
  const told = [];
  const yet = run.state === "sealed" ? "bad" : "wait";
  if (!view.isSerial(run) && !view.takesImages(run)) {
    told.push([run.ledger?.closed ? "good" : yet, "the sums hold: nothing came that is not accounted for"]);
  }
  const accounted = (images.classified ?? 0) + view.sum(Object.values(images.unprocessed ?? {}));
  const all = `${format.count(accounted)}/${format.count(images.received)} received images accounted`;
  if (!told.length) told.push([run.ledger?.closed && !images.pending ? "good" : yet, all]);
  for (const one of run.ledger?.differences ?? []) told.push(["bad", format.shown(one)]);
  const group = run.data_collection_group_id ?? null;
  const id = run.data_collection_id ?? null;
  if (group !== null && id !== null) told.push(["good", `ISPyB: DCG ${group}, DC ${id}`]);
  else if (view.isSerial(run) || view.takesImages(run)) told.push([yet, "ISPyB: no data collection yet"]);
  const sinks = run.sinks ?? {};
  for (const [sink, how] of Object.entries(sinks)) {
    const state_ = how === "written" ? "good" : how.startsWith("parked") ? "bad" : "wait";
    told.push([state_, `${format.shown(sink)}: ${format.words(how)}`]);
  }
  const chains = view.chainsOf(run).length;
  if (chains) {
    const written = sinks.ispyb === "written";
    const words = `${chains} event ${chains === 1 ? "chain" : "chains"}`;
    told.push([written ? "good" : yet, `${words} ${written ? "written" : "not written yet"}`]);
  }
  if (run.state !== "sealed") told.push(["wait", `not sealed yet: ${format.words(run.state)}`]);
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
    ...(view.isSerial(run) ? [row("missed triggers", images.missed_triggers)] : []),
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
    view.isSerial(run) ? `. ${format.shown(run.timeline?.summary)}` : ".",
  );
  links.replaceChildren(
    el("a", { href: `api/v1/runs/${encodeURIComponent(run.uid)}` }, "report (JSON)"),
    " · ",
    el("a", { href: `#run=${view.address(run.uid)}` }, "link to this run"),
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
  const serial = view.isSerial(run);
  const kind = serial ? "" : `${format.shown(run.technique)}, `;
  text($("run-title"), `Run ${run.run}: ${kind}${format.words(run.state)}${run.provisional ? ", provisional" : ""}`);
  hide(three, !serial);
  fillThree(three, countsOf(run));
  hide(ledger, !serial && !view.takesImages(run));
  drawLedger(run);
  drawFacts(run);
  proof.replaceChildren(
    ...proofOf(run).map(([how, words]) => el("li", { class: how }, `${MARKS[how]} ${words}`)),
  );
  if (body.firstChild !== facts) {
    const sides = el("div", { class: "sides" }, el("div", {}, el("h3", {}, "Proof of recording"), proof), ledger);
    body.replaceChildren(facts, three, sides, links);
  }
}

export function start() {
  region(["slow", "route", "now"], draw);
}
