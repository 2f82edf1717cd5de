"""Play a cell, label it, and hold the labels against the truth."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.timeline.cells import CLOCK, COUNT, OWN_JITTER, SENSOR, Cell
from recorder.records import EventType, Json
from recorder.simulate.timing.faults import draw_fates
from recorder.simulate.timing.plan import NEVER, Plan, detector_times, make_plan
from recorder.ssx.chains.declared import parse_chains
from recorder.ssx.clocks.unknown import NO_DELAY
from recorder.ssx.labels.timeline import (
    DARK,
    LIGHT,
    UNKNOWN,
    Facts,
    Timeline,
    label_images,
)
from recorder.ssx.measured.chains import Pulses, measure_chains
from recorder.ssx.triggers.captured import CapturedTriggers, unwrap

EPOCH_NS = 1_795_541_400 * 10**9
DETECTOR_NS = 143_051_295_370
HOST_LATENCY_S = 3e-3
HOST_PPM = 20.0


@dataclass(frozen=True, slots=True, eq=False)
class Played:
    """What reached the recorder, and what is true of it."""

    plan: Plan
    ids: NDArray[np.int64]
    start_ns: NDArray[np.int64]
    trigger: NDArray[np.int64]
    """True ordinal of each image."""
    rows: CapturedTriggers
    made: int
    triggers: int
    missed: int
    lost: int


@dataclass(frozen=True, slots=True)
class Score:
    """A line of the table."""

    cell: Cell
    images: int
    wrong: int
    unknown: int
    wrong_order: int
    wrong_id: int
    wrong_host: int
    missed: tuple[int, int]
    """Found, true."""
    lost: tuple[int, int]
    period_ppm: float | None
    delay_ns: float | None
    us_per_image: float
    start: str
    breaks: int


def play(cell: Cell) -> Played:
    """Make the images and rows of a cell."""
    real = slowed(cell.chains, cell.slow)
    plan = make_plan(real, cell.triggers, cell.faults, cell.seed, cell.gap_s)
    fates = draw_fates(cell.faults, plan.due_ns, cell.seed)
    missed = fates["missed"].copy()
    missed[: int(cell.rows.get("head", 0))] = True
    made = np.cumsum(~missed)
    count = plan.size
    if cell.faults.stop is not None:
        count = int(np.searchsorted(made, cell.faults.stop) + 1)
    inside = np.arange(plan.size) < count
    here = inside & ~missed & ~fates["lost"]
    start = detector_times(plan, cell.faults, DETECTOR_NS, cell.seed)
    trigger = np.flatnonzero(here)
    return Played(
        plan=plan,
        ids=(made - 1)[trigger],
        start_ns=start[trigger],
        trigger=trigger,
        rows=_rows(cell, plan),
        made=int(made[count - 1]),
        triggers=count,
        missed=int((missed & inside).sum()),
        lost=int((inside & ~missed).sum() - trigger.size),
    )


def slowed(chains: Sequence[Json], factor: int) -> list[Json]:
    """The chains as they really came: so many times as slowly as declared."""
    return [
        {
            **chain,
            "events": [
                {**event, "period": factor * event["period"]}
                if event.get("period")
                else event
                for event in chain["events"]
            ],
        }
        for chain in chains
    ]


def _rows(cell: Cell, plan: Plan) -> CapturedTriggers:
    """Rows as they are in order again: late and repeated ones end up the same."""
    if cell.evidence in (CLOCK, COUNT):
        return CapturedTriggers()
    rng = np.random.default_rng((cell.seed, 29))
    jitter = cell.faults.jitter * 1e9
    own = rng.normal(0, jitter if cell.evidence == OWN_JITTER else 0.0, plan.size)
    zero_ns = EPOCH_NS + cell.zero_ns
    xray_ns = (zero_ns + plan.xray_ns + np.rint(own).astype(np.int64)) // 8 * 8
    laser_ns = (zero_ns + plan.laser_ns) // 8 * 8
    numbers = np.arange(plan.size)
    kept, lasers = np.ones(plan.size, np.bool_), plan.commanded.copy()
    if away := cell.rows.get("away_s"):
        begin = plan.size // 3
        gone = (plan.due_ns >= plan.due_ns[begin]) & (
            plan.due_ns < plan.due_ns[begin] + int(away * 1e9)
        )
        kept &= ~gone
        lasers &= ~gone[plan.laser_trigger]
    arrived = _arrived(cell, plan.size)
    kept &= arrived
    lasers &= arrived[plan.laser_trigger]
    if bits := cell.rows.get("bits"):
        wrapped = (numbers - 100) % (1 << bits)
        numbers, _, _ = unwrap(wrapped[kept], xray_ns[kept])
    else:
        numbers = numbers[kept]
    base = numbers[0] - np.flatnonzero(kept)[0]
    captured = np.flatnonzero(lasers)
    seen = np.flatnonzero(plan.fired) if cell.evidence == SENSOR else captured[:0]
    both = np.concatenate((captured, seen))
    return CapturedTriggers(
        laser=plan.laser_trigger[both] + base,
        laser_ns=laser_ns[both],
        laser_measured=np.repeat([False, True], [captured.size, seen.size]),
        xray=numbers,
        xray_ns=xray_ns[kept],
        same_clock=True,
        clock="timing",
    )


def _arrived(cell: Cell, triggers: int) -> NDArray[np.bool_]:
    """Triggers whose rows are not lost."""
    arrived = np.ones(triggers, np.bool_)
    arrived[: cell.rows.get("first_lost", 0)] = False
    arrived[triggers - cell.rows.get("last_lost", 0) :] = False
    if share := cell.rows.get("some_lost"):
        arrived &= np.random.default_rng((cell.seed, 37)).random(triggers) >= share
    return arrived


def score(cell: Cell) -> Score:
    """Label a cell and compare."""
    played = play(cell)
    plan = played.plan
    chains = parse_chains({"event_chains": list(cell.chains)})
    facts = Facts(
        announced=True,
        header=cell.header,
        ended=True,
        success=not cell.aborted,
        made=played.made if cell.told else None,
        triggers=cell.triggers,
    )
    times = None if cell.evidence == COUNT else played.start_ns
    begun = time.perf_counter()
    timeline = label_images(
        played.ids, chains, played.rows, facts=facts, start_ns=times
    )
    took = time.perf_counter() - begun
    labels = timeline.labels
    truth = np.where(plan.light, LIGHT, DARK)
    right = truth[played.trigger]
    known = labels.pump != UNKNOWN
    assignment = timeline.assignment
    missed = assignment.missed + (max(0, assignment.tail) if cell.told else 0)
    if cell.aborted:
        missed = assignment.missed
    lost = (played.made if cell.told else int(played.ids[-1]) + 1) - played.ids.size
    return Score(
        cell=cell,
        images=played.ids.size,
        wrong=int((known & (labels.pump != right)).sum()),
        unknown=int((~known).sum()),
        missed=(missed, played.missed),
        lost=(lost, played.lost),
        period_ppm=_period(cell, plan, timeline, played),
        delay_ns=_delay(plan, timeline, played),
        us_per_image=took / max(1, played.ids.size) * 1e6,
        start=str(assignment.start),
        breaks=len(assignment.breaks),
        **_naive(cell, played, truth, right),
    )


def _naive(
    cell: Cell, played: Played, truth: NDArray[np.int64], right: NDArray[np.int64]
) -> dict[str, int]:
    """Wrong labels of those who count arrivals, images, or look at the host's clock."""
    rng = np.random.default_rng((cell.seed, 31))
    n, last = played.ids.size, truth.size - 1
    late = rng.exponential(HOST_LATENCY_S, n)
    host = played.plan.xray_ns[played.trigger] / 1e9 * (1 + HOST_PPM * 1e-6) + late
    period = float(np.diff(played.plan.due_ns).mean()) / 1e9
    by_host = np.rint((host - host[0]) / period).astype(np.int64)
    return {
        "wrong_order": int((truth[np.arange(n)] != right).sum()),
        "wrong_id": int((truth[np.clip(played.ids, 0, last)] != right).sum()),
        "wrong_host": int((truth[np.clip(by_host, 0, last)] != right).sum()),
    }


