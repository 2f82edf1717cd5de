// Counts by energy with what is marked on them: an energy scan, a spectrum.
import { note, ticks } from "../drawing.js";
import * as format from "../format.js";

const LEFT = 52;
const BOTTOM = 34;
const FEW = 3; // decimals of a label, at most

// marks: [{at, colour, dash, error}]
export function drawCurve(area, { points, marks, unit }) {
  const known = points.filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y)).sort(([one], [other]) => one - other);
  const [low, high] = [known[0]?.[0], known.at(-1)?.[0]];
  if (known.length < 2 || !(high > low)) return note(area, "no points yet");
  const { pen, width, height, colour } = area;
  const floor = height - BOTTOM;
  const top = known.reduce((most, [, y]) => Math.max(most, y), 0) || 1;
  const x = (value) => LEFT + ((value - low) / (high - low)) * (width - LEFT - 4);
  const y = (value) => floor - (Math.max(0, value) / top) * (floor - 6);
  axes(area, { x, y, low, high, top, floor, unit });
  for (const one of marks) mark(area, one, x, floor, low, high);
  pen.strokeStyle = colour.indexed;
  pen.lineWidth = 1.5;
  pen.beginPath();
  known.forEach(([at, value], n) => (n ? pen.lineTo(x(at), y(value)) : pen.moveTo(x(at), y(value))));
  pen.stroke();
  pen.lineWidth = 1;
  return undefined;
}

function axes({ pen, width, height, colour }, { x, y, low, high, top, floor, unit }) {
  pen.fillStyle = colour.ink;
  pen.strokeStyle = colour.rule;
  pen.textBaseline = "middle";
  pen.textAlign = "right";
  for (const value of ticks(0, top, 4)) {
    pen.beginPath();
    pen.moveTo(LEFT, Math.round(y(value)) + 0.5);
    pen.lineTo(width, Math.round(y(value)) + 0.5);
    pen.stroke();
    pen.fillText(value < 1e6 ? format.count(value) : format.number(value, 2), LEFT - 5, Math.max(7, y(value)));
  }
  pen.textAlign = "center";
  pen.textBaseline = "top";
  for (const value of ticks(low, high, Math.max(2, Math.floor(width / 90)))) {
    const words = Number(value.toFixed(FEW)).toString();
    const half = pen.measureText(words).width / 2;
    pen.fillText(words, Math.min(Math.max(x(value), LEFT + half), width - half), floor + 4);
  }
  pen.textAlign = "right";
  pen.fillText(unit, width - 2, height - 14);
}

function mark({ pen, colour }, { at, error, colour: which, dash }, x, floor, low, high) {
  if (!(at >= low && at <= high)) return;
  const paint = colour[which];
  if (error > 0) {
    pen.globalAlpha = 0.2;
    pen.fillStyle = paint;
    const [left, right] = [Math.max(low, at - error), Math.min(high, at + error)].map(x);
    pen.fillRect(left, 0, Math.max(1, right - left), floor);
    pen.globalAlpha = 1;
  }
  pen.strokeStyle = paint;
  pen.setLineDash(dash ?? []);
  pen.lineWidth = 2;
  pen.beginPath();
  pen.moveTo(x(at), 0);
  pen.lineTo(x(at), floor);
  pen.stroke();
  pen.lineWidth = 1;
  pen.setLineDash([]);
}
