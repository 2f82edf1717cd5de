// What was done, where it is not serial: card, sweeps, map, curve.
import { $, attribute, el, fillTable, hide, keyed, named, text } from "../dom.js";
import { surface } from "../drawing.js";
import * as format from "../format.js";
import { region } from "../store.js";
import { cardOf, degrees, electronvolts } from "../technique-card.js";
import { saysOf } from "../technique-says.js";
import * as view from "../view.js";
import { drawCurve } from "./curve.js";
import { placeOf } from "./sample.js";
import { cellAt, drawGrid, heightOf, mostSpots } from "./grid-map.js";

const TITLES = {
  "mx-rotation": "Rotation",
  "mx-characterisation": "Characterisation",
  "mx-grid": "Grid",
  "energy-scan": "Energy scan",
  xrf: "Fluorescence spectrum",
};
const SERIAL_ONLY = ["rate", "time-points", "chip"];
const LINES = 6; // of a spectrum that are in the legend

let map = null; // {area, grid} as it was drawn

function draw() {
  const shown = view.shownRun();
  const apart = Boolean(shown) && !view.isSerial(shown);
  hide($("technique"), !apart);
  for (const id of SERIAL_ONLY) hide($(id), apart);
  const known = view.report();
  hide($("chains"), apart && !view.chainsOf(known).length);
  hide($("cells"), apart && !known?.unit_cell?.images);
  hide($("image"), apart && known !== null && !view.takesImages(known) && !view.liveRun());
  attribute($("grid"), "data-one", apart && ["image", "cells"].every((id) => $(id).hidden) ? "yes" : null);
  attribute(document.querySelector(".skip"), "href", apart ? "#technique" : "#rate");
  if (!apart) return;
  text($("technique-name"), TITLES[shown.technique] ?? format.shown(shown.technique));
  text($("technique-note"), `run ${shown.run}, ${format.words(shown.state)}`);
  drawCard(known);
  drawSays(known);
  drawSweeps(known?.mx?.axis?.sweeps ?? []);
}

function drawCard(known) {
  const entry = view.experiments().find((one) => one.runs.some((run) => run.uid === known?.uid));
  const place = known ? placeOf(known.about?.sample_id, entry?.proposal) : [];
  const all = known ? cardOf(known, view.runs(), place) : [];
  const pairs = all.filter(([, value]) => value !== null);
  const written = JSON.stringify(pairs);
  const list = $("technique-card");
  if (list.written === written) return;
  list.written = written;
  list.replaceChildren(...pairs.map(([key, value]) => el("div", {}, el("dt", {}, key), el("dd", {}, named(value)))));
}

function drawSays(known) {
  const says = known ? saysOf(known) : [["quiet", "The first numbers come within seconds."]];
  const make = () => el("li");
  keyed($("technique-says"), says.map((one, n) => [n, ...one]), ([n]) => n, make, (node, [, kind, words]) => {
    attribute(node, "class", kind);
    text(node, words);
  });
}

function drawSweeps(sweeps) {
  const rows = sweeps.map((one, n) => [
    String(n + 1),
    degrees(one.start) ?? format.NONE,
    degrees(one.range, 4) ?? format.NONE,
    `${format.count(one.received)}/${format.count(one.planned)}`,
    degrees(one.end) ?? format.NONE,
    format.count(one.hits),
    format.count(one.indexed),
    one.whole ? "yes" : "no",
  ]);
  const heads = ["sweep", "start", "range", "images", "ends at", "with spots", "indexed", "complete"];
  fillTable($("sweeps"), "Sweeps", heads, rows);
}

function drawMap() {
  const grid = view.report()?.mx?.grid;
  const some = !$("technique").hidden && Boolean(grid?.map?.length);
  hide($("grid-map"), !some);
  hide($("grid-legend"), !some);
  map = null;
  if (!some) return;
  $("grid-map").style.height = `${heightOf($("grid-map").clientWidth, grid)}px`;
  const found = grid.crystals.length ? `, ${grid.crystals.length} crystals` : ", no crystal";
  const area = surface($("grid-map"), `Map of ${grid.steps.join(" × ")} cells, at most ${format.count(mostSpots(grid))} spots${found}`);
  if (!area) return;
  map = { area, grid };
  drawGrid(area, grid);
  legend("");
}

function legend(under) {
  const { grid } = map;
  const told = [
    "spots by cell; hatched: nothing is known",
    grid.map_step > 1 ? `a square is the best of ${grid.map_step} × ${grid.map_step} cells` : "",
    grid.crystals.length ? "frame: box of a crystal, cross: its centre with its uncertainty" : "",
    under,
  ];
  text($("grid-legend"), told.filter(Boolean).join("; "));
}

function pointed(event) {
  if (map) legend(cellAt(map.area, map.grid, event.offsetX, event.offsetY));
}

function marksOf({ result, check }) {
  const said = ["peak", "inflection"]
    .filter((name) => typeof result?.[name]?.energy === "number")
    .map((name) => ({ at: result[name].energy, colour: "hit", dash: [5, 4], words: `┇ ${name} of the sender, ${electronvolts(result[name].energy)}` }));
  const own = ["peak", "inflection"]
    .filter((name) => check[name] !== null)
    .map((name) => ({ at: check[name], error: check[`${name}_error`], colour: "ink", words: `┃ ${name} by our check` }));
  return [...said, ...own];
}

function spectrumOf(own) {
  const [a, b, c] = own.calibration ?? [0, 1, 0];
  const at = (n) => n * own.sum + (own.sum - 1) / 2;
  const points = own.counts
    .map((counts, n) => [a + b * at(n) + c * at(n) ** 2, counts])
    .filter(([, counts]) => counts !== null);
  const lines = own.calibration === null ? [] : own.lines.slice(0, LINES);
  const marks = lines.map((one) => ({
    at: one.energy,
    colour: "hit",
    dash: [5, 4],
    words: `┇ ${one.names.slice(0, 2).map(format.shown).join(" or ") || electronvolts(one.energy)}`,
  }));
  return { points, marks, unit: own.calibration === null ? "channel" : "eV" };
}

function curveOf(known) {
  if (known?.energy_scan) {
    const own = known.energy_scan;
    return { points: own.energy.map((energy, n) => [energy, own.counts[n]]), marks: marksOf(own), unit: "eV" };
  }
  return known?.spectrum ? spectrumOf(known.spectrum) : null;
}

function drawLine() {
  const shown = $("technique").hidden ? null : curveOf(view.report());
  hide($("curve"), !shown);
  hide($("curve-legend"), !shown);
  if (!shown) return;
  const area = surface($("curve"), `Counts of ${format.count(shown.points.length)} points by ${shown.unit}`);
  if (!area) return;
  drawCurve(area, shown);
  text($("curve-legend"), shown.marks.map((one) => one.words).join("   "));
}

export function start() {
  const parts = ["now", "slow", "route"];
  region([...parts, "sample"], draw);
  region([...parts, "look"], drawMap);
  region([...parts, "look"], drawLine);
  $("grid-map").addEventListener("pointermove", pointed);
  $("grid-map").addEventListener("pointerleave", () => map && legend(""));
}
