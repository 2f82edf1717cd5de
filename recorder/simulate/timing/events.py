"""What the simulated timing hardware says over MQTT, and how it gets there."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator

import numpy as np

from recorder.records import Json
from recorder.simulate.timing.faults import Faults
from recorder.simulate.timing.plan import Plan

CLOCK = "simulated-timing"
TICK_NS = 8
"""Resolution of the timing hardware's stamps."""
LATE_S = 2.0
"""Longest delay (s) of a row that comes late or again: at 100 Hz 200 images pass
meanwhile. Chosen, not tuned."""
_BEFORE_WRAP = 100
"""Triggers of a run before the counter wraps: it does so in any run."""


class TimingRows:
    """The events of one run.

    Args:
        plan: When everything happens.
        faults: What goes wrong with triggers, lasers and the counter.
        uid: Of the run.
        epoch_ns: Unix time of the run's start.
        seed: Decides the scatter of the rows.
    """

    def __init__(
        self, plan: Plan, faults: Faults, uid: str, epoch_ns: int, seed: int
    ) -> None:
        self._plan, self._faults, self._uid = plan, faults, uid
        self._epoch_ns = epoch_ns
        rng = np.random.default_rng((seed, 19))
        scatter = faults.jitter if faults.own_jitter else 0.0
        self._scatter = np.rint(rng.normal(0, scatter * 1e9, plan.size)).astype(int)
        order = np.argsort(plan.laser_trigger, kind="stable")
        self._lasers = order
        self._first = np.searchsorted(
            plan.laser_trigger[order], np.arange(plan.size + 1)
        )
        self._sensor = faults.misfire > 0 or faults.extra_shot > 0

    def _common(self, ordinal: int | None, time_ns: int) -> Json:
        row = {
            "schema": "recorder.event/1",
            "collection": self._uid,
            "clock": CLOCK,
            "evidence": "captured",
            "time_ns": (self._epoch_ns + time_ns) // TICK_NS * TICK_NS,
        }
        if ordinal is not None:
            row["trigger"] = self.number(ordinal)
        return row

    def number(self, ordinal: int) -> int:
        """The hardware's count of a trigger."""
        bits = self._faults.counter_bits
        if bits is None:
            return ordinal
        return int((ordinal - _BEFORE_WRAP) % (1 << bits))

    def reactions(self) -> list[Json]:
        """Rows of the reaction triggers."""
        return [
            {
                **self._common(None, time_ns),
                "uid": f"{self._uid}/r{n}",
                "type": "ReactionTrigger",
                "name": name,
            }
            for n, (name, time_ns) in enumerate(self._plan.reactions)
        ]

    def of_trigger(self, ordinal: int) -> list[Json]:
        """Rows of one trigger: lasers first, as they happen."""
        plan = self._plan
        rows: list[Json] = []
        mine = self._lasers[self._first[ordinal] : self._first[ordinal + 1]]
        for pulse in mine.tolist():
            laser = {
                **self._common(ordinal, int(plan.laser_ns[pulse])),
                "type": "LaserExcitation",
                "name": plan.laser_name[pulse] or None,
                "duration": float(plan.laser_duration_s[pulse]) or None,
            }
            if plan.commanded[pulse]:
                rows.append({**laser, "uid": f"{self._uid}/l{pulse}"})
            if self._sensor:
                # A photodiode that is read at every pulse asked for says 0, too.
                seen = 0.9 if plan.fired[pulse] else 0.0
                rows.append(
                    {
                        **laser,
                        "uid": f"{self._uid}/d{pulse}",
                        "evidence": "measured",
                        "value": seen,
                    }
                )
        time_ns = int(plan.xray_ns[ordinal] + self._scatter[ordinal])
        xray = {
            **self._common(ordinal, time_ns),
            "uid": f"{self._uid}/x{ordinal}",
            "type": "XrayDetection",
            "duration": int(plan.duration_ns[ordinal]) / 1e9 or None,
        }
        return [*rows, xray]


class Mail:
    """Messages on their way: some late, some twice, some never.

    Args:
        faults: ``late``, ``repeat``, ``away`` and ``rows_lost`` count here.
        seed: Decides which.
    """

    def __init__(self, faults: Faults, seed: int) -> None:
        self._faults = faults
        self._rng = np.random.default_rng((seed, 23))
        self._waiting: list[tuple[float, int, Json]] = []
        self._count = itertools.count()

    def post(self, rows: list[Json], now_s: float) -> None:
        """Hand in messages at a time of the run."""
        faults = self._faults
        if faults.rows_lost is not None and _within(faults.rows_lost, now_s):
            return
        for row in rows:
            late, again, delay, second = self._rng.random(4)
            due = now_s + (LATE_S * delay if late < faults.late else 0.0)
            self._put(due, row)
            if again < faults.repeat:
                self._put(now_s + LATE_S * second, row)

    def _put(self, due_s: float, row: Json) -> None:
        heapq.heappush(self._waiting, (due_s, next(self._count), row))

    def delivered(self, now_s: float) -> list[Json]:
        """What arrives by now; nothing while the broker is away."""
        away = self._faults.away
        if away is not None and _within(away, now_s):
            return []
        return list(self._due(now_s))

    def _due(self, now_s: float) -> Iterator[Json]:
        while self._waiting and self._waiting[0][0] <= now_s:
            yield heapq.heappop(self._waiting)[2]

    def rest(self) -> list[Json]:
        """All that is still on its way."""
        return list(self._due(float("inf")))


def _within(window: tuple[float, float], now_s: float) -> bool:
    return window[0] <= now_s < window[0] + window[1]
