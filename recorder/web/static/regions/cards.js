// Experiments in the seed's shape: who, what, the bar of three, runs by their number.
import * as api from "../api.js";
import { $, attribute, el, hide, keyed, named, text } from "../dom.js";
import * as format from "../format.js";
import { changed, region } from "../store.js";
import * as view from "../view.js";

const PAGE = 100; // run buttons that are shown at once
const MORE = 200; // runs asked for at once
const EXPERIMENTS = 20;
const BANDS = [[0.3, "high", "30 % or more"], [0.1, "middle", "10 % or more"], [0.02, "low", "2 % or more"]];
const MARKS = { aborted: "✕", failed: "!", running: "▶" };
const older = { experiments: [], runs: new Map(), at: new Map(), next: null, done: false };

export const PARTS = [
  ["indexed", "indexed"],
  ["non_indexed_hits", "non-indexed hits"],
  ["skipped", "skipped"],
];

export function threeBar() {
  return el(
    "div",
    { class: "three" },
    el("div", { class: "bar", "aria-hidden": "true" }, ...PARTS.map(([key]) => el("span", { class: `part ${key}` }))),
    el("ul", {}, ...PARTS.map(([key]) =>
      el("li", {}, el("span", { class: `swatch ${key}`, "aria-hidden": "true" }), el("b", {}), el("span")))),
  );
}

// counts: {images, indexed, non_indexed_hits, skipped}
export function fillThree(node, counts) {
  const [bar, list] = node.children;
  PARTS.forEach(([key, title], n) => {
    const part = counts.images ? counts[key] / counts.images : 0;
    bar.children[n].style.width = `${100 * part}%`;
    const [, value, words] = list.children[n].children;
    text(value, format.count(counts[key]));
    text(words, ` ${title} ${counts.images ? format.twoDigits(part) : format.NONE}`);
  });
}

export function countsOf(run) {
  const classes = run.classes ?? {};
  const indexed = classes.indexed ?? 0;
  const other = classes.non_indexed_hits ?? 0;
  const images = run.images?.received ?? 0;
  return { images, indexed, non_indexed_hits: other, skipped: images - indexed - other };
}

function make() {
  const facts = el("dl", { class: "facts" });
  const runs = el("div", { class: "runs" });
  const pages = el("div", { class: "tools" });
  return el("article", {}, facts, threeBar(), pages, runs);
}

function facts(entry) {
  const written = entry.data_collection_group_id ?? null;
  const pairs = [
    ["Protein", named(entry.protein)],
    ["Sample", named(entry.sample)],
    ["Support", named(entry.support)],
    ["Experiment", named(entry.experiment)],
    ["# Runs", format.count(entry.cumulative?.runs ?? entry.runs.length)],
    ...imagesOf(entry.cumulative),
    ["ISPyB group", written === null ? "not yet" : String(written)],
  ];
  return pairs.map(([key, value]) => el("div", {}, el("dt", {}, key), el("dd", {}, value)));
}

// Images of serial runs, and those of others, which are no trials of a hit rate.
function imagesOf(total) {
  const [all, others] = [total?.runs ?? 0, total?.other_runs ?? 0];
  const apart = ["Images of runs that are not serial", format.count(total?.other_images)];
  if (others && others === all) return [apart];
  return [["Images", format.count(total?.images)], ...(others ? [apart] : [])];
}

function runsOf(entry) {
  const found = new Map((older.runs.get(entry.experiment) ?? []).map((run) => [run.uid, run]));
  for (const run of entry.runs) found.set(run.uid, run);
  return [...found.values()].sort(view.byAge);
}

function band(run) {
  if (!view.isSerial(run)) return ["apart", ""];
  const { images, indexed, non_indexed_hits: other } = countsOf(run);
  const hit = images ? (indexed + other) / images : 0;
  const [, name, words] = BANDS.find(([least]) => hit >= least) ?? [0, "none", "below 2 %"];
  return [name, `hit rate ${words}`];
}

function button(run) {
  return el("a", { class: "run", href: `#run=${view.address(run.uid)}` });
}

function fillButton(node, run) {
  const [name, words] = band(run);
  const chosen = view.shownRun()?.uid === run.uid;
  attribute(node, "class", `run ${name}${chosen ? " chosen" : ""}`);
  attribute(node, "aria-current", chosen ? "true" : null);
  const kind = view.isSerial(run) ? "" : ` ${format.shown(run.technique)}`;
  text(node, `#${run.run}${kind}${MARKS[run.status] ? ` ${MARKS[run.status]}` : ""}`);
  attribute(node, "title", `run ${run.run}:${kind} ${format.shown(run.status)}${words ? `, ${words}` : ""}`);
}

function fill(node, entry) {
  const runs = runsOf(entry);
  const total = entry.cumulative?.runs ?? runs.length;
  const end = runs.length - (older.at.get(entry.experiment) ?? 0);
  const shown = runs.slice(Math.max(0, end - PAGE), end);
  const { runs: _, ...own } = entry;
  const key = JSON.stringify([own, shown.map((run) => [run.uid, run.status, run.classes]), end, view.shownRun()?.uid]);
  if (node.written === key) return;
  node.written = key;
  const [list, three, pages, buttons] = node.children;
  list.replaceChildren(...facts(entry));
  hide(three, entry.cumulative?.other_runs > 0 && entry.cumulative.other_runs === total);
  fillThree(three, entry.cumulative ?? {});
  keyed(buttons, shown, (run) => run.uid, button, fillButton);
  pages.replaceChildren(...pager(entry, runs, shown, total));
}

function pager(entry, runs, shown, total) {
  if (total <= PAGE) return [];
  const move = (by) => () => turn(entry.experiment, runs, by);
  const early = el("button", { type: "button", onclick: move(PAGE) }, "◀ earlier runs");
  const late = el("button", { type: "button", onclick: move(-PAGE) }, "later runs ▶");
  early.disabled = shown[0] === runs[0] && runs.length >= total;
  late.disabled = !older.at.get(entry.experiment);
  const words = shown.length ? `runs ${shown[0].run} to ${shown.at(-1).run} of ${format.count(total)}` : "";
  return [early, el("span", {}, words), late];
}

async function turn(experiment, runs, by) {
  const at = Math.max(0, (older.at.get(experiment) ?? 0) + by);
  if (by > 0 && runs.length < at + PAGE) {
    const [first] = runs;
    const before = first?.opened ? `&before=${first.opened}` : "";
    const path = `runs?experiment=${api.part(experiment)}&limit=${MORE}${before}`;
    const body = await api.get(path).catch(() => null);
    const more = (body?.runs ?? []).filter((run) => run.experiment === experiment);
    older.runs.set(experiment, [...(older.runs.get(experiment) ?? []), ...more]);
  }
  older.at.set(experiment, at);
  changed("slow");
}

function draw() {
  const known = view.experiments();
  keyed($("card-list"), known.concat(older.experiments), keyOf, make, fill);
  hide($("older-experiments"), older.done || !known.some((entry) => entry.runs_left_out));
}

const keyOf = (entry) => `${entry.data_collection_group_id} ${entry.experiment}`;

async function olderExperiments() {
  const before = older.next ? `&before=${older.next}` : "";
  const body = await api.get(`experiments?limit=${EXPERIMENTS}${before}`).catch(() => null);
  older.next = body?.next ?? null;
  older.done = older.next === null;
  older.experiments.push(...(body?.experiments ?? []));
  changed("slow");
}

export function start() {
  $("older-experiments").addEventListener("click", olderExperiments);
  region(["slow", "route"], draw);
}
