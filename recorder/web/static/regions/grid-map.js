// The map of a grid scan: a square for each cell, and where the crystal is.
import { hatch, viridis } from "../drawing.js";
import * as format from "../format.js";

const BAR = 12; // width of the scale, px
const ROOM = 62; // for the scale and its labels
const [LOWEST, HIGHEST] = [60, 460]; // of the canvas, px
const ARM = 9; // of the cross, px

// How the map lies on the canvas; null where there is none.
export function layout({ width, height }, grid) {
  const rows = grid.map.length;
  const columns = grid.map[0]?.length ?? 0;
  if (!rows || !columns) return null;
  const [x, y] = grid.step_um.map((step) => (step > 0 ? step : 1));
  const wide = Math.min((width - ROOM) / columns, height / (rows * (y / x)));
  return { rows, columns, wide, high: (wide * y) / x };
}

// Height of a canvas of so much width, px.
export function heightOf(width, grid) {
  const place = layout({ width, height: HIGHEST }, grid);
  return place ? Math.ceil(Math.max(place.high * place.rows, LOWEST)) : LOWEST;
}

export function mostSpots(grid) {
  return Math.max(0, ...grid.map.map((row) => Math.max(...row)));
}

export function drawGrid(area, grid) {
  const place = layout(area, grid);
  if (!place) return;
  const { pen, colour } = area;
  const { wide, high } = place;
  const top = mostSpots(grid);
  grid.map.forEach((row, y) =>
    row.forEach((spots, x) => {
      const box = [x * wide, y * high, wide, high];
      if (spots < 0) return unknown(area, box);
      pen.fillStyle = `rgb(${viridis(top ? spots / top : 0).join(" ")})`;
      return pen.fillRect(box[0], box[1], wide + 0.5, high + 0.5);
    }),
  );
  pen.strokeStyle = colour.quiet;
  pen.strokeRect(0.5, 0.5, place.columns * wide - 1, place.rows * high - 1);
  for (const one of grid.crystals) crystal(area, one, wide / grid.map_step, high / grid.map_step);
  scale(area, place, top);
}

function unknown({ pen, colour }, [x, y, width, height]) {
  pen.fillStyle = colour.raised;
  pen.fillRect(x, y, width, height);
  hatch(pen, x, y, width, height, colour.quiet, Math.max(3, width / 3));
}

// Twice, dark below light: it is seen on any colour.
function twice(pen, path) {
  for (const [colour, width] of [["#000", 4], ["#fff", 2]]) {
    pen.strokeStyle = colour;
    pen.lineWidth = width;
    pen.beginPath();
    path();
    pen.stroke();
  }
  pen.lineWidth = 1;
}

function crystal({ pen }, one, wide, high) {
  const [x, y] = [one.centre[0] * wide, one.centre[1] * high];
  const [left, top] = [one.first[0] * wide, one.first[1] * high];
  const size = [(one.last[0] + 1) * wide - left, (one.last[1] + 1) * high - top];
  pen.setLineDash([5, 4]);
  twice(pen, () => pen.rect(left, top, ...size));
  pen.setLineDash([]);
  twice(pen, () => {
    pen.moveTo(x - ARM, y);
    pen.lineTo(x + ARM, y);
    pen.moveTo(x, y - ARM);
    pen.lineTo(x, y + ARM);
  });
  twice(pen, () => pen.ellipse(x, y, one.sigma[0] * wide, one.sigma[1] * high, 0, 0, 2 * Math.PI));
}

function scale({ pen, colour }, { rows, columns, wide, high }, top) {
  const x = columns * wide + 10;
  const tall = Math.max(30, Math.min(rows * high, 160));
  for (let n = 0; n < tall; n += 1) {
    pen.fillStyle = `rgb(${viridis(1 - n / tall).join(" ")})`;
    pen.fillRect(x, n, BAR, 1.5);
  }
  pen.fillStyle = colour.ink;
  pen.textAlign = "left";
  pen.textBaseline = "top";
  pen.fillText(top < 1e5 ? format.count(top) : format.number(top, 2), x + BAR + 4, 0);
  pen.textBaseline = "bottom";
  pen.fillText("0", x + BAR + 4, tall);
}

// What a cell under the pointer has; "" beside the map.
export function cellAt(area, grid, x, y) {
  const place = layout(area, grid);
  if (!place) return "";
  const [column, row] = [Math.floor(x / place.wide), Math.floor(y / place.high)];
  const spots = grid.map[row]?.[column];
  if (spots === undefined) return "";
  const step = grid.map_step;
  const known = spots < 0 ? "nothing is known" : `${format.count(spots)} spots`;
  return `cell x ${column * step}, y ${row * step}: ${known}`;
}
