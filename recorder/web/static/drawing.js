// Canvases: size, colours of the theme, axes, hatches.
import { attribute } from "./dom.js";
import { number } from "./format.js";

const NAMES = ["ink", "quiet", "rule", "paper", "raised", "indexed", "hit", "empty", "lost", "found", "predicted", "alarm"];
export const FONT = "12px system-ui, sans-serif";

// Colours come from the style sheet: a canvas does not know currentColor.
export function colours() {
  const style = getComputedStyle(document.documentElement);
  const found = {};
  for (const name of NAMES) found[name] = style.getPropertyValue(`--${name}`).trim();
  return found;
}

// A canvas made ready: in CSS pixels, sharp, empty. null while it is not laid out.
export function surface(canvas, label) {
  const width = canvas.clientWidth;
  const height = canvas.clientHeight;
  if (!width || !height) return null;
  const scale = globalThis.devicePixelRatio || 1;
  const [w, h] = [Math.round(width * scale), Math.round(height * scale)];
  if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
  const pen = canvas.getContext("2d");
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.clearRect(0, 0, width, height);
  pen.font = FONT;
  pen.lineWidth = 1;
  if (label !== undefined) attribute(canvas, "aria-label", label);
  return { pen, width, height, colour: colours() };
}

// Round steps that cover low … high with at most `most` of them.
export function ticks(low, high, most = 5) {
  if (!(high > low)) return [low];
  const raw = (high - low) / most;
  const size = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].find((n) => n * size >= raw * 0.999) * size;
  const found = [];
  for (let n = Math.ceil(low / step - 1e-9); n * step <= high + step * 1e-9; n += 1) {
    found.push(n * step);
  }
  return found;
}

export function note(surfaceOf, words) {
  const { pen, width, height, colour } = surfaceOf;
  pen.fillStyle = colour.quiet;
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.fillText(words, width / 2, height / 2, width - 8);
}

// Diagonal lines over a box, so that a class is known without its colour.
export function hatch(pen, x, y, width, height, colour, gap = 5) {
  pen.save();
  pen.beginPath();
  pen.rect(x, y, width, height);
  pen.clip();
  pen.strokeStyle = colour;
  pen.beginPath();
  for (let at = -height; at < width; at += gap) {
    pen.moveTo(x + at, y + height);
    pen.lineTo(x + at + height, y);
  }
  pen.stroke();
  pen.restore();
}

const MARGIN = 3; // empty bins that are shown beside the filled ones

// Bins about the filled ones; edges may be of any width, as of resolution.
function filled(edges, counts) {
  const first = counts.findIndex((value) => value > 0);
  if (first < 0) return { edges, counts };
  const last = counts.findLastIndex((value) => value > 0);
  const [from, to] = [Math.max(0, first - MARGIN), Math.min(counts.length, last + 1 + MARGIN)];
  return { edges: edges.slice(from, to + 1), counts: counts.slice(from, to) };
}

export function evenEdges(low, high, bins) {
  return Array.from({ length: bins + 1 }, (_, n) => low + ((high - low) * n) / bins);
}

// Where a value lies among bins of the same width on the screen, 0 … 1; null: outside.
export function placeOf(edges, value) {
  const bin = edges.findIndex((edge, n) => n > 0 && value >= edges[n - 1] && value <= edge);
  if (bin < 1) return null;
  const inside = (value - edges[bin - 1]) / (edges[bin] - edges[bin - 1] || 1);
  return (bin - 1 + inside) / (edges.length - 1);
}

// Bars of a histogram with its axis; edges grow; lines: [{at, colour, dash}].
export function histogram(canvas, { edges: all, counts: every, label, lines = [], unit = "", axis }) {
  const area = surface(canvas, label);
  if (!area) return;
  if (!every?.length || all.length !== every.length + 1) return note(area, "nothing yet");
  const { edges, counts } = filled(all, every);
  const { pen, width, height, colour } = area;
  const floor = height - 18;
  const top = Math.max(...counts, 1);
  const wide = width / counts.length;
  pen.fillStyle = colour.indexed;
  counts.forEach((value, n) => {
    const tall = value ? Math.max(1, (value / top) * (floor - 4)) : 0;
    pen.fillRect(n * wide, floor - tall, Math.max(1, wide - (wide > 4 ? 1 : 0)), tall);
  });
  pen.strokeStyle = colour.quiet;
  pen.beginPath();
  pen.moveTo(0, floor + 0.5);
  pen.lineTo(width, floor + 0.5);
  pen.stroke();
  for (const { at, colour: which, dash } of lines) {
    const x = placeOf(edges, at);
    if (x === null) continue;
    pen.strokeStyle = colour[which];
    pen.setLineDash(dash ?? []);
    pen.lineWidth = 2;
    pen.beginPath();
    pen.moveTo(x * width, 0);
    pen.lineTo(x * width, floor);
    pen.stroke();
    pen.lineWidth = 1;
    pen.setLineDash([]);
  }
  drawAxis(area, edges, floor, unit, axis ?? ((value) => number(value, 4)));
}

function drawAxis({ pen, width, colour }, edges, floor, unit, write) {
  pen.fillStyle = colour.ink;
  pen.textBaseline = "top";
  pen.textAlign = "center";
  const even = Math.abs(edges.at(-1) - edges.at(-2) - (edges[1] - edges[0])) < 1e-6 * Math.abs(edges.at(-1) - edges[0]);
  const marks = even ? ticks(edges[0], edges.at(-1), Math.max(3, Math.floor(width / 60))) : edges;
  let free = 0;
  for (const value of marks) {
    const words = write(value);
    const half = pen.measureText(words).width / 2;
    const at = (placeOf(edges, value) ?? (value <= edges[0] ? 0 : 1)) * width;
    const x = Math.min(Math.max(at, half), width - half - pen.measureText(` ${unit}`).width - 4);
    if (x - half < free) continue;
    free = x + half + 8;
    pen.fillText(words, x, floor + 4);
  }
  pen.textAlign = "right";
  if (unit) pen.fillText(unit, width, floor + 4);
}

// Viridis by nine points (CC0), 0 … 1.
const VIRIDIS = [
  [68, 1, 84], [71, 44, 122], [59, 81, 139], [44, 113, 142], [33, 144, 141],
  [39, 173, 129], [92, 200, 99], [170, 220, 50], [253, 231, 37],
];
export function viridis(value) {
  const at = Math.min(Math.max(value, 0), 1) * (VIRIDIS.length - 1);
  const n = Math.min(Math.floor(at), VIRIDIS.length - 2);
  return VIRIDIS[n].map((low, c) => Math.round(low + (VIRIDIS[n + 1][c] - low) * (at - n)));
}