def _period(cell: Cell, plan: Plan, timeline: Timeline, played: Played) -> float | None:
    """Error of the fitted period of the detections (ppm); of the first train."""
    if cell.gap_s or timeline.assignment.breaks:
        return None
    table = timeline.table
    if table.clock:
        first = 0 if table.real is None else int(np.argmax(table.real))
        times = table.time_ns[first : table.triggers]
    elif cell.faults.drift or cell.faults.skew:
        return None  # the detector's clock alone: its rate is part of the period
    else:
        times = played.start_ns
    pulses = Pulses(EventType.XRAY_DETECTION, "", "timing", times, None)
    found = measure_chains((), [pulses], 0)
    event = found[0].events[0] if found else None
    if event is None or not event.period:
        return None
    true = _true_period(cell)
    return (event.period / true - 1) * 1e6


def _true_period(cell: Cell) -> float:
    events = cell.chains[0]["events"]
    return float(next(e["period"] for e in events if e["type"] == "XrayDetection"))


def _delay(plan: Plan, timeline: Timeline, played: Played) -> float | None:
    """Mean error of the light images' delays (ns)."""
    labels = timeline.labels
    true = plan.delay_ns[played.trigger]
    use = (labels.pump == LIGHT) & (labels.delay_ns != NO_DELAY) & (true != NEVER)
    if not use.any():
        return None
    return float(np.mean(labels.delay_ns[use] - true[use]))
