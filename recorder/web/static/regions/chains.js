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
  if (!event) return "";
  if (column === "repetition") return format.count(event.repetition);
  return format.exactTime(event[column], 6);
}

// Rows of one event: its numbers, and below them what the audit found.
function line([commanded, measured, audit]) {
  const event = commanded ?? measured;
  const verdict = audit ? VERDICTS[audit.verdict] ?? format.shown(audit.verdict) : format.NONE;
  const findings = (audit?.findings ?? []).map(format.shown).join("; ");
  const row = el(
    "tr",
    { class: audit && audit.verdict !== "ok" ? "differs" : null },
    el("th", { scope: "row" }, TYPES[event.type] ?? format.shown(event.type)),
    el("td", { class: "left" }, named(event.name)),
    ...COLUMNS.map((column) => el("td", {}, value(commanded, column))),
    ...COLUMNS.map((column) => el("td", {}, measured ? value(measured, column) : "")),
    el("td", { class: "left verdict" }, el("b", {}, verdict)),
  );
  if (!findings) return [row];
  const below = el("td", { class: "left findings", colspan: "11" }, findings);
  return [row, el("tr", { class: "below" }, below)];
}

function table(chain) {
  const group = (words, span) => el("th", { scope: "colgroup", colspan: String(span) }, words);
  const heads = (names) => names.map((name) => el("th", { scope: "col" }, name));
  const head = el(
    "thead",
    {},
    el("tr", {}, el("td", { colspan: "2" }), group("commanded", 4), group("measured", 4), el("td")),
    el("tr", {}, ...heads(["type", "name", ...COLUMNS, ...COLUMNS, "verdict"])),
  );
  const scope = chain.scope === "position" ? "per position" : "over the collection";
  const caption = el("caption", {}, named(chain.name, "undeclared"), ` ${scope}`);
  const body = el("tbody", {}, ...lines(chain).flatMap(line));
  const label = `Event chain ${format.shown(chain.name)}`;
  return el(
    "div",
    { class: "scroll", tabindex: "0", role: "group", "aria-label": label },
    el("table", { class: "chain" }, caption, head, body),
  );
}

let written = "";

function draw() {
  const known = view.report();
  const chains = known?.event_chains ?? [];
  const now = JSON.stringify([known?.uid, chains]);
  if (now === written) return;
  written = now;
  text($("chains-note"), chains.length ? `run ${known.run}` : "none declared, none seen");
  $("chain-tables").replaceChildren(...chains.map(table));
}

export function start() {
  region(["slow", "route", "now"], draw);
}
