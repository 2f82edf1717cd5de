// Hit and index rates in four windows, by pump state, and over time.
import { $, fillTable, rateCell, text } from "../dom.js";
import * as format from "../format.js";
import { difference, rate } from "../stats.js";
import { region } from "../store.js";
import * as view from "../view.js";

const TITLES = { "10s": "10 s", "60s": "60 s", run: "run", all: "all runs" };
const known = (value) => typeof value === "number";

function cell(hits, trials) {
  if (!known(hits) || !trials) return rateCell([format.NONE, ""]);
  const one = rate(hits, trials);
  return rateCell([format.percent(one.value), format.interval(one.interval)]);
}

function drawWindows() {
  const windows = view.windows();
  const titles = view.WINDOWS.map((name) => TITLES[name]);
  const row = (title, hits, trials) => [
    title,
    ...view.WINDOWS.map((name) => {
      const one = windows[name];
      return one ? cell(one[hits], one[trials]) : rateCell([format.NONE, ""]);
    }),
  ];
  fillTable($("windows"), "Rates with 95 % intervals", ["of", ...titles], [
    row("hits of images", "hits", "classified"),
    row("indexed of hits", "indexed", "tried"),
    row("indexed of images", "indexed", "classified"),
    ["images", ...view.WINDOWS.map((name) => format.count(windows[name]?.images))],
  ]);
}

function pumpRow(title, one) {
  return [
    title,
    cell(one?.hits, one?.classified ?? one?.images),
    cell(one?.indexed, one?.tried ?? one?.hits),
    format.count(one?.images),
  ];
}

function differenceCell(one, other, part, whole) {
  const values = [one?.[part], one?.[whole], other?.[part], other?.[whole]];
  const found = values.every(known) ? difference(...values) : null;
  if (!found) return rateCell([format.NONE, ""]);
  const ends = found.interval.map((end) => format.signed(end, format.share));
  return rateCell([`${format.signed(found.value, format.share)} %`, ends.join(" … ")]);
}

function drawPump() {
  const pump = view.pump();
  const headings = ["pump", "hits of images", "indexed of hits", "images"];
  if (!pump || !(pump.declared || view.laserInChains())) {
    fillTable($("pump"), "", headings, []);
    text($("pump-note"), pump ? "No laser is declared, and none was seen." : "");
    return;
  }
  const rows = [
    pumpRow("☀ light", pump.light),
    pumpRow("☾ dark", pump.dark),
    [
      "light − dark",
      differenceCell(pump.light, pump.dark, "hits", "classified"),
      differenceCell(pump.light, pump.dark, "indexed", "tried"),
      "",
    ],
    ...(pump.dark_n ?? []).map((one, n) => pumpRow(`dark ${n + 1}`, one)),
    pumpRow("? unknown", pump.unknown),
  ];
  fillTable($("pump"), "Light and dark", headings, rows);
  const to = pump.settled_to;
  text($("pump-note"), known(to) ? `Light or dark is settled up to image ${format.count(to)}.` : "");
}

function drawNote() {
  const run = view.liveRun();
  const known = view.report();
  if (run) text($("rate-note"), `run ${run.run}${run.provisional ? ", provisional" : ""}`);
  else if (known) text($("rate-note"), `run ${known.run}, ${known.state}`);
  else text($("rate-note"), "");
}

export function start() {
  const parts = ["now", "slow", "route"];
  region(parts, drawWindows);
  region(parts, drawPump);
  region(parts, drawNote);
}
