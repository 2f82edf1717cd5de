"""Cost of an image while the run goes on, early and late."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from benchmarks.timeline.cells import CAPTURED, CLOCK, Cell, pump_probe
from benchmarks.timeline.score import Played, play
from recorder.records import (
    DetectorInfo,
    EventType,
    Evidence,
    RunState,
    SeriesKey,
    SeriesStart,
    TimedEvent,
)
from recorder.runs.run import Run
from recorder.runs.timeline.live_timeline import LiveTimeline
from recorder.runs.timeline.of_run import is_long, timeline_of
from recorder.simulate.timing.faults import Faults
from tests.builders import announced, announcement

TRIGGERS = 400_000
EVERY = 2000
"""Images between two looks at the labels."""


@dataclass(frozen=True, slots=True)
class OnlineScore:
    """A line of the table."""

    evidence: str
    images: int
    early_us: float
    late_us: float
    reading_ms: float
    wrong: int
    unsettled: int
    equal: bool


def new_run(cell: Cell) -> Run:
    """A run as it stands when its series has begun."""
    body = {"images": cell.triggers, "event_chains": list(cell.chains)}
    key = SeriesKey("eiger", 1, "a")
    return Run(
        uid="u",
        number=1,
        opened_ns=0,
        announcement=announced(announcement("u", **body)),
        key=key,
        start=SeriesStart(key, DetectorInfo()),
        state=RunState.OPEN,
    )


def events_of(played: Played) -> list[tuple[int, TimedEvent]]:
    """The rows of a cell as events, each with the trigger after which it comes."""
    rows, found = played.rows, []
    for kind, numbers, times, measured in (
        (EventType.LASER_EXCITATION, rows.laser, rows.laser_ns, rows.laser_measured),
        (EventType.XRAY_DETECTION, rows.xray, rows.xray_ns, np.zeros(rows.xray.size)),
    ):
        for n, (number, time_ns, seen) in enumerate(
            zip(numbers.tolist(), times.tolist(), measured.tolist(), strict=True)
        ):
            grade = Evidence.MEASURED if seen else Evidence.CAPTURED
            event = TimedEvent(
                f"{kind}/{n}",
                kind,
                time_ns,
                trigger=number,
                clock="timing",
                evidence=grade,
                name="pump" if kind[0] == "L" else None,
            )
            found.append((number, event))
    found.sort(key=lambda item: item[0])
    return found


def follow(cell: Cell) -> OnlineScore:
    """Feed a run image by image and look at its labels again and again."""
    played = play(cell)
    run, events = new_run(cell), events_of(played)
    at, costs = 0, []
    follower = LiveTimeline()
    for n, image_id in enumerate(played.ids.tolist()):
        while at < len(events) and events[at][0] <= played.trigger[n]:
            run.events.add(events[at][1])
            at += 1
        run.images.receive(image_id, int(played.start_ns[n]))
        if n % EVERY == EVERY - 1 and is_long(run):
            begun = time.perf_counter()
            follower.settle(run)
            costs.append((time.perf_counter() - begun) / EVERY * 1e6)
    begun = time.perf_counter()
    timeline = timeline_of(run, follower)
    reading = time.perf_counter() - begun
    live = timeline.labels
    truth = np.where(played.plan.light, 1, 2)[played.trigger[: live.pump.size]]
    known = live.pump != 0
    for _, event in events[at:]:
        run.events.add(event)
    run.state = RunState.DRAINING
    final = timeline_of(run).labels
    same = bool((final.ordinal[: live.pump.size] == live.ordinal)[known].all())
    same &= bool((final.pump[: live.pump.size] == live.pump)[known].all())
    tenth = max(1, len(costs) // 10)
    wrong = int((live.pump != truth)[known].sum())
    return OnlineScore(
        cell.evidence,
        played.ids.size,
        float(np.mean(costs[1 : 1 + tenth])),
        float(np.mean(costs[-tenth:])),
        reading * 1e3,
        wrong,
        int((~known).sum()),
        same,
    )


def online_lines() -> str:
    """The table."""
    lines = [
        "| evidence | images | us/image, first tenth | last tenth | all labels (ms) "
        "| wrong | not settled | as in batch |",
        "|---|---|---|---|---|---|---|---|",
    ]
    faults = Faults(lost=1e-2, missed=1e-2, skew=100, jitter=3e-6)
    for evidence in (CAPTURED, CLOCK):
        chains = pump_probe(925, TRIGGERS, 2, 3e-4)
        cell = Cell("online", chains, 925.0, TRIGGERS, faults, "1 %", evidence)
        item = follow(cell)
        lines.append(
            f"| {item.evidence} | {item.images} | {item.early_us:.2f} | "
            f"{item.late_us:.2f} | {item.reading_ms:.1f} | {item.wrong} | "
            f"{item.unsettled} | {'yes' if item.equal else 'no'} |"
        )
    return "\n".join(lines)
