"""The cells of the matrix: what is pumped how, and what goes wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from recorder.records import Json
from recorder.simulate.timing.faults import Faults

CAPTURED = "captured"
"""Every trigger has a row of the timing hardware; its jitter is the triggers' own."""
OWN_JITTER = "captured, own jitter"
"""Rows and images scatter on their own: nothing tells even triggers apart."""
SENSOR = "sensor"
"""A photodiode watches the laser besides."""
CLOCK = "clock"
"""No rows: start times of the images and the declared chains."""
COUNT = "image_id"
"""No rows and no times."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One experiment."""

    name: str
    chains: tuple[Json, ...]
    rate_hz: float
    triggers: int
    faults: Faults
    fault: str
    evidence: str = CAPTURED
    gap_s: float = 0.0
    aborted: bool = False
    header: bool = True
    told: bool = True
    """``collection/end`` says how many images the detector made."""
    seed: int = 1
    rows: Json = field(default_factory=dict)
    """What happens to the timing messages: ``away_s``, ``bits``, ``head`` (triggers
    that the detector misses), ``first_lost``, ``last_lost``, ``some_lost`` (share)."""
    slow: int = 1
    """The triggers really come so many times as slowly as declared."""
    zero_ns: int = 0
    """By how much the clock of the timing hardware is off."""


