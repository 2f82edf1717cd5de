// Hit and index rate over time, or over the images of a sealed run.
import { $, text } from "../dom.js";
import { note, surface, ticks } from "../drawing.js";
import * as format from "../format.js";
import { wilson } from "../stats.js";
import { region, state } from "../store.js";
import * as view from "../view.js";

const LEFT = 40;
const BOTTOM = 20;

// Points {x, classified, hits, indexed}, and how x is written.
function series() {
  const run = view.liveRun();
  const line = run?.line;
  if (line?.classified?.length && line.from_ns > 0) {
    const points = line.classified.map((classified, n) => ({
      x: line.from_ns / 1e9 + (n + 0.5) * line.step_s,
      classified,
      hits: line.hits[n],
      indexed: line.indexed[n],
    }));
    return { points, step: line.step_s, time: true };
  }
  const known = view.report()?.line;
  if (!run && known?.classified?.length) {
    const points = known.classified.map((classified, n) => ({
      x: (known.from_image ?? 0) + (n + 0.5) * known.step,
      classified,
      hits: known.hits[n],
      indexed: known.indexed[n],
    }));
    return { points, step: known.step, time: false };
  }
  return null;
}

// Starts of runs, Unix seconds.
function starts() {
  const found = new Map(view.runs().map((run) => [run.uid, [run.run, Date.parse(run.start_time) / 1e3]]));
  const going = state.now?.live?.run;
  if (going) found.set(going.uid, [going.run, going.started_ns / 1e9]);
  return [...found.values()].filter(([, at]) => at > 0);
}

function scaleOf(points) {
  const tops = points.map((one) => (one.classified > 4 ? wilson(one.hits, one.classified)[1] : 0));
  const most = Math.min(1, Math.max(0.05, ...tops) * 1.05);
  return [0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1].find((top) => top >= most) ?? 1;
}

function axes(area, place, top, low, high, time) {
  const { pen, width, height, colour } = area;
  pen.textBaseline = "middle";
  for (const value of ticks(0, top, 4)) {
    const y = place.y(value);
    pen.strokeStyle = colour.rule;
    pen.beginPath();
    pen.moveTo(LEFT, Math.round(y) + 0.5);
    pen.lineTo(width, Math.round(y) + 0.5);
    pen.stroke();
    pen.fillStyle = colour.ink;
    pen.textAlign = "right";
    pen.fillText(`${format.number(100 * value)} %`, LEFT - 4, Math.max(6, y));
  }
  pen.textBaseline = "top";
  const most = Math.max(2, Math.floor((width - LEFT) / 110));
  const every = time ? minutes((high - low) / most) : 0;
  const marks = time ? clocks(low, high, every) : ticks(low, high, most);
  for (const value of marks) {
    const words = time ? format.clock(value * 1e9).slice(-8, every < 60 ? undefined : -3) : format.count(value);
    const half = pen.measureText(words).width / 2;
    pen.textAlign = "center";
    pen.fillText(words, Math.min(Math.max(place.x(value), LEFT + half), width - half), height - BOTTOM + 5);
  }
}

const minutes = (raw) => [10, 30, 60, 120, 300, 600, 1800, 3600].find((step) => step >= raw) ?? 7200;

function clocks(low, high, every) {
  const found = [];
  for (let at = Math.ceil(low / every) * every; at <= high; at += every) found.push(at);
  return found;
}

function curve(area, place, points, key, colourName, dash) {
  const { pen, colour } = area;
  pen.fillStyle = colour[colourName];
  pen.strokeStyle = colour[colourName];
  const pieces = [[]];
  for (const one of points) {
    const band = wilson(one[key], one.classified);
    if (band) pieces.at(-1).push({ x: place.x(one.x), p: one[key] / one.classified, band });
    else if (pieces.at(-1).length) pieces.push([]);
  }
  for (const piece of pieces.filter((found) => found.length)) {
    pen.globalAlpha = 0.2;
    pen.beginPath();
    for (const at of piece) pen.lineTo(at.x, place.y(at.band[1]));
    for (const at of piece.toReversed()) pen.lineTo(at.x, place.y(at.band[0]));
    pen.fill();
    pen.globalAlpha = 1;
    pen.lineWidth = 2;
    pen.setLineDash(dash);
    pen.beginPath();
    for (const at of piece) pen.lineTo(at.x, place.y(at.p));
    if (piece.length === 1) pen.arc(piece[0].x, place.y(piece[0].p), 2, 0, 7);
    pen.stroke();
    pen.setLineDash([]);
    pen.lineWidth = 1;
  }
}

function runTicks(area, place, low, high) {
  const { pen, height, colour } = area;
  for (const [run, at] of starts()) {
    if (at < low || at > high) continue;
    const x = Math.round(place.x(at)) + 0.5;
    pen.strokeStyle = colour.quiet;
    pen.setLineDash([2, 3]);
    pen.beginPath();
    pen.moveTo(x, 0);
    pen.lineTo(x, height - BOTTOM);
    pen.stroke();
    pen.setLineDash([]);
    pen.fillStyle = colour.ink;
    pen.textBaseline = "top";
    pen.textAlign = x > area.width - 60 ? "right" : "left";
    pen.fillText(`run ${run}`, x + (x > area.width - 60 ? -3 : 3), 2);
  }
}

function draw() {
  const found = series();
  const label = found ? "Rate over time: the numbers are in the table above" : "No rate over time yet";
  const area = surface($("line"), label);
  if (!area) return;
  text($("line-note"), "");
  if (!found) return note(area, "no rate over time yet");
  const { points, step, time } = found;
  const low = points[0].x - step / 2;
  const high = Math.max(points.at(-1).x + step / 2, low + 10 * step);
  const top = scaleOf(points);
  const place = {
    x: (value) => LEFT + ((value - low) / (high - low)) * (area.width - LEFT),
    y: (value) => (1 - Math.min(value, top) / top) * (area.height - BOTTOM - 4) + 4,
  };
  axes(area, place, top, low, high, time);
  curve(area, place, points, "hits", "hit", []);
  curve(area, place, points, "indexed", "indexed", [6, 3]);
  if (time) runTicks(area, place, low, high);
  const every = time ? format.duration(step) : `${format.count(step)} images`;
  text($("line-note"), `━ hits  ╌ indexed, of images, each ${every}; band: 95 % interval`);
}

export function start() {
  region(["now", "slow", "route", "look"], draw);
}
