// The last hit, indexed and not indexed image; powder and spot map of the run.
import * as api from "../api.js";
import { $, attribute, el, text } from "../dom.js";
import { note, surface, viridis } from "../drawing.js";
import * as format from "../format.js";
import { changed, region, state } from "../store.js";
import * as view from "../view.js";

const KEPT = 20; // pictures to go back through, of each kind
const HELD = 60; // while held none is let go; with so many no more are asked for
const SLOW_MS = 3000; // between two powders or spot maps
const KINDS = [
  ["hit", "Last hit"],
  ["indexed", "Last indexed"],
  ["unindexed", "Last not indexed"],
  ["last", "Last image"],
  ["powder", "Powder"],
  ["peakogram", "Spot map"],
];
const kept = new Map(KINDS.map(([which]) => [which, []]));
let which = "hit";
let held = false;
let back = 0; // pictures behind the newest
let busy = false;
let asked = -Infinity;
let why = "";

const isPicture = (kind) => kind !== "powder" && kind !== "peakogram";

function keep(kind, entry) {
  const list = kept.get(kind);
  list.push(entry);
  while (!held && list.length > KEPT) list.shift().bitmap?.close?.();
  if (kind !== which) return;
  if (held || back > 0) back = Math.min(back + 1, list.length - 1);
}

// A picture and its description of the same serial, or null if they changed between.
async function pair(kind) {
  const about = await api.get(`preview/${kind}.json`);
  const bitmap = await api.picture(`preview/${kind}.png?${about.serial}`);
  const again = await api.get(`preview/${kind}.json`);
  return again.serial === about.serial ? { about, bitmap } : null;
}

async function load() {
  if (busy || state.route.kind === "run" && !view.liveRun()) return;
  const kind = which;
  if (held && kept.get(kind).length >= (isPicture(kind) ? HELD : 1)) return;
  if (isPicture(kind)) {
    const news = (state.now?.live?.previews ?? []).find((one) => one.which === kind);
    const newest = kept.get(kind).at(-1)?.about;
    if (!news || (newest && newest.uid === news.uid && newest.serial >= news.serial)) return;
  } else if (performance.now() - asked < SLOW_MS || !state.now?.live) return;
  busy = true;
  asked = performance.now();
  try {
    if (kind === "peakogram") {
      kept.set(kind, [{ map: await api.get("peakogram") }]);
    } else if (kind === "powder") {
      const of = await api.get("preview/powder.json");
      kept.set(kind, [{ of, bitmap: await api.picture(`preview/powder.png?${of.serial}`) }]);
    } else {
      const found = await pair(kind);
      if (found) keep(kind, found);
    }
    why = "";
  } catch (error) {
    why = error.message;
  }
  busy = false;
  changed("image");
}

function entry() {
  const list = kept.get(which);
  return list.at(-1 - (isPicture(which) ? Math.min(back, list.length - 1) : 0)) ?? null;
}

function draw() {
  for (const button of $("which").children) {
    attribute(button, "aria-pressed", String(button.dataset.which === which));
  }
  const shown = entry();
  $("back").disabled = !isPicture(which) || back >= kept.get(which).length - 1;
  $("forward").disabled = !isPicture(which) || back === 0;
  const about = shown?.about;
  const title = KINDS.find(([kind]) => kind === which)[1];
  text($("image-note"), back ? `${back} before the last` : "");
  const words = about ? describe(about) : "";
  text($("picture-text"), shown ? words || sumWords(shown) : why ? `There is no picture: ${why}` : "");
  $("picture").classList.toggle("none", !shown);
  const area = surface($("picture"), `${title}. ${words}`);
  if (!area) return;
  if (!shown) {
    const over = state.route.kind === "run" && !view.liveRun();
    return note(area, over ? "pictures are of the run that goes on" : "no picture yet");
  }
  return shown.map ? drawMap(area, shown.map) : drawPicture(area, shown);
}

function sumWords({ of, map }) {
  const known = of ?? map;
  const spots = `Spots of ${format.count(known.hits)} hits of run ${known.run}, added up`;
  return map ? `${spots}; up: intensity (counts); brighter: more spots.` : `${spots} as a powder.`;
}

function describe(about) {
  const spots = about.spots?.length ?? about.spots;
  return [
    `run ${about.run} image ${format.count(about.image_id)}: ${format.words(about.outcome)}`,
    `${format.count(spots)} spots ○`,
    `${format.count(about.lattices)} ${about.lattices === 1 ? "lattice" : "lattices"} (predicted +)`,
    `${format.fixed(about.resolution, 2)} Å`,
  ].join(", ");
}

