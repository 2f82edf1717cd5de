// The chip or scan of a run by well, block and shot, and what its pattern may mean.
import * as api from "../api.js";
import { $, el, fillTable, hide, rateCell, text } from "../dom.js";
import { surface } from "../drawing.js";
import * as format from "../format.js";
import { rate } from "../stats.js";
import { changed, region } from "../store.js";
import * as view from "../view.js";
import { STATES, drawChip } from "./chip-map.js";

const EACH_MS = 2000; // while the run goes on
const ALWAYS = ["unseen", "non_hit", "non_indexed_hit", "indexed", "lost"];

let chip = null; // of the run that is shown, else null
const NEVER = { version: "", at: -Infinity, failed: false };
let asked = NEVER;
let why = "";

const scan = () => view.report()?.scan ?? null;

// A sealed run has another map than before.
const versionOf = (known) => `${known?.uid}/${known?.state}/${known?.revision}`;

async function load() {
  const known = view.report();
  const uid = known?.uid;
  const version = versionOf(known);
  const again = view.liveRun() || asked.failed;
  const fresh = again ? performance.now() - asked.at < EACH_MS : true;
  if (!uid || !scan() || (asked.version === version && fresh)) return;
  const mine = { version, at: performance.now(), failed: false };
  asked = mine;
  let [found, problem] = [null, ""];
  try {
    found = read(await api.get(`runs/${api.part(uid)}/chip`));
  } catch (error) {
    problem = `The map cannot be had: ${error.message}`;
  }
  mine.failed = Boolean(problem);
  if (versionOf(view.report()) !== version) {
    if (asked === mine) asked = NEVER; // of a run that is not shown now
    return;
  }
  if (!problem) chip = found;
  why = problem;
  changed("chip");
}

function read(body) {
  if (!body.wells || !body.shape) return null;
  const wells = Uint8Array.from(atob(body.wells), (c) => c.charCodeAt(0));
  return { uid: body.uid, shape: body.shape, blocks: body.scan?.blocks ?? [1, 1], states: body.states, wells };
}

function drawMap() {
  const shown = chip !== null && chip.uid === view.report()?.uid;
  hide($("chip-map"), !shown);
  hide($("chip-legend"), !shown);
  if (!shown) return;
  const counts = new Array(chip.states.length).fill(0);
  for (const code of chip.wells) counts[code] += 1;
  const found = chip.states
    .map((state, n) => [state, counts[n]])
    .filter(([state, n]) => n > 0 || ALWAYS.includes(state));
  const words = found.map(([state, n]) => `${format.count(n)} ${STATES[state]?.[1] ?? format.words(state)}`);
  const area = surface($("chip-map"), `Map of ${format.count(chip.wells.length)} wells: ${words.join(", ")}`);
  if (!area) return;
  drawChip(area, chip);
  const items = found.map(([state], n) =>
    el("span", { class: "item" }, el("span", { class: `swatch ${state === "skipped" ? "blank" : state}`, "aria-hidden": "true" }), words[n]),
  );
  $("chip-legend").replaceChildren(...items);
}

function line(title, one) {
  const hits = one.indexed + one.non_indexed_hits;
  const cell = ({ value, interval }) => rateCell([format.percent(value), format.interval(interval)]);
  return [
    title,
    cell(rate(hits, hits + one.non_hits)),
    cell(rate(one.indexed, hits)),
    ...("resolution" in one ? [format.fixed(one.resolution, 2)] : []),
    format.count(one.images),
  ];
}

function drawText() {
  const known = scan();
  text($("chip-note"), noteOf(known));
  const hints = (known?.hints ?? []).map(hint);
  text($("chip-hint"), why && known ? why : hints.join("; "));
  const shots = (known?.by_shot ?? []).map((one) => line(String(one.shot), one));
  const blocks = (known?.by_block ?? []).filter((one) => one.images).map((one) => line(String(one.block), one));
  const headings = ["hits", "indexed of hits"];
  fillTable($("shots"), "By shot at a well", ["shot", ...headings, "Å", "images"], shots.length > 1 ? shots : []);
  fillTable($("blocks"), "By block", ["block", ...headings, "images"], blocks.length > 1 ? blocks : []);
  hide($("blocks-box"), blocks.length < 2);
}

// Where the pattern is, by how much, and what it may come from ("perhaps …").
function hint(one) {
  const rates = `${format.percent(one.rate)} of wells hit there, ${format.percent(one.elsewhere)} elsewhere`;
  return format.shown(`${one.where} (${rates}): ${one.text}`);
}

function noteOf(known) {
  if (!view.shownRun()) return "";
  if (!known) return "no scan announced";
  const { total, unseen } = known.wells;
  const unplaced = known.unplaced ? `, ${format.count(known.unplaced)} images without a well` : "";
  return `${format.count(total - unseen)} of ${format.count(total)} wells${unplaced}`;
}

export function start() {
  region(["slow", "route", "now"], load);
  region(["slow", "route", "chip"], drawText);
  region(["slow", "route", "chip", "look"], drawMap);
}
