// Alarms with their hints and the numbers that speak for them.
import * as api from "../api.js";
import { $, attribute, el, hide, keyed, named, text } from "../dom.js";
import * as format from "../format.js";
import { can } from "../me.js";
import { region, state } from "../store.js";
import * as view from "../view.js";
import { askWho } from "./saying.js";
import { ring } from "./sound.js";

const MARKS = { red: "▲ ALARM", amber: "◆ warning", info: "● note" };
let rung = new Set(); // "id severity" of alarms that stand and were rung

function numbers(evidence) {
  return Object.entries(evidence ?? {})
    .map(([key, value]) => `${format.words(key)} ${format.number(value, 3)}`)
    .join(", ");
}

function make(alarm) {
  const details = el("div", { class: "evidence", hidden: "" });
  const why = el("button", { type: "button", "aria-expanded": "false" }, "why");
  why.addEventListener("click", () => {
    details.hidden = !details.hidden;
    attribute(why, "aria-expanded", String(!details.hidden));
  });
  const seen = el("button", { type: "button", class: "seen" }, "seen");
  const normal = el("button", { type: "button", class: "normal", hidden: "" }, "normal from now on");
  const by = el("span", { class: "by quiet" });
  seen.addEventListener("click", () => say(seen, by, alarm.id, "seen"));
  normal.addEventListener("click", () => say(normal, by, alarm.id, "normal"));
  return el(
    "li",
    {},
    el("p", { role: "alert" }),
    el("p", { class: "hint" }),
    el("div", { class: "tools" }, why, seen, normal, by),
    details,
  );
}

async function say(button, answer, id, what) {
  const by = await askWho();
  if (!by) return;
  button.disabled = true;
  try {
    await api.say(`alarms/${api.part(id)}/${what}`, { by });
  } catch (error) {
    text(answer, `not taken: ${error.message}`);
  }
  button.disabled = false;
}

function fill(node, alarm) {
  attribute(node, "class", `${alarm.severity}${alarm.cleared_ns ? " cleared" : ""}`);
  const written = JSON.stringify([alarm, can("write:alarms")]);
  if (node.written === written) return;
  node.written = written;
  const [head, hint, tools, details] = node.children;
  const mark = MARKS[alarm.severity] ?? alarm.severity;
  const told = `${mark} ${format.clock(alarm.raised_ns)} ${format.shown(alarm.text)}`;
  text(head, alarm.cleared_ns ? `${told} (over since ${format.clock(alarm.cleared_ns)})` : told);
  const hints = (alarm.hints ?? []).map((one) => format.shown(one.text));
  text(hint, hints.join(" "));
  hide(hint, !hints.length);
  hide(tools.querySelector(".seen"), Boolean(alarm.seen_by || alarm.cleared_ns || !can("write:alarms")));
  hide(tools.querySelector(".normal"), !alarm.can_be_normal || !can("write:alarms"));
  const by = tools.querySelector(".by");
  by.replaceChildren(...(alarm.seen_by ? ["seen by ", named(alarm.seen_by)] : []));
  details.replaceChildren(...evidence(alarm));
}

function evidence(alarm) {
  const lines = [];
  if (alarm.since_image !== null) {
    const where = el("a", { href: `#image=${view.addressOf(alarm.run)}/${alarm.since_image}` });
    where.append(`image ${format.count(alarm.since_image)} of run ${alarm.run}`);
    lines.push(el("p", {}, "Began at ", where, `, ${format.clock(alarm.since_ns)}.`));
  } else {
    lines.push(el("p", {}, `Began ${format.clock(alarm.since_ns)}.`));
  }
  const own = numbers(alarm.evidence);
  if (own) lines.push(el("p", {}, `Evidence: ${own}.`));
  for (const one of alarm.hints ?? []) {
    lines.push(el("p", {}, `${format.shown(one.text)}: ${numbers(one.evidence) || "no numbers"}.`));
  }
  return lines;
}

function draw() {
  const alarms = state.now?.live?.alarms ?? [];
  keyed($("alarm-list"), alarms, (alarm) => alarm.id, make, fill);
  hide($("alarms"), !alarms.length);
}

// For each event "now", also where nothing is drawn: a tab behind others rings too.
export function sound() {
  if (!state.now?.live) return;
  const standing = new Set();
  for (const alarm of state.now.live.alarms ?? []) {
    if (alarm.cleared_ns) continue;
    const key = `${alarm.id} ${alarm.severity}`;
    if (rung.has(key)) standing.add(key);
    else if (!alarm.seen_by) {
      standing.add(key);
      if (alarm.severity === "red") ring();
    }
  }
  rung = standing;
}

export function start() {
  region(["now"], draw);
}
