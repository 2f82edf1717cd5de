// All runs that go on, where there is more than one: two detectors, or parts of a series.
import { $, attribute, el, hide, keyed, named, text } from "../dom.js";
import * as format from "../format.js";
import { region, state } from "../store.js";
import * as view from "../view.js";

function words(run) {
  const part = run.parts ? `, collection ${run.part} of ${run.parts}` : "";
  const of = run.expected === null ? "" : `/${format.count(run.expected)}`;
  const lost = run.lost ? `, lost ${format.count(run.lost)}` : "";
  if (view.isImageless(run)) return ` ${format.shown(run.technique)}`;
  return ` ${format.shown(run.technique)}${part}, ${format.count(run.received)}${of} images${lost}`;
}

function draw() {
  const live = state.now?.live;
  const runs = live?.open_runs ?? [];
  const left = live?.open_runs_left_out ?? 0;
  const some = runs.length > 1;
  hide($("open-runs"), !some);
  if (!some) return;
  const items = left ? [...runs, { uid: "left", left }] : runs;
  const make = () => el("li", {}, el("a", {}), el("span"), el("span"));
  keyed($("open-runs"), items, (run) => run.uid, make, (node, run) => {
    const [link, told, source] = node.children;
    if (run.left) return text(told, `and ${format.count(run.left)} more`);
    attribute(link, "href", `#run=${view.address(run.uid)}`);
    text(link, `${run.state} run ${run.run}`);
    text(told, words(run));
    if (run.source && !source.firstChild) source.append(" (", named(run.source), ")");
    return null;
  });
}

export function start() {
  region(["now"], draw);
}
