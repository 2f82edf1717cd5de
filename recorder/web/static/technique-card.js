// The card of a run that is not serial, in the seed's shape: [name, value] pairs.
import * as format from "./format.js";

const known = (value) => typeof value === "number" && Number.isFinite(value);
export const degrees = (value, digits = 2) =>
  known(value) ? `${digits > 2 ? Number(value.toFixed(digits)) : value.toFixed(digits)}°` : null;
export const unit = (value, of, digits = 4) => (known(value) ? `${format.number(value, digits)} ${of}` : null);
export const electronvolts = (value) => (known(value) ? `${Number(value.toFixed(2))} eV` : null);
const kev = (value) => (known(value) ? unit(value / 1000, "keV", 5) : null);
const flux = (value) => (known(value) ? `${value.toExponential(2)} photons/s` : null);
const size = (value) => (known(value) ? `${format.number(value * 1000)}` : "?");

// A value, and another one in parentheses, as far as they are known.
export function withMore(first, more) {
  if (first === null) return more === null ? null : `unknown (${more})`;
  return more === null ? first : `${first} (${more})`;
}

const planned = (run) => run.mx?.planned ?? run.images?.received ?? 0;

// Images of all collections of its announcement that are known here.
function total(run, others) {
  const of = run.about?.part_of;
  const parts = of ? others.filter((one) => one.uid !== run.uid && one.part_of === of) : [];
  return planned(run) + parts.reduce((sum, one) => sum + (one.images?.declared ?? one.images?.received ?? 0), 0);
}

function mx(run, others) {
  const { mx: own } = run;
  const { axis, grid } = own;
  const angstrom = (value) => (known(value) ? `${value.toFixed(2)} Å` : null);
  const name = axis?.name ?? "omega";
  const pairs = [
    ["Collection", own.parts ? `${own.part} of ${own.parts}` : null],
    ["Images (total)", `${format.count(run.images?.received)} (${format.count(total(run, others))})`],
    ["Transmission", unit(own.transmission, "%")],
    ["Resolution (corner)", withMore(angstrom(own.resolution_edge), angstrom(own.resolution_corner))],
    ["Energy (wavelength)", withMore(kev(own.energy), unit(own.wavelength, "Å", 5))],
  ];
  if (axis) {
    const title = name[0].toUpperCase() + name.slice(1);
    pairs.push([`${title} range`, degrees(axis.range, 4)]);
    pairs.push([`${title} start (total)`, withMore(degrees(axis.start), degrees(axis.total))]);
  }
  if (grid) {
    const way = `${grid.fast} first${grid.snaked ? ", snaked" : ""}`;
    pairs.push(["Cells", `${grid.steps.join(" × ")} of ${grid.step_um.map((n) => format.number(n)).join(" × ")} µm`]);
    pairs.push(["Way", way]);
    pairs.push(["Angle", degrees(grid.angle)]);
  }
  return [
    ...pairs,
    ["Exposure", known(own.exposure_time) ? format.exactTime(own.exposure_time) : null],
    ["Flux", flux(own.flux)],
    ["Flux at the end", flux(own.flux_end)],
  ];
}

function found(one) {
  if (!known(one?.energy)) return null;
  const more = [
    known(one.f_prime) ? `f′ ${format.number(one.f_prime)} e` : "",
    known(one.f_double_prime) ? `f″ ${format.number(one.f_double_prime)} e` : "",
  ];
  return [electronvolts(one.energy), ...more].filter(Boolean).join(", ");
}

function scan({ energy_scan: own }) {
  const { result, points = {} } = own;
  const [first, last] = own.energy.length ? [Math.min(...own.energy), Math.max(...own.energy)] : [NaN, NaN];
  const of = known(points.expected) ? ` of ${format.count(points.expected)}` : "";
  return [
    ["Element and edge", [own.element, own.edge].filter(Boolean).join(" ") || null],
    ["Edge energy", electronvolts(own.edge_energy)],
    ["Scan range", known(first) ? `${electronvolts(first)} to ${electronvolts(last)}` : null],
    ["Points", `${format.count(points.received)}${of}`],
    ["Peak", found(result?.peak)],
    ["Inflection", found(result?.inflection)],
    ["Remote", found(result?.remote)],
    ["Flux at the end", flux(own.flux_end)],
  ];
}

function spectrum({ spectrum: own }) {
  return [
    ["Energy", kev(own.energy)],
    ["Channels", own.channels ? format.count(own.channels) : null],
    ["Counts", own.channels ? format.count(own.total) : null],
    ["Live time", unit(own.live_time, "s")],
    ["Dead time", known(own.dead) ? format.percent(own.dead) : null],
    ["Elements", own.hint || null],
    ["Flux at the end", flux(own.flux_end)],
  ];
}

function beam(about) {
  const sizes = (about.beam_size ?? []).some(known) ? about.beam_size.map(size).join(" × ") : null;
  return [
    ["Transmission", unit(about.transmission, "%")],
    ["Exposure", known(about.exposure_time) ? format.exactTime(about.exposure_time) : null],
    ["Flux", flux(about.flux)],
    ["Beam size", sizes && `${sizes} µm`],
  ];
}

// Names and values, null where nothing is known. others: the runs of the page; place:
// what the database says of the sample.
export function cardOf(run, others = [], place = []) {
  const about = run.about ?? {};
  const numbered = (name, id, of) => (name && known(id) ? `${name} (${of}${id})` : (name ?? null));
  const head = [
    ["Workflow", numbered(about.workflow, about.workflow_id, "")],
    ["Protein", about.protein ?? null],
    ["Sample", numbered(about.sample, about.sample_id, "BLSample ")],
    ...place,
    ["Prefix", about.prefix ?? null],
    ["Run", String(run.run)],
  ];
  if (run.mx) return [...head, ...mx(run, others)];
  if (run.energy_scan) return [...head, ...scan(run), ...beam(about)];
  if (run.spectrum) return [...head, ...spectrum(run), ...beam(about)];
  return [...head, ...beam(about)];
}
