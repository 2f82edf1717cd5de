// Indexed images of each time point against its target; did the laser fire?
import { $, attribute, el, hide, keyed, named, text } from "../dom.js";
import { evenEdges, histogram } from "../drawing.js";
import * as format from "../format.js";
import { can } from "../me.js";
import { rate } from "../stats.js";
import { region } from "../store.js";
import * as view from "../view.js";

const DIGITS = 3; // delays of two time points differ by 2 % or more
const BEHIND = 0.8; // of the mean share of all targets: less is told

function shares(delays) {
  const aimed = delays.filter((one) => one.target > 0);
  const reached = aimed.map((one) => Math.min(1, one.indexed / one.target));
  return reached.length ? view.sum(reached) / reached.length : null;
}

function behind(one, mean) {
  if (!(one.target > 0) || !mean) return "";
  const own = Math.min(1, one.indexed / one.target);
  if (own >= 1) return "reached";
  return own < BEHIND * mean ? `◄ ${format.share(1 - own / mean)} % behind` : "";
}

function make() {
  const bar = el("span", { class: "bar" }, el("span", { class: "part indexed" }));
  return el("li", {}, el("b", {}), bar, el("span", { class: "told" }));
}

function drawDelays() {
  const delays = view.delays();
  const mean = shares(delays);
  keyed($("delays"), delays, (one) => `${one.chain ?? ""} ${format.exactTime(one.delay_s, DIGITS)}`, make, (node, one) => {
    const [title, bar, told] = node.children;
    text(title, one.delay_s === null ? "no delay" : format.exactTime(one.delay_s, DIGITS));
    hide(bar, !(one.target > 0));
    bar.firstChild.style.width = `${Math.min(100, (100 * one.indexed) / (one.target || 1))}%`;
    const aim = one.target > 0 ? `/${format.count(one.target)}` : "";
    const hits = rate(one.hits, one.classified ?? one.images);
    const words = [
      `${format.count(one.indexed)}${aim} indexed`,
      one.eta_s !== null && one.eta_s !== undefined ? `ETA ${format.duration(one.eta_s)}` : "",
      `${format.percent(hits.value)} hits (${format.interval(hits.interval)}) of ${format.count(one.classified ?? one.images)}`,
      behind(one, mean),
    ];
    text(told, words.filter(Boolean).join(" · "));
    attribute(node, "class", behind(one, mean).startsWith("◄") ? "behind" : "");
  });
  text($("time-points-note"), delays.length ? "indexed / target" : "no time points yet");
  hide($("set-target"), !delays.some((one) => one.delay_s !== null) || !view.liveRun() || !can("write:targets"));
}

function drawHistogram() {
  const found = view.liveRun()?.delay_histogram;
  const some = found?.counts?.length > 0;
  hide($("delay-histogram"), !some);
  if (!some) return text($("delay-note"), "");
  const words = [
    `measured delay ${format.exactTime(found.mean_s, 6)}`,
    `σ ${format.exactTime(found.sigma_s, 3)}`,
    `${format.count(found.outliers)} ${found.outliers === 1 ? "outlier" : "outliers"}`,
  ].join(", ");
  text($("delay-note"), words);
  const middle = found.mean_s ?? 0;
  const end = found.low_s + found.counts.length * found.step_s;
  return histogram($("delay-histogram"), {
    edges: evenEdges(found.low_s - middle, end - middle, found.counts.length),
    counts: found.counts,
    label: `Measured delays: ${words}`,
    axis: (value) => (Math.abs(value) < 1e-12 ? "mean" : format.signed(value, (v) => format.exactTime(v, 3))),
  });
}

function drawMisfires() {
  const pump = view.liveRun()?.pump;
  if (pump) {
    if (!pump.due) return text($("misfires"), pump.declared ? "No pulses due yet." : "");
    const one = rate(pump.misfires, pump.due);
    const words = `${format.count(pump.misfires)} misfires of ${format.count(pump.due)} pulses due`;
    return text($("misfires"), `${words} (${format.interval(one.interval)} %)`);
  }
  const audits = (view.report()?.event_chains ?? []).flatMap((chain) => chain.audit ?? []);
  const laser = audits.filter((one) => one.type === "LaserExcitation" && one.commanded);
  $("misfires").replaceChildren(
    ...laser.flatMap((one) => [
      named(one.event),
      `: fired ${format.count(one.seen)} of ${format.count(one.commanded)} times. `,
    ]),
  );
  return null;
}

export function start() {
  region(["now", "slow", "route"], drawDelays);
  region(["now", "slow", "route", "look"], drawHistogram);
  region(["now", "slow", "route"], drawMisfires);
}
