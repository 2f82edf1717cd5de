// Event chains: commanded, measured, verdict; one line for each event.
import { $, el, named, text } from "../dom.js";
import * as format from "../format.js";
import { region } from "../store.js";
import * as view from "../view.js";

const COLUMNS = ["offset", "duration", "period", "repetition"];
const TYPES = {
  XrayDetection: "X-ray detection",
  XrayExposure: "X-ray exposure",
  LaserExcitation: "laser",
  ReactionTrigger: "reaction",
};
const VERDICTS = { ok: "✓ ok", differs: "▲ differs", unseen: "○ unseen", extra: "+ extra" };

// [commanded, measured, audit] of each event; extras last.
export function lines(chain) {
  const audits = chain.audit ?? [];
  const told = audits.filter((one) => one.verdict !== "extra");
  const extra = audits.filter((one) => one.verdict === "extra");
  const aligned = told.length === chain.commanded.length;
  const found = chain.commanded.map((event, n) => [
    event,
    chain.measured.find((seen) => seen.declared === n) ?? null,
    aligned ? told[n] : null,
  ]);
  const undeclared = chain.measured.filter((seen) => seen.declared === null);
  undeclared.forEach((seen, n) => found.push([null, seen, extra[n] ?? null]));
  return found;
}

function value(event, column) {
  if (column === "repetition") return format.count(event.repetition);
  return format.exactTime(event[column], 6);
}

// Rows of one event: as commanded, as measured, and what the audit found.
function rows([commanded, measured, audit]) {
  const event = commanded ?? measured;
  const verdict = audit ? VERDICTS[audit.verdict] ?? format.shown(audit.verdict) : format.NONE;
  const findings = (audit?.findings ?? []).map(format.shown).join("; ");
  const cellsOf = (how, one) => [
    el("td", { class: "left quiet" }, how),
    ...COLUMNS.map((column) => el("td", {}, one ? value(one, column) : "")),
  ];
  const span = findings ? "3" : "2";
  const first = el(
    "tr",
    { class: audit && audit.verdict !== "ok" ? "differs" : null },
    el("th", { scope: "row", rowspan: span }, TYPES[event.type] ?? format.shown(event.type)),
    el("td", { class: "left", rowspan: span }, named(event.name)),
    ...cellsOf("commanded", commanded),
    el("td", { class: "left verdict", rowspan: "2" }, el("b", {}, verdict)),
  );
  const second = el("tr", { class: "below" }, ...cellsOf("measured", measured));
  if (!findings) return [first, second];
  return [first, second, el("tr", { class: "below" }, el("td", { class: "left findings", colspan: "6" }, findings))];
}

function table(chain) {
  const heads = ["type", "name", "as", ...COLUMNS, "verdict"].map((name) => el("th", { scope: "col" }, name));
  const scope = chain.scope === "position" ? "per position" : "over the collection";
  const caption = el("caption", {}, named(chain.name, "undeclared"), ` ${scope}`);
  const body = el("tbody", {}, ...lines(chain).flatMap(rows));
  const label = `Event chain ${format.shown(chain.name)}`;
  return el(
    "div",
    { class: "scroll", tabindex: "0", role: "group", "aria-label": label },
    el("table", { class: "chain" }, caption, el("thead", {}, el("tr", {}, ...heads)), body),
  );
}

let written = "";

function draw() {
  const known = view.report();
  const chains = view.chainsOf(known);
  const now = JSON.stringify([known?.uid, chains]);
  if (now === written) return;
  written = now;
  text($("chains-note"), chains.length ? `run ${known.run}` : "none declared, none seen");
  $("chain-tables").replaceChildren(...chains.map(table));
}

export function start() {
  region(["slow", "route", "now"], draw);
}
