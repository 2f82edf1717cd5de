// State, age, sources, pool, journal, sinks; and when nothing comes any more.
import { $, attribute, el, hide, keyed, named, text } from "../dom.js";
import * as format from "../format.js";
import { changed, region, silence, state } from "../store.js";
import * as view from "../view.js";

const LATE_S = 1; // without an event the age counts up by itself
const STALE_S = 3; // the numbers are grey, the alarm stands
const NO_IMAGES = ["broker", "panda"]; // kinds of sources
const MARKS = { ok: "●", away: "○", failing: "▲", off: "–", unknown: "?" };

// Why the numbers are not of now; null where they are.
export function stale() {
  if (state.nothing) return null;
  const silent = silence();
  if (silent > STALE_S) {
    return `CONNECTION LOST: nothing from the server for ${format.duration(silent)}.`;
  }
  const { daemon, age_s: age } = state.now ?? {};
  const old = format.duration(age === null ? NaN : age + silent);
  if (daemon === "stale") return `THE DAEMON HANGS: its last word is ${old} old.`;
  if (daemon === "gone") return `THE DAEMON IS GONE: its last word is ${old} old.`;
  return null;
}

function drawAge() {
  const silent = silence();
  const why = stale();
  attribute(document.body, "data-stale", why ? "yes" : null);
  hide($("lost"), !why);
  if (why) {
    const box = $("lost");
    if (!box.firstChild) {
      box.append(el("p", { role: "alert" }, why.split(":")[0]), el("p", {}));
    }
    text(box.firstChild, why.split(":")[0]);
    text(box.lastChild, `${why.split(": ")[1]} The numbers are old.`);
  } else {
    $("lost").replaceChildren();
  }
  const age = document.getElementById("age");
  if (!age) return;
  const shown = ageThen() + (silent > LATE_S ? silent : 0);
  text(age, `age ${format.duration(shown)}`);
  attribute(age, "title", isOpen() ? "since the last message with images" : "of the state");
}

const isOpen = () => state.now?.live?.run?.state === "open";

// Seconds, as the newest event came: of the data while a run is open, else of the state.
function ageThen() {
  const { age_s: said, live } = state.now ?? {};
  if (typeof said !== "number") return NaN;
  if (!isOpen()) return said;
  const others = live.sources.filter((source) => !NO_IMAGES.includes(source.kind));
  const detectors = others.filter((source) => source.kind === "detector");
  const ages = (detectors.length ? detectors : others).map((source) => source.age_ms ?? Infinity);
  const newest = Math.min(...ages) / 1000;
  return Number.isFinite(newest) ? newest + said : NaN;
}

function fact(id, words, role) {
  const old = document.getElementById(id);
  const node = old ?? el("span", { id, class: role });
  text(node, words);
  hide(node, !words);
  return node;
}

function drawHeadline() {
  const line = $("headline");
  const live = state.now?.live;
  const run = live?.run;
  const place = el("h1", { id: "place" });
  place.append(named(live?.beamline || live?.host, "recorder"));
  if (run?.proposal) place.append(" · ", named(run.proposal));
  const old = document.getElementById("place");
  if (!old) line.append(place);
  else if (old.textContent !== place.textContent) old.replaceWith(place);
  const what = stateWords();
  const received = run ? format.count(run.received) : "";
  const counted = run && !view.isImageless(run);
  const kind = view.isSerial(run) ? "" : ` ${format.shown(run.technique)}`;
  const images = run?.expected ? `${received}/${format.count(run.expected)}` : received;
  const standing = alarmsThatStand();
  for (const node of [
    fact("state", run ? `${what} run ${run.run}${kind}` : what, "state"),
    fact("images", counted ? `${images} images` : "", ""),
    fact("eta", run?.eta_s ? `ETA ${format.duration(run.eta_s)}` : "", ""),
    fact("age", document.getElementById("age")?.textContent ?? "age –", ""),
    fact("lost-count", counted ? `lost ${format.count(run.lost)}` : "", run?.lost ? "bad" : ""),
    fact("missed", counted && view.isSerial(run) ? `missed ${format.count(run.missed)}` : "", ""),
    fact("unprocessed", unprocessed(run), "bad"),
    fact("alarm-count", live ? `alarms ${standing}` : "", standing ? "bad" : ""),
    fact("stage", live && live.stage !== "running" ? live.stage : "", "bad"),
  ]) {
    if (!node.isConnected) line.append(node);
  }
  for (const [id, bad] of [["lost-count", run?.lost], ["alarm-count", standing]]) {
    attribute($(id), "class", bad ? "bad" : "");
  }
}

function stateWords() {
  const { live, partial } = state.now ?? {};
  if (state.nothing) return "";
  if (partial && live && !live.run) return "NO RUN OF YOURS NOW";
  const known = live ? (live.run?.state ?? live.state) : "no daemon";
  return state.now ? known.toUpperCase() : "WAITING";
}

const alarmsThatStand = () =>
  (state.now?.live?.alarms ?? []).filter((alarm) => !alarm.cleared_ns).length;

