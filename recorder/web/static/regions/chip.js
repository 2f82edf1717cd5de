// The chip or scan by well, and what its pattern may mean.
import * as api from "../api.js";
import { $, el, fillTable, hide, rateCell, text } from "../dom.js";
import { hatch, note, surface } from "../drawing.js";
import * as format from "../format.js";
import { rate } from "../stats.js";
import { changed, region } from "../store.js";
import * as view from "../view.js";

export const CLASSES = ["unseen", "non_hit", "non_indexed_hit", "indexed", "lost"];
const WORDS = {
  unseen: "not seen",
  non_hit: "non-hit",
  non_indexed_hit: "hit, not indexed",
  indexed: "indexed",
  lost: "lost",
};
const EACH_MS = 2000; // while the run goes on
const SMALL_PX = 5; // wells smaller than this have no room for a mark

let chip = null; // {uid, rows, columns, blocks, wells: codes row by row}
let wanted = { uid: "", at: -Infinity };
let why = "";

function scanOf(known) {
  return known?.scan?.scan ?? known?.scan ?? null;
}

async function load() {
  const run = view.shownRun();
  const scan = scanOf(view.report());
  const over = wanted.uid === run?.uid && (!view.liveRun() || performance.now() - wanted.at < EACH_MS);
  if (!run || !scan || over) return;
  wanted = { uid: run.uid, at: performance.now() };
  try {
    chip = read(await api.get(`runs/${api.part(run.uid)}/chip`), run.uid);
    why = "";
  } catch (error) {
    why = error.message;
  }
  changed("chip");
}

function read(body, uid) {
  const codes = new Map(CLASSES.map((name, n) => [name, n]));
  const wells = (body.wells ?? body.classes ?? []).map((well) =>
    codes.get(typeof well === "string" ? well : well.class ?? well.outcome) ?? 0,
  );
  return { uid, rows: body.rows, columns: body.columns, blocks: body.blocks ?? [1, 1], wells };
}

function mark(pen, kind, x, y, size, colour) {
  if (kind === "unseen") {
    pen.strokeStyle = colour.rule;
    pen.strokeRect(x + 0.5, y + 0.5, Math.max(1, size - 1), Math.max(1, size - 1));
    return;
  }
  const paint = { non_hit: "empty", non_indexed_hit: "hit", indexed: "indexed", lost: "lost" }[kind];
  pen.fillStyle = colour[paint];
  pen.fillRect(x, y, size, size);
  if (size < SMALL_PX) return;
  if (kind === "non_indexed_hit") hatch(pen, x, y, size, size, colour.paper, Math.max(3, size / 3));
  if (kind === "lost") {
    pen.strokeStyle = colour.paper;
    pen.beginPath();
    pen.moveTo(x + 1, y + 1);
    pen.lineTo(x + size - 1, y + size - 1);
    pen.moveTo(x + size - 1, y + 1);
    pen.lineTo(x + 1, y + size - 1);
    pen.stroke();
  }
}

function drawMap() {
  const canvas = $("chip-map");
  const shown = chip && chip.uid === view.shownRun()?.uid && chip.rows > 0 && chip.columns > 0;
  hide(canvas, !shown);
  hide($("chip-legend"), !shown);
  if (!shown) return;
  const { rows, columns, blocks, wells } = chip;
  const counts = CLASSES.map((_, code) => wells.filter((well) => well === code).length);
  counts[0] += Math.max(0, rows * columns - wells.length);
  const words = CLASSES.map((name, n) => `${format.count(counts[n])} ${WORDS[name]}`);
  const area = surface(canvas, `Map of ${format.count(rows * columns)} wells: ${words.join(", ")}`);
  if (!area) return;
  const { pen, width, height, colour } = area;
  const [down, across] = [Math.max(1, blocks[0]), Math.max(1, blocks[1])];
  const gap = 4;
  const cell = Math.min((width - gap * (across - 1)) / columns, (height - gap * (down - 1)) / rows);
  if (!(cell > 0)) return note(area, "too many wells to draw");
  const left = (width - cell * columns - gap * (across - 1)) / 2;
  const perRow = Math.ceil(rows / down);
  const perColumn = Math.ceil(columns / across);
  for (let row = 0; row < rows; row += 1) {
    const y = row * cell + gap * Math.floor(row / perRow);
    for (let column = 0; column < columns; column += 1) {
      const x = left + column * cell + gap * Math.floor(column / perColumn);
      const size = cell - (cell > 4 ? 1 : 0);
      mark(pen, CLASSES[wells[row * columns + column] ?? 0], x, y, size, colour);
    }
  }
  drawLegend(words);
}

function drawLegend(words) {
  const items = CLASSES.map((name, n) =>
    el("span", { class: "item" }, el("span", { class: `swatch ${name}`, "aria-hidden": "true" }), words[n]),
  );
  $("chip-legend").replaceChildren(...items);
}

function drawText() {
  const known = view.report();
  const scan = scanOf(known);
  const run = view.shownRun();
  if (!run) text($("chip-note"), "");
  else if (!scan) text($("chip-note"), "no scan announced");
  else text($("chip-note"), chipNote(scan));
  const hints = [].concat(scan?.hints ?? scan?.hint ?? []).filter(Boolean);
  const told = hints.map((one) => format.shown(one.text ?? one)).join("; ");
  text($("chip-hint"), why ? `The map cannot be had: ${why}` : told);
  const line = (title, one) => [
    title,
    withInterval(one.hits, one.images),
    withInterval(one.indexed, one.hits),
    format.fixed(one.resolution, 2),
    format.count(one.images),
  ];
  const headings = ["hits", "indexed of hits", "Å", "images"];
  const shots = (scan?.shots ?? []).map((one, n) => line(`shot ${one.shot ?? n + 1}`, one));
  fillTable($("shots"), "By shot at a well", ["shot", ...headings], shots.length > 1 ? shots : []);
  const blocks = Array.isArray(scan?.per_block) ? scan.per_block : [];
  fillTable($("blocks"), "By block", ["block", ...headings], blocks.map((one, n) => line(`block ${one.block ?? n + 1}`, one)));
}

function chipNote(scan) {
  const wells = scan.rows && scan.columns ? scan.rows * scan.columns : null;
  const seen = scan.seen ?? null;
  if (wells === null) return "";
  return `${seen === null ? "" : `${format.count(seen)} of `}${format.count(wells)} wells`;
}

function withInterval(hits, trials) {
  const one = rate(hits, trials);
  return rateCell([format.percent(one.value), format.interval(one.interval)]);
}

export function start() {
  region(["slow", "route", "now"], load);
  region(["slow", "route"], drawText);
  region(["slow", "route", "chip", "look"], drawMap);
  region(["chip"], drawText);
}

