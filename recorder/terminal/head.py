"""Top of the picture: state and age, sources and sinks, alarms."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.text import Text

from recorder.records.live import LiveAlarm, LiveSink, LiveSource, LiveState
from recorder.records.live_node import LiveNode
from recorder.records.runs import SERIAL
from recorder.terminal.marks import (
    BAD,
    GOOD,
    NONE,
    QUIET,
    STRONG,
    WARN,
    Part,
    Signs,
    count,
    line,
    per_cent,
    seconds,
)
from recorder.terminal.moment import Moment

_COLOURS = {"ok": GOOD, "unknown": QUIET, "off": QUIET}
_GAP = "   "
NODES = 3
"""Nodes whose trouble is told, a line each: a terminal has 24. Chosen, not tuned."""


def title(moment: Moment, signs: Signs) -> Text:
    """One line: where, which run, how far, how old."""
    live, run, card = moment.live, moment.run, moment.card
    place = (live.beamline if live else "") or moment.slow.beamline or "recorder"
    parts: list[Part] = [(place, STRONG)]
    entry = moment.experiment
    experiment = run.experiment if run else entry.experiment if entry else ""
    proposal = (run.proposal if run else entry.proposal if entry else "") or ""
    parts.append(f" {signs.dot} {' '.join(t for t in (proposal, experiment) if t)}")
    if run is not None:
        share = f" {count(run.received)}/{count(run.expected)}"
        kind = "" if run.technique == SERIAL else f" {run.technique}"
        name = f"{run.state.upper()} run {run.run}{kind}"
        parts += [_GAP, (name, STRONG), share]
        parts.append(f"  ETA {seconds(run.eta_s)}" if run.eta_s is not None else "")
        parts.append(f"  lost {count(run.lost)}  missed {count(run.missed)}")
    elif card is not None:
        parts += [_GAP, f"latest run {card.run}: {card.state}, {card.status}"]
        images = card.images
        parts.append(f"  {count(images.received)}/{count(images.expected)}")
        parts.append(f"  lost {count(images.lost)}  missed {images.missed_triggers}")
    elif live is not None:
        parts += [_GAP, live.state]
    return line(*parts)


def age(moment: Moment) -> Text:
    """Whether what is shown is of this moment; as loud as an alarm if it is not."""
    how_old = seconds(moment.now.age_s)
    at = moment.at.strftime("%H:%M:%S") if moment.at else ""
    if moment.daemon == "ok":
        stage = moment.live.stage if moment.live else ""
        return line(("daemon ", ""), (f"{stage} ", GOOD), f"age {how_old}", _GAP, at)
    text = {
        "stale": f"NO NEW STATE for {how_old}: the daemon hangs, or its folder is full",
        "gone": "NO DAEMON: it ended; this is what the journal has",
        "none": "NO DAEMON here; this is what the journal has",
    }[moment.daemon]
    return line((f" {text} ", "reverse bold red"), _GAP, at)


def problems(moment: Moment) -> list[Text]:
    """What cannot be read."""
    found = (moment.now.problem, moment.slow.problem)
    return [line((f"! {text}", BAD)) for text in found if text]


def open_runs(live: LiveState) -> list[Text]:
    """All runs that go on, where there are several: a line."""
    if len(live.open_runs) < 2:
        return []
    parts: list[Part] = [("open ", QUIET)]
    for run in live.open_runs:
        part = f" ({run.part} of {run.parts})" if run.parts else ""
        told = f"run {run.run} {run.technique}{part} "
        parts += [told, f"{count(run.received)}/{count(run.expected)}", _GAP]
    if live.open_runs_left_out:
        parts.append(f"and {count(live.open_runs_left_out)} more")
    return [line(*parts)]


def sources(live: LiveState, width: int) -> list[Text]:
    """Sources, pool, journal and sinks, as many to a line as there is room for."""
    items = [
        *(_source(item) for item in live.sources),
        _pool(live),
        *_nodes(live.pool.nodes),
        _journal(live),
        *(_sink(item) for item in live.sinks),
    ]
    if live.bad_messages:
        items.append([(f"{count(live.bad_messages)} bad messages", WARN)])
    found: list[list[Part]] = [[]]
    used = 0
    for item in items:
        length = line(*item).cell_len + len(_GAP)
        if found[-1] and used + length > width:
            found.append([])
            used = 0
        found[-1] += [*item, _GAP]
        used += length
    told = [(item.name, item.problem) for item in live.sources]
    told += [(item.name, item.problem) for item in live.sinks]
    bad = [item for item in live.pool.nodes if item.problem]
    told += [(f"node {item.name}", item.problem) for item in bad[:NODES]]
    complaints = [line((f"! {n}: {p}", WARN)) for n, p in told if p]
    return [line(*parts) for parts in found] + complaints


def _source(item: LiveSource) -> list[Part]:
    parts: list[Part] = [f"{item.name} ", (item.state, _COLOURS.get(item.state, BAD))]
    if item.hz:
        parts.append(f" {item.hz:.1f} Hz")
    if item.age_ms is not None:
        parts.append(f" {seconds(item.age_ms / 1000)}")
    if item.lost or item.missed:
        parts.append((f" lost {count(item.lost)} missed {count(item.missed)}", WARN))
    if item.clock_ppm is not None:
        parts.append(f" {item.clock_ppm:+.1f} ppm")
    return parts


def _pool(live: LiveState) -> list[Part]:
    pool = live.pool
    parts: list[Part] = [f"pool {pool.workers} workers"]
    if pool.max_bytes:
        full = pool.backlog_bytes / pool.max_bytes
        text = f" {per_cent(pool.backlog_bytes, pool.max_bytes, 0)}"
        parts.append((text, BAD if full > 0.5 else ""))
    if pool.backlog:
        parts.append(f" {count(pool.backlog)} wait")
    if pool.replaced:
        parts.append((f" {count(pool.replaced)} replaced", WARN))
    return parts


def _nodes(nodes: Sequence[LiveNode]) -> list[list[Part]]:
    """All of them in one: which one is not well is told below."""
    if not nodes:
        return []
    well = sum(node.state == "ok" for node in nodes)
    parts: list[Part] = ["nodes "]
    parts.append((f"{well} of {len(nodes)}", GOOD if well == len(nodes) else WARN))
    parts.append(f" {count(sum(node.ready for node in nodes))} workers")
    parts.append(f" {count(sum(node.held for node in nodes))} held")
    return [parts]


def _journal(live: LiveState) -> list[Part]:
    known = live.journal
    parts: list[Part] = ["journal ", (known.state, _COLOURS.get(known.state, BAD))]
    if known.unwritten:
        parts.append((f" {count(known.unwritten)} unwritten", WARN))
    if known.disk_full_s is not None:
        parts.append((f" disk full in {seconds(known.disk_full_s)}", WARN))
    return parts


def _sink(item: LiveSink) -> list[Part]:
    parts: list[Part] = [f"{item.name} ", (item.state, _COLOURS.get(item.state, BAD))]
    if item.pending:
        parts.append(f" lag {seconds(item.lag_s)}")
    if item.parked:
        parts.append((f" {count(item.parked)} parked", BAD))
    return parts


def alarms(live: LiveState, most: int) -> list[Text]:
    """Alarms that stand, the worst first, each with its first hint."""
    standing = [alarm for alarm in live.alarms if alarm.cleared_ns is None]
    ranks = {"red": 0, "amber": 1}
    standing.sort(key=lambda a: (ranks.get(a.severity, 2), -a.raised_ns))
    found = [text for alarm in standing[:most] for text in _alarm(alarm)]
    if len(standing) > most:
        found.append(line((f"  and {len(standing) - most} more alarms", BAD)))
    return found


def _alarm(alarm: LiveAlarm) -> list[Text]:
    style = {"red": "bold white on red", "amber": WARN}.get(alarm.severity, "")
    seen = f"  (seen by {alarm.seen_by})" if alarm.seen_by else ""
    found = [line((f"{_clock(alarm.raised_ns)} {alarm.text}{seen}", style))]
    if alarm.hints:
        found.append(line((f"         {alarm.hints[0].text}", QUIET)))
    return found


def _clock(time_ns: int) -> str:
    """Time of the day here; times beyond the calendar are none."""
    try:
        moment = datetime.fromtimestamp(time_ns / 1e9).astimezone()
    except (ValueError, OverflowError, OSError):
        return NONE
    return moment.strftime("%H:%M:%S") if time_ns else NONE
