// Which run is shown, and its numbers in one shape: from the live state while it goes
// on, from its report else.
import { state } from "./store.js";
import { timePoints } from "./targets.js";

export const WINDOWS = ["10s", "60s", "run", "all"];

// The run that goes on, if it is the one to show.
export function liveRun() {
  const run = state.now?.live?.run ?? null;
  if (state.route.kind !== "run") return run;
  return run && state.sealed && run.uid === state.sealed.uid ? run : null;
}

export function report() {
  const going = state.now?.live?.run;
  if (state.route.kind === "run") {
    if (state.sealed && state.slow?.run?.uid === state.sealed.uid) return state.slow.run;
    return state.sealed;
  }
  const newest = state.slow?.run ?? null;
  return going && newest && newest.uid !== going.uid ? null : newest;
}

const ADDRESS = 13; // of a uid: its first dash is within, so it cannot be a run number
export const ADDRESS_LEAST = 8; // characters that people write of one

// What an address has of the uid of a run: of a part of an announcement all of it, since
// the parts begin alike.
export const address = (uid) => (/\.\d+$/.test(uid) ? uid : uid.slice(0, ADDRESS));

// The address of the newest run of a number that is known here, else the number.
export function addressOf(number) {
  const { run: going } = state.now?.live ?? {};
  const uid = going?.run === number ? going.uid : runs().findLast((run) => run.run === number)?.uid;
  return uid ? address(uid) : String(number);
}

// Sealed, and each sink has all of it.
export function isWritten(run) {
  return run.state === "sealed" && Object.values(run.sinks ?? {}).every((how) => how === "written");
}

export function experiments() {
  return state.slow?.experiments ?? [];
}

// Each image of another crystal: what has rates, light and dark, sums.
export const isSerial = (run) => (run?.technique ?? "ssx") === "ssx";

// Of a run that is not serial only what was declared: that images have triggers is no chain.
export const chainsOf = (run) =>
  (run?.event_chains ?? []).filter((chain) => isSerial(run) || chain.commanded.length);

// Energy scans and spectra have none.
const IMAGELESS = ["energy-scan", "xrf"];
export const isImageless = (run) => IMAGELESS.includes(run?.technique);
export const takesImages = (run) => Boolean(run?.mx || run?.images?.received || run?.images?.expected);

// Runs as they were opened; numbers may begin anew.
export const byAge = (one, other) => one.opened - other.opened || one.run - other.run;

export function runs() {
  return experiments().flatMap((entry) => entry.runs).sort(byAge);
}

export function sum(values) {
  return values.reduce((total, value) => total + (value ?? 0), 0);
}

// Trials as in the live state, of the classes of a report.
function trials(images, classes) {
  const hits = (classes.indexed ?? 0) + (classes.non_indexed_hits ?? 0);
  const classified = hits + (classes.non_hits ?? 0);
  return { images, classified, hits, tried: hits, indexed: classes.indexed ?? 0 };
}

function ofExperiment(name) {
  const cards = experiments().filter((entry) => entry.experiment === name); // one for each group
  if (!cards.length || cards.some((card) => card.runs.length !== card.cumulative?.runs)) return null;
  const all = cards.flatMap((card) => card.runs).filter(isSerial); // others are no trials
  const classes = {};
  for (const key of ["indexed", "non_indexed_hits", "non_hits"]) {
    classes[key] = sum(all.map((run) => run.classes?.[key]));
  }
  const found = trials(sum(all.map((run) => run.images?.received)), classes);
  const hits = (run) => sum([run.classes?.indexed, run.classes?.non_indexed_hits]);
  return { ...found, tried: sum(all.map((run) => run.tried || hits(run))) };
}

export function windows() {
  const run = liveRun();
  if (run) return { ...run.windows, all: run.windows?.all ?? ofExperiment(run.experiment) };
  const known = report();
  if (!known) return {};
  const left = known.classification?.left_out?.no_indexing ?? 0;
  const own = trials(known.images?.received, known.classes ?? {});
  // Reports of earlier recorders have no number of those that were tried.
  own.tried = known.classification?.tried || Math.max(own.indexed, own.hits - left);
  return { run: own, all: ofExperiment(known.experiment) };
}

// Light, dark and unknown as trials; hits are null where the report does not tell.
export function pump() {
  const run = liveRun();
  if (run) return run.pump ?? null;
  const known = report();
  if (!known) return null;
  const counts = known.pump ?? {};
  const classes = known.pump_classes ?? {};
  const state = (name) => ({
    images: counts[name] ?? 0,
    ...(classes[name] ?? { hits: null, indexed: null }),
  });
  const light = state("light");
  return {
    light,
    dark: state("dark"),
    unknown: state("unknown"),
    declared: (known.timeline?.rows?.laser ?? 0) > 0 || light.images > 0,
  };
}

export function delays() {
  const run = liveRun();
  if (run?.delays?.length) return run.delays;
  const known = report();
  return known ? timePoints(known.delays ?? [], known.targets ?? []) : [];
}

export function shownRun() {
  return liveRun() ?? report();
}

// Cell that was announced: what was in use at first, not found here.
export function announcedCell(known) {
  const [first] = known?.classification?.calibrations ?? [];
  return first && first.from_image === 0 && !first.cell_found ? first.unit_cell : null;
}

export function laserInChains() {
  const events = (report()?.event_chains ?? []).flatMap((chain) => [...chain.commanded, ...chain.measured]);
  return events.some((event) => event.type === "LaserExcitation");
}