def pump_probe(
    rate: float, triggers: int, every: int, delay: float, first: int = 0
) -> tuple[Json, ...]:
    """The laser before every n-th detection."""
    period = 1 / rate
    laser = {
        "type": "LaserExcitation",
        "name": "pump",
        "offset": first * period,
        "duration": 1e-8,
        "period": every * period,
        "repetition": -(-(triggers - first) // every),
    }
    xray = {
        "type": "XrayDetection",
        "offset": delay,
        "duration": period / 10,
        "period": period,
        "repetition": triggers,
    }
    return ({"name": "Detections", "scope": "collection", "events": [laser, xray]},)


def two_slots(rate: float, triggers: int) -> tuple[Json, ...]:
    """Two detections after each pulse: the example of ESRF's slides, scaled."""
    cycle = 2 / rate
    events = [
        {
            "type": "LaserExcitation",
            "offset": 0.1 * cycle,
            "duration": 0.05 * cycle,
            "period": cycle,
            "repetition": triggers // 2,
        },
        {
            "type": "XrayDetection",
            "offset": 0.5 * cycle,
            "duration": 0.1 * cycle,
            "period": cycle,
            "repetition": triggers // 2,
        },
        {
            "type": "XrayDetection",
            "offset": 0.7 * cycle,
            "duration": 0.1 * cycle,
            "period": cycle,
            "repetition": triggers // 2,
        },
    ]
    return ({"name": "Detections", "scope": "collection", "events": events},)


def alternating(rate: float, triggers: int) -> tuple[Json, ...]:
    """Two delays in turn, then a dark one: a cycle of three triggers."""
    period = 1 / rate
    events = [
        {
            "type": "LaserExcitation",
            "name": f"pump {n}",
            "offset": n * period + lead,
            "duration": 1e-8,
            "period": 3 * period,
            "repetition": -(-triggers // 3),
        }
        for n, lead in ((0, 0.0), (1, 0.2 * period))
    ]
    events.append(
        {
            "type": "XrayDetection",
            "offset": 0.5 * period,
            "duration": period / 10,
            "period": period,
            "repetition": triggers,
        }
    )
    return ({"name": "Detections", "scope": "collection", "events": events},)


def chip(shots: int, step: float) -> tuple[Json, ...]:
    """A reference before the pump, then a series of shots, at every position."""
    events = [
        {"type": "XrayDetection", "offset": 0.0, "duration": step / 4},
        {
            "type": "LaserExcitation",
            "name": "pump",
            "offset": step * 0.7,
            "duration": 1e-6,
        },
        {
            "type": "XrayDetection",
            "offset": step,
            "duration": step / 4,
            "period": step,
            "repetition": shots - 1,
        },
    ]
    return ({"name": "Position", "scope": "position", "events": events},)


def matrix() -> list[Cell]:
    """All cells; the first ones are small, the last ones large."""
    return [*_patterns(), *_faults(), *_evidence(), *_strange(), *_large()]


_LITTLE = Faults(lost=1e-4, missed=1e-4, skew=20, jitter=3e-6)
_MUCH = Faults(lost=1e-2, missed=1e-2, skew=200, drift=2.0, jitter=3e-6)


def _patterns() -> list[Cell]:
    n = 50_000
    made = [
        ("all light 1:0", pump_probe(925, n, 1, 3e-4), 925.0, 0.0),
        ("light:dark 1:1", pump_probe(925, n, 2, 3e-4), 925.0, 0.0),
        ("light:dark 1:2", pump_probe(925, n, 3, 3e-4), 925.0, 0.0),
        ("light:dark 1:9", pump_probe(925, n, 10, 3e-4), 925.0, 0.0),
        ("two slots", two_slots(925, n), 925.0, 0.0),
        ("two delays, dark", alternating(925, n), 925.0, 0.0),
        ("chip, 4 shots", chip(4, 2e-3), 400.0, 0.01),
        ("jet on demand", chip(2, 2e-3), 100.0, 0.02),
    ]
    return [
        Cell(name, chains, rate, n, faults, text, gap_s=gap)
        for name, chains, rate, gap in made
        for faults, text in (
            (_LITTLE, "1e-4 lost, missed"),
            (_MUCH, "1 % lost, missed"),
        )
    ]


def _faults() -> list[Cell]:
    n, rate = 100_000, 925.0
    chains = pump_probe(rate, n, 2, 3e-4)
    base: dict[str, Any] = {"lost": 1e-3, "missed": 1e-3, "skew": 50.0, "jitter": 3e-6}
    made: list[tuple[str, Faults, Json]] = [
        ("none", Faults(jitter=3e-6), {}),
        ("skew 200 ppm, drift 20 ppm/h", Faults(skew=200, drift=20, jitter=3e-6), {}),
        ("bursts of lost, 5 s", Faults(lost_bursts=(4, 5.0), **base), {}),
        ("bursts of missed, 5 s", Faults(missed_bursts=(4, 5.0), **base), {}),
        ("duplicates, reordering", Faults(duplicate=0.01, reorder=0.01, **base), {}),
        ("clock step 0.4 ms", Faults(step=(50.0, 4e-4), **base), {}),
        ("clock step -30 ms", Faults(step=(50.0, -0.0301), **base), {}),
        (
            "misfires 1 %, extra shots",
            Faults(misfire=0.01, extra_shot=1e-3, **base),
            {"evidence": SENSOR},
        ),
        ("rows late and repeated", Faults(**base), {"late": 0.05, "repeat": 0.05}),
        ("rows lost for 10 s", Faults(**base), {"away_s": 10.0}),
        ("counter of 16 bits", Faults(**base), {"bits": 16}),
        ("joined late", Faults(join_late=20_000, **base), {}),
        ("aborted", Faults(stop=40_000, **base), {}),
        ("first 3 missed", Faults(**base), {"head": 3}),
        ("end lost", Faults(no_end=True, **base), {}),
    ]
    return [
        Cell(
            "light:dark 1:1",
            chains,
            rate,
            n,
            faults,
            text,
            evidence=more.pop("evidence", CAPTURED),
            aborted=faults.stop is not None,
            header=not faults.join_late,
            told=not (faults.no_end or faults.stop),
            rows=more,
        )
        for text, faults, more in made
    ]


def _evidence() -> list[Cell]:
    n, rate = 100_000, 925.0
    chains = pump_probe(rate, n, 2, 3e-4)
    much = Faults(lost=1e-2, missed=1e-2, skew=100, jitter=3e-6)
    bursts = Faults(lost=1e-3, missed=1e-3, lost_bursts=(4, 5.0), skew=50, jitter=3e-6)
    late = {"head": 1}
    return [
        Cell("light:dark 1:1", chains, rate, n, much, "1 % lost, missed", OWN_JITTER),
        Cell(
            "light:dark 1:1", chains, rate, n, bursts, "bursts of lost, 5 s", OWN_JITTER
        ),
        Cell(
            "light:dark 1:1",
            chains,
            rate,
            n,
            much,
            "first missed",
            OWN_JITTER,
            rows=late,
        ),
        Cell("light:dark 1:1", chains, rate, n, much, "1 % lost, missed", CLOCK),
        Cell("light:dark 1:1", chains, rate, n, bursts, "bursts of lost, 5 s", CLOCK),
        Cell("light:dark 1:1", chains, rate, n, much, "first missed", CLOCK, rows=late),
        Cell(
            "light:dark 1:1",
            chains,
            rate,
            n,
            Faults(step=(50.0, 4e-4), lost=1e-3, missed=1e-3),
            "clock step 0.4 ms",
            CLOCK,
        ),
        Cell("two slots", two_slots(rate, n), rate, n, much, "1 % lost, missed", CLOCK),
        Cell("light:dark 1:1", chains, rate, n, Faults(lost=1e-2), "1 % lost", COUNT),
        Cell("light:dark 1:1", chains, rate, n, much, "1 % lost, missed", COUNT),
    ]


def _strange() -> list[Cell]:
    """What looks like something else: triggers, rows, rates and clocks of others."""
    n, rate = 20_000, 925.0
    chains = pump_probe(rate, n, 2, 3e-4)
    some = Faults(lost=1e-3, missed=1e-3, skew=50, jitter=3e-6)
    clean = Faults(skew=50, jitter=3e-6)
    head = {"head": 1}
    year_ns = 365 * 86_400 * 10**9
    made: list[tuple[str, Faults, str, dict[str, Any]]] = [
        ("first missed", some, CAPTURED, {"rows": head}),
        ("first missed, end not told", some, CAPTURED, {"rows": head, "told": False}),
        ("first missed, end not told", some, OWN_JITTER, {"rows": head, "told": False}),
        ("first missed, end not told", some, CLOCK, {"rows": head, "told": False}),
        ("last 5000 rows lost", some, CAPTURED, {"rows": {"last_lost": 5000}}),
        ("last 5000 rows lost", some, OWN_JITTER, {"rows": {"last_lost": 5000}}),
        ("first 300 rows lost", some, CAPTURED, {"rows": {"first_lost": 300}}),
        ("first 300 rows lost", some, OWN_JITTER, {"rows": {"first_lost": 300}}),
        ("10 % of rows lost", some, CAPTURED, {"rows": {"some_lost": 0.1}}),
        ("10 % of rows lost", some, OWN_JITTER, {"rows": {"some_lost": 0.1}}),
        (
            "first missed, last row lost",
            clean,
            OWN_JITTER,
            {"rows": {**head, "last_lost": 1}},
        ),
        ("half rate", clean, CLOCK, {"slow": 2}),
        ("a third of the rate", clean, CLOCK, {"slow": 3}),
        ("half rate", clean, CAPTURED, {"slow": 2}),
        ("clocks years apart", some, CAPTURED, {"zero_ns": -8 * year_ns}),
        ("skew 300 ppm", Faults(skew=300, lost=1e-3, jitter=3e-6), CAPTURED, {}),
        ("skew 300 ppm", Faults(skew=300, lost=1e-3, jitter=3e-6), CLOCK, {}),
        ("clock step one hour", Faults(step=(10.0, 3600.0), jitter=3e-6), CAPTURED, {}),
    ]
    return [
        Cell("light:dark 1:1", chains, rate, n, faults, text, evidence, **more)
        for text, faults, evidence, more in made
    ]


def _large() -> list[Cell]:
    return [
        Cell(
            "light:dark 1:1",
            pump_probe(rate, n, 2, 0.3 / rate),
            rate,
            n,
            _MUCH,
            "1 % lost, missed",
            evidence,
        )
        for rate, n in ((10.0, 20_000), (100.0, 100_000), (2000.0, 1_000_000))
        for evidence in (CAPTURED, CLOCK)
    ]