// For each event "now", also where nothing is drawn: the title is all one sees of a tab behind others.
export function title() {
  const standing = alarmsThatStand();
  const words = `${standing ? `▲${standing} ` : ""}${stateWords().toLowerCase()} · recorder`;
  if (document.title !== words) document.title = words;
}

function unprocessed(run) {
  const reasons = Object.entries(run?.unprocessed ?? {}).filter(([, n]) => n > 0);
  const told = reasons.map(([why, n]) => `${format.count(n)} ${format.words(why)}`);
  return told.length ? `unprocessed ${told.join(", ")}` : "";
}

function ofSource(source) {
  if (state.now.partial && source.age_ms === null) return { ...source, told: [] }; // of others
  const told = [`${format.fixed(source.hz, 1)} Hz`];
  if (source.clock_ppm !== null) {
    told.push(`${format.signed(source.clock_ppm, (v) => format.number(v, 2))} ppm`);
  }
  if (source.age_ms === null) told.push("nothing yet");
  else if (source.age_ms > 1000) told.push(`last ${format.duration(source.age_ms / 1000)} ago`);
  if (source.lost) told.push(`lost ${format.count(source.lost)}`);
  if (source.missed) told.push(`missed ${format.count(source.missed)}`);
  return { ...source, told: source.kind === "broker" ? told.slice(1) : told };
}

function ofPool(pool) {
  const full = pool.max_bytes ? pool.backlog_bytes / pool.max_bytes : null;
  const told = [full === null ? `${format.count(pool.backlog)} wait` : `${format.share(full)} % full`];
  if (pool.workers) told.push(`${pool.workers} ${pool.workers === 1 ? "worker" : "workers"}`);
  if (pool.replaced) told.push(`${pool.replaced} replaced`);
  return { name: "pool", state: full > 0.9 ? "failing" : "ok", told, problem: null };
}

function ofNode(node) {
  const told = [];
  if (node.silent_s !== null) {
    told.push(`${node.ready} ${node.ready === 1 ? "worker" : "workers"}`, `${format.count(node.held)} held`);
  }
  return { name: `node ${node.name}`, state: node.state, told, problem: node.problem };
}

// Many of them are one part, which names the first that is not well.
function ofNodes(nodes) {
  if (nodes.length <= 4) return nodes.map(ofNode);
  const sum = (key) => format.count(nodes.reduce((all, node) => all + node[key], 0));
  const bad = nodes.filter((node) => node.state !== "ok");
  const told = [`${nodes.length - bad.length} of ${nodes.length}`, `${sum("ready")} workers`, `${sum("held")} held`];
  const problem = bad.length ? `${bad[0].name}: ${bad[0].problem}` : null;
  return [{ name: "nodes", state: bad.length ? "away" : "ok", told, problem }];
}

function ofJournal(journal) {
  const told = [];
  if (journal.unwritten) told.push(`${format.count(journal.unwritten)} unwritten`);
  if (journal.disk_free !== null) told.push(`${format.bytes(journal.disk_free)} free`);
  if (journal.disk_full_s !== null) told.push(`full in ${format.duration(journal.disk_full_s)}`);
  return { name: "journal", state: journal.state, told, problem: null };
}

function ofSink(sink) {
  if (state.now.partial) return { ...sink, told: [] }; // counted over all runs
  const told = [`lag ${format.duration(sink.lag_s)}`];
  if (sink.pending) told.push(`${format.count(sink.pending)} to write`);
  if (sink.parked) told.push(`${format.count(sink.parked)} parked`);
  return { ...sink, state: sink.parked && sink.state === "ok" ? "failing" : sink.state, told };
}

function drawParts() {
  const live = state.now?.live;
  const parts = live
    ? [
        ...live.sources.map(ofSource),
        ofPool(live.pool),
        ...ofNodes(live.pool.nodes),
        ofJournal(live.journal),
        ...live.sinks.map(ofSink),
      ]
    : [];
  const make = () => el("li", {}, el("span", { class: "mark", "aria-hidden": "true" }), el("span"));
  keyed($("parts"), parts, (part) => part.name, make, (node, part) => {
    attribute(node, "class", part.state);
    text(node.firstChild, MARKS[part.state] ?? "?");
    const told = [part.state === "ok" ? "" : part.state, ...part.told, part.problem ?? ""];
    const words = told.filter(Boolean).map(format.shown).join(", ");
    if (node.lastChild.written === words) return;
    node.lastChild.written = words;
    node.lastChild.replaceChildren(named(part.name), ` ${words}`);
  });
  drawProblems();
  text($("version"), state.slow?.version ? `recorder ${format.shown(state.slow.version)}` : "");
}

// What is wrong with the state or the journal, and what to do.
function drawProblems() {
  const told = [...(state.me?.notices ?? []), state.now?.problem, state.slow?.problem].filter(Boolean);
  if (state.slow && !state.slow.complete && !told.length) told.push("Reading the journal …");
  keyed($("problems"), told, (one) => one, (one) => el("li", {}, format.shown(one)));
}

export function start() {
  region(["now"], drawHeadline);
  region(["now", "slow", "me"], drawParts);
  region(["now", "age"], drawAge);
  setInterval(() => changed("age"), 250);
}
