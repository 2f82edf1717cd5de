// What was found of sweeps, grids, scans and spectra: [kind, sentence]; kind "bad" is loud.
import * as format from "./format.js";
import { degrees, electronvolts } from "./technique-card.js";

const MOST = 10;
const PLACED = {
  captured: "by captured positions",
  times: "by the times of the images",
  count: "by the count of the images",
  nothing: "not known",
};
const GRADES = ["captured", "file", "announced", "header", "none"];
const several = (n, one, more = `${one}s`) => `${format.count(n)} ${n === 1 ? one : more}`;

function pair([x, y], [dx, dy], digits) {
  return `x ${x.toFixed(digits)} ± ${dx.toFixed(digits)}, y ${y.toFixed(digits)} ± ${dy.toFixed(digits)}`;
}

function crystal(one) {
  const told = [
    `centre ${pair(one.centre, one.sigma, 2)} cells from the corner (${pair(one.centre_um, one.sigma_um, 1)} µm)`,
    several(one.cells, "cell"),
    `${format.count(one.spots)} spots, ${format.count(one.peak_spots)} at most`,
    one.at_border ? "at the border: it may go on beyond the grid" : "",
    one.beside_unknown ? `beside ${several(one.beside_unknown, "unknown cell")}: it may go on there` : "",
  ];
  return `Crystal: ${told.filter(Boolean).join("; ")}`;
}

function grid(own) {
  const shifts = own.shifts.map((one) =>
    ["bad", `Shift: from image ${format.count(one.image_id)} on by ${several(one.cells, "cell")}, a trigger made no image`]);
  const crystals = own.crystals.slice(0, MOST).map((one) => ["told", crystal(one)]);
  const placed = `${format.count(own.received)} cells received, ${format.count(own.lost)} lost, ${format.count(own.not_reached)} not reached; placed ${PLACED[own.placed_by] ?? format.shown(own.placed_by)}`;
  const without = own.unplaced ? `; ${several(own.unplaced, "image")} without a cell` : "";
  return [...shifts, ...(crystals.length ? crystals : [["told", "No crystal found."]]), ["quiet", placed + without]];
}

function axis(own) {
  const grades = GRADES.filter((name) => own.by_grade[name]).map((name) => `${name} ${format.count(own.by_grade[name])}`);
  const wedges = own.wedges_planned > 1 ? [["told", `Wedges: ${own.wedges_whole} of ${own.wedges_planned} whole${own.wedges_missed ? `, ${own.wedges_missed} missed` : ""}`]] : [];
  const lost = own.lost.slice(0, MOST).map((one) => {
    const span = one.start === null || one.end === null ? "at unknown angles" : `${degrees(one.start)} to ${degrees(one.end)}`;
    return ["bad", `Lost: images ${format.count(one.first)} to ${format.count(one.last)}, ${span}`];
  });
  return [
    ...own.contradictions.map((one) => ["bad", format.shown(one)]),
    ...lost,
    ...wedges,
    ["quiet", `Angles rest on: ${grades.join(", ") || "nothing"}${own.of_no_sweep ? `; of no sweep ${format.count(own.of_no_sweep)}` : ""}`],
  ];
}

function within(energy, error) {
  return `${electronvolts(energy)}${error === null ? "" : ` ± ${error.toFixed(2)} eV`}`;
}

function scan(own) {
  const { check } = own;
  const found = [];
  if (check.inflection !== null) found.push(["told", `Our check: inflection ${within(check.inflection, check.inflection_error)}`]);
  if (check.peak !== null) found.push(["told", `Our check: peak ${within(check.peak, check.peak_error)}`]);
  else if (check.inflection !== null) found.push(["quiet", "Our check: no white line, so there is no peak to speak of"]);
  return [
    ...own.problems.map((one) => ["bad", format.shown(one)]),
    ...found,
    ...check.says.map((one) => ["told", format.shown(one)]),
    ...(own.hint ? [["quiet", format.shown(own.hint)]] : []),
  ];
}

function spectrum(own) {
  const lines = own.lines.slice(0, MOST).map((one) =>
    ["told", `${electronvolts(one.energy)}, ${format.count(one.counts)} counts: ${one.names.map(format.shown).join(", ") || "of no known line"}`]);
  if (own.channels && own.calibration === null) lines.unshift(["bad", "No calibration: the energy of a channel is unknown"]);
  return lines;
}

export function saysOf(run) {
  const found = [];
  if (run.mx?.axis) found.push(...axis(run.mx.axis));
  if (run.mx?.grid) found.push(...grid(run.mx.grid));
  for (const [n, plane] of (run.mx?.planes ?? []).slice(0, MOST - 1).entries()) {
    found.push(...grid(plane).map(([kind, text]) => [kind, `Plane ${n + 2}: ${text}`]));
  }
  const more = (run.mx?.planes?.length ?? 0) - (MOST - 1);
  if (more > 0) found.push(["quiet", `and ${several(more, "more plane")}`]);
  if (run.energy_scan) found.push(...scan(run.energy_scan));
  if (run.spectrum) found.push(...spectrum(run.spectrum));
  const notes = (run.mx?.notes ?? []).filter((one) => !(run.notes ?? []).includes(one));
  return [...found, ...notes.map((one) => ["told", format.shown(one)])];
}
