"""Simulated runs for tests of the timeline: truth, images and rows, without pixels."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recorder.records import (
    CollectionEnd,
    DetectorInfo,
    RunState,
    RunStatus,
    SeriesKey,
    SeriesStart,
    TimedEvent,
)
from recorder.runs.run import Run
from recorder.simulate.timing.events import TimingRows
from recorder.simulate.timing.faults import Faults, draw_fates
from recorder.simulate.timing.plan import Plan, detector_times, make_plan
from recorder.sources.control.messages import parse_message
from tests.builders import announced, announcement, outcome

EPOCH_NS = 1_795_541_400 * 10**9


def pump_probe(
    rate: float, triggers: int, every: int = 2, delay: float = 3e-4
) -> list[dict[str, Any]]:
    """The laser before every n-th detection."""
    laser = {
        "type": "LaserExcitation",
        "name": "pump",
        "offset": 0.0,
        "duration": 1e-8,
        "period": every / rate,
        "repetition": -(-triggers // every),
    }
    xray = {
        "type": "XrayDetection",
        "offset": delay,
        "duration": 1e-4,
        "period": 1 / rate,
        "repetition": triggers,
    }
    return [{"name": "Detections", "scope": "collection", "events": [laser, xray]}]


@dataclass(frozen=True, slots=True, eq=False)
class Played:
    """What reaches the recorder, and what is true of it."""

    chains: list[dict[str, Any]]
    plan: Plan
    image_id: NDArray[np.int64]
    """Of each image that was delivered."""
    start_ns: NDArray[np.int64]
    trigger: NDArray[np.int64]
    made: int
    events: list[TimedEvent]
    missed: int
    lost: int

    @property
    def pump(self) -> NDArray[np.int64]:
        """1 for light, 2 for dark, by delivered image."""
        return np.where(self.plan.light, 1, 2)[self.trigger]


def play(
    chains: list[dict[str, Any]],
    triggers: int,
    faults: Faults,
    *,
    seed: int = 1,
    rows: bool = True,
    gap_s: float = 0.1,
) -> Played:
    """Make a run."""
    plan = make_plan(chains, triggers, faults, seed, gap_s)
    fates = draw_fates(faults, plan.due_ns, seed)
    ids = np.cumsum(~fates["missed"]) - 1
    here = np.flatnonzero(~fates["missed"] & ~fates["lost"])
    timing = TimingRows(plan, faults, "u", EPOCH_NS, seed)
    messages = timing.reactions()
    for ordinal in range(plan.size):
        messages += timing.of_trigger(ordinal)
    events: list[TimedEvent] = []
    if rows:
        for n in range(0, len(messages), 500):
            body = json.dumps(messages[n : n + 500]).encode()
            found = parse_message("event", body)
            events += [r for r in found if isinstance(r, TimedEvent)]
    return Played(
        chains=chains,
        plan=plan,
        image_id=ids[here],
        start_ns=detector_times(plan, faults, 143_051_295_370, seed)[here],
        trigger=here,
        made=int(ids[-1]) + 1,
        events=events,
        missed=int(fates["missed"].sum()),
        lost=int((~fates["missed"]).sum() - here.size),
    )


def new_run(played: Played, images: int | None = None) -> Run:
    """A run that is announced and whose series has begun."""
    triggers = played.plan.size if images is None else images
    body = {"images": triggers, "event_chains": played.chains}
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


def take_image(run: Run, played: Played, place: int) -> None:
    """One image, classified."""
    image_id = int(played.image_id[place])
    start = int(played.start_ns[place])
    if run.images.receive(image_id, start, start + 100_000):
        run.images.finish(outcome(image_id))


def finish(run: Run, played: Played, *, told: bool = True) -> Run:
    """The run ended as planned."""
    made = played.made if told else None
    run.end = CollectionEnd("u", 0, RunStatus.SUCCESS, images=made)
    run.state = RunState.SEALED
    return run


def recorded(played: Played, *, told: bool = True) -> Run:
    """Everything at once, in order."""
    run = new_run(played)
    for event in played.events:
        run.events.add(event)
    for place in range(played.image_id.size):
        take_image(run, played, place)
    return finish(run, played, told=told)
