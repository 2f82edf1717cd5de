// The map of a chip: one square for each well, by class.
import { hatch } from "../drawing.js";

// Names of the API's states: colour of the theme, and words.
export const STATES = {
  skipped: [null, "skipped"],
  unseen: ["rule", "not seen"],
  lost: ["lost", "lost"],
  unknown: ["quiet", "unknown"],
  unclassified: ["quiet", "not classified"],
  non_hit: ["empty", "non-hit"],
  non_indexed_hit: ["hit", "hit, not indexed"],
  indexed: ["indexed", "indexed"],
};
const MARKED_PX = 5; // smaller wells have no room for a hatch or a cross
const DRAWN_PX = 2; // smaller wells are pixels of a picture
const GAP_PX = 4; // between blocks

// chip: {shape: [rows, columns], blocks: [down, across], states, wells: bytes}
export function drawChip(area, chip) {
  const [rows, columns] = chip.shape;
  const [down, across] = chip.blocks;
  const { width, height } = area;
  const cell = Math.min((width - GAP_PX * (across - 1)) / columns, (height - GAP_PX * (down - 1)) / rows);
  if (cell < DRAWN_PX) return drawPixels(area, chip);
  const left = (width - cell * columns - GAP_PX * (across - 1)) / 2;
  const [tall, wide] = [Math.ceil(rows / down), Math.ceil(columns / across)];
  const size = cell > 4 ? cell - 1 : cell;
  for (let n = 0; n < rows * columns; n += 1) {
    const [row, column] = [Math.floor(n / columns), n % columns];
    const x = left + column * cell + GAP_PX * Math.floor(column / wide);
    const y = row * cell + GAP_PX * Math.floor(row / tall);
    drawWell(area, chip.states[chip.wells[n]], x, y, size);
  }
  return undefined;
}

function drawWell({ pen, colour }, state, x, y, size) {
  const [paint] = STATES[state] ?? STATES.unknown;
  if (!paint) return;
  if (state === "unseen") {
    pen.strokeStyle = colour.rule;
    pen.strokeRect(x + 0.5, y + 0.5, size - 1, size - 1);
    return;
  }
  pen.fillStyle = colour[paint];
  pen.fillRect(x, y, size, size);
  if (size < MARKED_PX) return;
  if (state === "non_indexed_hit") hatch(pen, x, y, size, size, colour.raised, Math.max(3, size / 3));
  if (state !== "lost") return;
  pen.strokeStyle = colour.raised;
  pen.beginPath();
  pen.moveTo(x + 1, y + 1);
  pen.lineTo(x + size - 1, y + size - 1);
  pen.moveTo(x + size - 1, y + 1);
  pen.lineTo(x + 1, y + size - 1);
  pen.stroke();
}

function rgb(hex) {
  const value = Number.parseInt(hex.slice(1), 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}

function drawPixels({ pen, width, height, colour }, { shape: [rows, columns], states, wells }) {
  const picture = new OffscreenCanvas(columns, rows);
  const inside = picture.getContext("2d");
  const pixels = inside.createImageData(columns, rows);
  const paints = states.map((state) => {
    const [paint] = STATES[state] ?? STATES.unknown;
    return paint ? [...rgb(colour[paint]), 255] : [0, 0, 0, 0];
  });
  wells.forEach((code, n) => pixels.data.set(paints[code] ?? paints[0], 4 * n));
  inside.putImageData(pixels, 0, 0);
  const scale = Math.min(width / columns, height / rows);
  pen.imageSmoothingEnabled = scale < 1;
  pen.drawImage(picture, (width - columns * scale) / 2, 0, columns * scale, rows * scale);
}
