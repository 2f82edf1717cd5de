// The chip or scan by well, and what its pattern may mean.
import * as api from "../api.js";
import { $, el, fillTable, hide, rateCell, text } from "../dom.js";
import { hatch, note, surface } from "../drawing.js";
import * as format from "../format.js";
import { rate } from "../stats.js";
import { changed, region } from "../store.js";
import * as view from "../view.js";

export const CLASSES = ["unseen", "non_hit", "non_indexed_hit", "indexed", "lost", "unclassified", "unknown", "skipped"];
const WORDS = {
  unseen: "not seen",
  non_hit: "non-hit",
  non_indexed_hit: "hit, not indexed",
  indexed: "indexed",
  lost: "lost",
  unclassified: "no class",
  unknown: "unknown",
  skipped: "skipped",
};
const ALWAYS = 5; // classes that the legend has at least; "skipped", the last one, never
const EACH_MS = 2000; // while the run goes on
const SMALL_PX = 5; // wells smaller than this have no room for a mark

let chip = null; // {uid, rows, columns, blocks, wells: codes row by row}
let wanted = { uid: "", at: -Infinity };
let why = "";

function scanOf(known) {
  return known?.scan ?? null;
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
  const codes = (body.states ?? []).map((name) => Math.max(0, CLASSES.indexOf(name)));
  const bytes = atob(body.wells ?? "");
  const wells = Uint8Array.from(bytes, (byte) => codes[byte.charCodeAt(0)] ?? 0);
  const [rows, columns] = body.shape ?? [0, 0];
  return { uid, rows, columns, blocks: body.scan?.blocks ?? [1, 1], wells };
}

function mark(pen, kind, x, y, size, colour) {
  if (kind === "skipped") return;
  if (kind === "unseen" || kind === "unknown") {
    pen.strokeStyle = colour.rule;
    pen.strokeRect(x + 0.5, y + 0.5, Math.max(1, size - 1), Math.max(1, size - 1));
    if (kind === "unknown" && size >= SMALL_PX) hatch(pen, x, y, size, size, colour.rule, Math.max(3, size / 3));
    return;
  }
  const paint = { non_hit: "empty", non_indexed_hit: "hit", indexed: "indexed", lost: "lost", unclassified: "rule" }[kind];
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
  const counts = CLASSES.map(() => 0);
  for (const well of wells) counts[well] += 1;
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
  drawLegend(words, counts);
}

function drawLegend(words, counts) {
  const items = CLASSES.slice(0, -1).flatMap((name, n) =>
    n < ALWAYS || counts[n] ? [el("span", { class: "item" }, el("span", { class: `swatch ${name}`, "aria-hidden": "true" }), words[n])] : [],
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
  const told = (scan?.hints ?? []).map(hint).join("; ");
  text($("chip-hint"), why ? `The map cannot be had: ${why}` : told);
  const line = (title, one) => {
    const hits = one.indexed + one.non_indexed_hits;
    const tried = hits + one.non_hits;
    return [title, withInterval(hits, tried), withInterval(one.indexed, hits), format.count(one.images)];
  };
  const headings = ["hits", "indexed of hits", "images"];
  const shots = (scan?.by_shot ?? []).map((one) => [...line(`shot ${one.shot}`, one), format.fixed(one.resolution, 2)]);
  fillTable($("shots"), "By shot at a well", ["shot", ...headings, "Å"], shots.length > 1 ? shots : []);
  const blocks = (scan?.by_block ?? []).filter((one) => one.images).map((one) => line(`block ${one.block}`, one));
  fillTable($("blocks"), "By block", ["block", ...headings], blocks);
}

function hint(one) {
  const rates = `${format.percent(one.rate)} of wells there, ${format.percent(one.elsewhere)} elsewhere`;
  return format.shown(`${one.where} (${rates}): ${one.text}`);
}

function chipNote(scan) {
  const { total, lost, unknown, unseen } = scan.wells;
  const unplaced = scan.unplaced ? `, ${format.count(scan.unplaced)} images without a well` : "";
  return `${format.count(total - lost - unknown - unseen)} of ${format.count(total)} wells${unplaced}`;
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

