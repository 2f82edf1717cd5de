"""Limits: age of the data, backlog, journal, sinks, clocks, disk.

Not statistics. Each is told beyond one limit and cleared below a lower one, so that a
value at the limit does not ring on and off. What is not known raises nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from recorder.ssx.alarms.events import Severity
from recorder.ssx.alarms.judging import Judged
from recorder.ssx.alarms.observation import (
    HostFacts,
    Observation,
    SinkFacts,
    SourceFacts,
)

AGE_S = 1.0
"""Age of a source's newest data, s: operators see a second, and less is jitter."""
AGE_PERIODS = 5.0
"""The same in periods of the source, for those slower than 5 Hz."""
BACKLOG_FULL_S = 60.0
"""The backlog is full within so many seconds at the present slope."""
JOURNAL_S = 5.0
"""Age of a record that is not committed: 100 times the usual."""
LAG_S = 60.0
"""Age of the oldest record that a sink has not written: it is retried for so long
without anybody's help."""
CLOCK_PPM = 100.0
"""Rate of a clock beyond which something is wrong with it, as in the timeline."""
CLOCK_STANDS_S = 30.0
"""A clock that jumped keeps its rate at once: the alarm stands as long as others."""
DISK_S = 4 * 3600.0
"""Time until the disk is full: half a shift, time enough to make room."""
CLEAR = 0.5
"""A limit is cleared at this share of it, so that nothing rings on and off."""
_SLOPE_S = 5.0
"""Time over which the slope of the backlog is averaged."""
_NEARLY_FULL = 0.95
"""Share of the backlog that is as good as full, whatever its slope."""


@dataclass(frozen=True, slots=True)
class Slope:
    """How the backlog grows."""

    time_s: float = 0.0
    value: float = 0.0
    per_s: float = 0.0
    known: bool = False


def slope_after(slope: Slope, host: HostFacts, time_s: float) -> Slope:
    """The slope with one more value, averaged over some seconds."""
    if host.backlog is None:
        return Slope()
    span = time_s - slope.time_s
    if not slope.known or span <= 0:
        return Slope(time_s, host.backlog, slope.per_s, True)
    weight = min(1.0, span / _SLOPE_S)
    now = (host.backlog - slope.value) / span
    per_s = slope.per_s + weight * (now - slope.per_s)
    return Slope(time_s, host.backlog, per_s, True)


def limits(seen: Observation, slope: Slope) -> tuple[Judged, ...]:
    """What is thought of all that has a limit, of what is known."""
    found: list[Judged] = []
    for source in seen.sources:
        found += _source(source)
    for sink in seen.sinks:
        found += _sink(sink)
    return (*found, *_backlog(slope), *_journal(seen.host), *_disk(seen.host))


def _source(source: SourceFacts) -> list[Judged]:
    found = []
    if source.age_s is not None:
        most = max(AGE_S, AGE_PERIODS * (source.period_s or 0.0))
        found.append(
            Judged(
                "data_age",
                Severity.RED,
                bad=source.age_s > most,
                good=source.age_s < most * CLEAR,
                text=f"No data from {source.name} for {source.age_s:.1f} s: see "
                "whether it sends and whether the connection holds.",
                subject=source.name,
                recovered="Data come again.",
            )
        )
    if source.clock_ppm is not None or source.clock_broke:
        found.append(_clock(source))
    return found


def _clock(source: SourceFacts) -> Judged:
    ppm = abs(source.clock_ppm or 0.0)
    if source.clock_broke:
        text = f"The clock of {source.name} jumped: labels are made anew from there on."
    else:
        text = (
            f"The clock of {source.name} is {ppm:.0f} ppm off: check its reference and "
            "the declared period."
        )
    return Judged(
        "clock",
        Severity.AMBER,
        bad=ppm > CLOCK_PPM or source.clock_broke,
        good=ppm < CLOCK_PPM * CLEAR,
        text=text,
        subject=source.name,
        holds_s=CLOCK_STANDS_S,
        recovered="The clock keeps its rate.",
    )


def _sink(sink: SinkFacts) -> list[Judged]:
    found = [
        Judged(
            "parked",
            Severity.AMBER,
            bad=sink.parked > 0,
            good=sink.parked == 0,
            text=f"{sink.name} refused {sink.parked} records for good: see `recorder "
            "spool`.",
            subject=sink.name,
            recovered="No records are parked.",
        )
    ]
    if sink.lag_s is not None:
        found.append(
            Judged(
                "sink_lag",
                Severity.AMBER,
                bad=sink.lag_s > LAG_S,
                good=sink.lag_s < LAG_S * CLEAR,
                text=f"{sink.name} is {sink.lag_s:.0f} s behind: nothing is lost, it "
                "is in the journal; see whether the server answers.",
                subject=sink.name,
                recovered="It caught up.",
            )
        )
    return found


def _backlog(slope: Slope) -> list[Judged]:
    if not slope.known:
        return []
    room = 1 - slope.value
    full_s = room / slope.per_s if slope.per_s > 0 else float("inf")
    full = slope.value >= _NEARLY_FULL
    if full:
        text = "The backlog of images is full: further images are counted, not"
    else:
        text = f"The backlog of images is full in {full_s:.0f} s: then images are not"
    return [
        Judged(
            "backlog",
            Severity.AMBER,
            bad=full or full_s < BACKLOG_FULL_S,
            good=full_s > BACKLOG_FULL_S / CLEAR and slope.value < CLEAR,
            text=f"{text} classified. Nothing is wrong with the sample; more workers "
            "or a lower frame rate help.",
            after_s=1.0,
            recovered="The workers follow again.",
        )
    ]


def _journal(host: HostFacts) -> list[Judged]:
    if host.journal_age_s is None:
        return []
    return [
        Judged(
            "journal",
            Severity.RED,
            bad=host.journal_age_s > JOURNAL_S,
            good=host.journal_age_s < JOURNAL_S * CLEAR,
            text=f"The journal has not committed for {host.journal_age_s:.0f} s: see "
            "whether its disk is full or does not answer.",
            recovered="The journal commits.",
        )
    ]


def _disk(host: HostFacts) -> list[Judged]:
    free, fills = host.disk_free_bytes, host.disk_fills_bytes_s
    if free is None or fills is None:
        return []
    full_s = free / fills if fills > 0 else float("inf")
    return [
        Judged(
            "disk",
            Severity.AMBER,
            bad=full_s < DISK_S,
            good=full_s > DISK_S / CLEAR,
            text=f"The disk is full in {full_s / 3600:.1f} h at the present rate: make "
            "room.",
            recovered="There is room again.",
        )
    ]
