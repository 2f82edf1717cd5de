// Four numbers that can be read at three metres.
import { $, attribute, el, hide, keyed, text } from "../dom.js";
import * as format from "../format.js";
import { rate } from "../stats.js";
import { region, state } from "../store.js";
import * as view from "../view.js";

const ENOUGH = 100; // images in 10 s: with fewer the interval says nothing
let on = false;

function numbers() {
  const windows = view.windows();
  const least = { "10s": ENOUGH, "60s": 1, run: 0 };
  const name = Object.keys(least).find((key) => windows[key]?.classified >= least[key]);
  const window = windows[name];
  const title = { "10s": "10 s", "60s": "60 s" }[name] ?? "run";
  const hit = rate(window?.hits, window?.classified);
  const index = rate(window?.indexed, window?.tried);
  const live = state.now?.live;
  const run = live?.run;
  const expected = run?.expected ? `of ${format.count(run.expected)}` : "";
  const left = run?.eta_s ? `, ETA ${format.duration(run.eta_s)}` : "";
  const alarms = (live?.alarms ?? []).filter((alarm) => !alarm.cleared_ns).length;
  const shown = view.shownRun();
  const lost = run ? `lost ${format.count(run.lost)}` : format.NONE;
  const images = { key: "images", title: run ? `images of run ${run.run}` : "images", value: format.count(run?.received), more: expected + left };
  const standing = { key: "alarms", title: "alarms", value: live ? String(alarms) : format.NONE, more: lost };
  if (shown && !view.isSerial(shown)) {
    const spots = (window?.hits ?? 0) || view.sum([shown.classes?.indexed, shown.classes?.non_indexed_hits]);
    return [images, { key: "spots", title: "images with spots", value: format.count(spots), more: format.shown(shown.technique) }, standing];
  }
  return [
    { key: "hit", title: `hits of images, ${title}`, value: format.percent(hit.value), more: format.interval(hit.interval) },
    { key: "index", title: `indexed of hits, ${title}`, value: format.percent(index.value), more: format.interval(index.interval) },
    images,
    standing,
  ];
}

function draw() {
  if (!on) return;
  const make = () => el("div", {}, el("p"), el("p", { class: "huge" }), el("p"));
  keyed($("wall"), numbers(), (one) => one.key, make, (node, one) => {
    const [title, value, more] = node.children;
    text(title, one.title);
    text(value, one.value);
    text(more, one.more);
    attribute(node, "class", one.key === "alarms" && Number(one.value) > 0 ? "bad" : "");
  });
}

export function toggleWall(wanted = !on) {
  on = wanted;
  attribute(document.body, "data-wall", on ? "yes" : null);
  attribute($("wall-button"), "aria-pressed", String(on));
  hide($("wall"), !on);
  draw();
}

export function start() {
  $("wall-button").addEventListener("click", () => toggleWall());
  region(["now", "slow", "route"], draw);
  if (new URLSearchParams(location.search).has("wall")) toggleWall(true);
}
