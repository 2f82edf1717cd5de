// Unit cells, resolution, and the last images against the run.
import { $, el, fillTable, keyed, text } from "../dom.js";
import { evenEdges, histogram } from "../drawing.js";
import * as format from "../format.js";
import { region } from "../store.js";
import * as view from "../view.js";

const SYMBOLS = { a: "a", b: "b", c: "c", alpha: "α", beta: "β", gamma: "γ" };
const ORDER = Object.keys(SYMBOLS);
const unitOf = (parameter) => (parameter.length === 1 ? "Å" : "°");

function make(one) {
  const title = el("p", {}, el("b", {}), el("span"));
  return el("figure", { class: `of-${one.key}` }, title, el("canvas", { class: "low", role: "img", "aria-label": `Histogram of ${one.title}` }));
}

function panels(known) {
  const announced = view.announcedCell(known);
  const found = (known.unit_cell?.histograms ?? []).map((one) => {
    const n = ORDER.indexOf(one.parameter);
    const unit = unitOf(one.parameter);
    const median = known.unit_cell.median?.[n] ?? null;
    return {
      key: one.parameter,
      title: SYMBOLS[one.parameter] ?? one.parameter,
      median,
      announced: announced?.[n] ?? null,
      unit,
      digits: 2,
      edges: evenEdges(one.first, one.last, one.counts.length),
      counts: one.counts,
    };
  });
  const edges = known.resolution?.edges ?? [];
  if (edges.length > 1) {
    found.push({
      key: "resolution",
      title: "resolution",
      median: known.resolution.median,
      announced: null,
      unit: "Å",
      digits: 2,
      edges,
      counts: known.resolution.counts,
    });
  }
  return found;
}

function rising({ edges, counts }) {
  if (edges[0] <= edges.at(-1)) return { edges, counts };
  return { edges: [...edges].reverse(), counts: [...counts].reverse() };
}

function fill(node, one) {
  const [title, canvas] = node.children;
  text(title.firstChild, one.title);
  const announced = one.announced === null ? "" : `, announced ${format.fixed(one.announced, one.digits)}`;
  const words = ` median ${format.fixed(one.median, one.digits)} ${one.unit}${announced}`;
  text(title.lastChild, words);
  const lines = [
    { at: one.announced, colour: "ink", dash: [3, 3] },
    { at: one.median, colour: "hit" },
  ].filter(({ at }) => at !== null);
  histogram(canvas, {
    ...rising(one),
    lines,
    unit: one.unit,
    label: `Histogram of ${one.title}:${words}`,
  });
}

let written = "";

function drawHistograms(force) {
  const known = view.report();
  const found = known ? panels(known) : [];
  const now = JSON.stringify(found);
  if (now === written && force !== true) return;
  written = now;
  keyed($("histograms"), found, (one) => one.key, make, fill);
  const images = known?.unit_cell?.images ?? 0;
  const legend = "┃ median ┇ announced";
  text($("cells-note"), images ? `of ${format.count(images)} images; ${legend}` : "no cells yet");
}

function cellWords(cell) {
  if (!cell) return format.NONE;
  return cell.map((value, n) => format.fixed(value, n < 3 ? 2 : 1)).join(" ");
}

function drawRecent() {
  const last = view.liveRun()?.last;
  const known = view.report();
  if (!known && !last) return fillTable($("recent"), "", [], []);
  const of = known?.classification ?? {};
  const rows = [
    ["cell (Å, °)", cellWords(last?.cell), cellWords(known?.unit_cell?.median)],
    ["resolution (Å)", format.fixed(last?.resolution, 2), format.fixed(known?.resolution?.median, 2)],
    ["background (counts)", format.number(last?.background), format.NONE],
    ["solvent ring (counts)", format.number(last?.solvent), format.number(of.solvent)],
    ["saturated pixels", format.number(last?.saturated), format.NONE],
    ["lattice misfit (1/Å)", format.NONE, format.number(of.residual)],
    ...(view.isSerial(view.shownRun()) ? [["several lattices of indexed", format.NONE, several(of.multi_lattice)]] : []),
  ];
  return fillTable($("recent"), "Now against the run", ["median of", "last 50", "run"], rows);
}

function several(one) {
  if (!one || one.of_indexed === null) return format.NONE;
  return `${format.percent(one.of_indexed)} (by chance ${format.percent(one.expected)})`;
}

export function start() {
  region(["slow", "route", "now"], () => drawHistograms(false));
  region(["look"], () => drawHistograms(true));
  region(["now", "slow", "route"], drawRecent);
}