function drawPicture({ pen, width, height, colour }, { about, bitmap }) {
  const scale = Math.min(width / bitmap.width, height / bitmap.height);
  const [left, top] = [(width - bitmap.width * scale) / 2, (height - bitmap.height * scale) / 2];
  pen.imageSmoothingEnabled = scale < 1;
  pen.drawImage(bitmap, left, top, bitmap.width * scale, bitmap.height * scale);
  if (!about) return;
  const x = (value) => left + (value + 0.5) * scale;
  const y = (value) => top + (value + 0.5) * scale;
  pen.save();
  pen.beginPath();
  pen.rect(left, top, bitmap.width * scale, bitmap.height * scale);
  pen.clip();
  drawRings(pen, about, x, y, scale);
  outlined(pen, colour.found, () => {
    for (const [sx, sy] of about.spots ?? []) {
      pen.moveTo(x(sx) + 5, y(sy));
      pen.arc(x(sx), y(sy), 5, 0, 7);
    }
  });
  outlined(pen, colour.predicted, () => {
    for (const [px, py] of about.predicted ?? []) {
      pen.moveTo(x(px) - 4, y(py));
      pen.lineTo(x(px) + 4, y(py));
      pen.moveTo(x(px), y(py) - 4);
      pen.lineTo(x(px), y(py) + 4);
    }
  });
  pen.restore();
}

// A line on a light one is seen on any picture.
function outlined(pen, paint, path) {
  for (const [style, wide] of [["rgba(255,255,255,0.6)", 3], [paint, 1.4]]) {
    pen.strokeStyle = style;
    pen.lineWidth = wide;
    pen.beginPath();
    path();
    pen.stroke();
  }
  pen.lineWidth = 1;
}

function drawRings(pen, about, x, y, scale) {
  if (!about.center) return;
  const [cx, cy] = about.center;
  pen.setLineDash([5, 4]);
  for (const ring of about.rings ?? []) {
    const r = ring.radius * scale;
    outlined(pen, "#12161b", () => pen.arc(x(cx), y(cy), r, 0, 7));
    const words = `${format.fixed(ring.d, 1)} Å`;
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.lineWidth = 3;
    pen.setLineDash([]);
    pen.strokeStyle = "#ffffff";
    pen.strokeText(words, x(cx) + r * Math.SQRT1_2, y(cy) - r * Math.SQRT1_2);
    pen.fillStyle = "#12161b";
    pen.fillText(words, x(cx) + r * Math.SQRT1_2, y(cy) - r * Math.SQRT1_2);
    pen.setLineDash([5, 4]);
  }
  pen.setLineDash([]);
  pen.lineWidth = 1;
}

// Spots by resolution (across) and intensity (up), viridis of the logarithm.
function drawMap(area, { resolution_edges: across, intensity_edges: up, counts }) {
  const { pen, width, height, colour } = area;
  const rows = counts?.length ?? 0;
  if (!rows || !up?.length || !across?.length) return void note(area, "no spots yet");
  const byResolution = rows === across.length - 1;
  const [nx, ny] = [across.length - 1, up.length - 1];
  const at = (i, j) => (byResolution ? counts[i][j] : counts[j][i]) ?? 0;
  const top = Math.log1p(Math.max(1, ...counts.map((row) => Math.max(0, ...row))));
  const [left, floor] = [58, height - 34];
  const [w, h] = [(width - left - 8) / nx, (floor - 4) / ny];
  for (let i = 0; i < nx; i += 1) {
    for (let j = 0; j < ny; j += 1) {
      const value = at(i, j);
      pen.fillStyle = value ? `rgb(${viridis(Math.log1p(value) / top)})` : colour.raised;
      pen.fillRect(left + i * w, floor - (j + 1) * h, Math.ceil(w), Math.ceil(h));
    }
  }
  pen.fillStyle = colour.ink;
  pen.textBaseline = "top";
  pen.textAlign = "center";
  const each = (n, most) => Math.max(1, Math.ceil(n / most));
  for (let i = 0; i <= nx; i += each(nx, width / 60)) {
    pen.fillText(format.number(across[i], 3), left + i * w, floor + 3);
  }
  pen.fillText("resolution of the spot, Å", left + (width - left) / 2, floor + 18);
  pen.textAlign = "right";
  pen.textBaseline = "middle";
  for (let j = 0; j <= ny; j += each(ny, height / 30)) {
    pen.fillText(format.number(up[j], 2), left - 4, Math.max(7, floor - j * h));
  }
}

function choose(kind) {
  which = kind;
  back = 0;
  asked = -Infinity;
  changed("image", "now");
}

export function toggleHold() {
  held = !held;
  if (!held) back = 0;
  attribute($("hold"), "aria-pressed", String(held));
  text($("hold"), held ? "Held" : "Hold");
  changed("image");
}

function step(by) {
  back = Math.min(Math.max(0, back + by), Math.max(0, kept.get(which).length - 1));
  changed("image");
}

export function start() {
  const buttons = KINDS.map(([kind, title]) =>
    el("button", { type: "button", "data-which": kind, onclick: () => choose(kind) }, title),
  );
  $("which").append(...buttons);
  $("hold").addEventListener("click", toggleHold);
  $("back").addEventListener("click", () => step(1));
  $("forward").addEventListener("click", () => step(-1));
  region(["now"], load);
  region(["image", "look", "route"], draw);
  changed("image");
}
