"""The simulated timing system: when lasers and X-rays come, and what that makes true.

Worked out pulse by pulse from the declared chains, apart from the code that is tested
with it. All times are integer ns from the run's start on the true clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recorder.records import Json
from recorder.simulate.arrays import Ints, Mask
from recorder.simulate.timing.faults import Faults

NEVER = np.iinfo(np.int64).min
NO_END = 1 << 61
"""Stands for no next position (ns): later than any time, and sums with times stay
within 64 bits."""


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """All triggers and all laser pulses of a run, with their truth."""

    xray_ns: Ints
    """Start of each X-ray detection, with its jitter, ascending, shape (n,)."""
    due_ns: Ints
    """The same without jitter."""
    slot: Ints
    """Which detection event of its chain."""
    duration_ns: Ints
    light: Mask
    dark_n: Ints
    """-1 before the first light one."""
    delay_ns: Ints
    """Since the last pulse that fired; NEVER before the first."""
    laser_ns: Ints
    """Start of each laser pulse that was asked for, with its jitter, shape (m,)."""
    laser_trigger: Ints
    """The trigger that each pulse lights first."""
    laser_duration_s: NDArray[np.float64]
    laser_name: tuple[str, ...]
    """By pulse."""
    fired: Mask
    """False for misfires."""
    commanded: Mask
    """False for extra shots."""
    reactions: tuple[tuple[str, int], ...]
    """Name and time of each reaction trigger."""

    @property
    def size(self) -> int:
        """Triggers."""
        return int(self.xray_ns.size)


def make_plan(
    chains: Sequence[Json], triggers: int, faults: Faults, seed: int, gap_s: float = 0.1
) -> Plan:
    """Unroll chains into pulses, with jitter, misfires and extra shots.

    Args:
        chains: As in ``collection/start``.
        triggers: X-ray detections to make.
        faults: ``jitter``, ``misfire`` and ``extra_shot`` count here.
        seed: Decides them.
        gap_s: Mean time between positions, for chains of scope ``position``.
    """
    rng = np.random.default_rng((seed, 11))
    xray, lasers = _unrolled(chains, triggers, gap_s, rng)
    order = np.argsort(np.concatenate([x.times for x in xray]), kind="stable")
    order = order[:triggers]
    due = np.concatenate([x.times for x in xray])[order]
    event = np.repeat(np.arange(len(xray)), [x.times.size for x in xray])[order]
    slot = np.array([x.slot for x in xray])[event]
    pulses = sorted(
        (int(t), n, int(span))
        for n, laser in enumerate(lasers)
        for t, span in zip(laser.times, laser.span_ns, strict=True)
    )
    times = np.array([t for t, _, _ in pulses], np.int64)
    until = times + np.array([span for _, _, span in pulses], np.int64)
    kinds = [lasers[n] for _, n, _ in pulses]
    fired = rng.random(times.size) >= faults.misfire
    lit, first = _lit(due, event, xray, times, until, kinds, fired)
    commanded = np.ones(times.size, np.bool_)
    extra = np.flatnonzero((rng.random(due.size) < faults.extra_shot) & ~lit)
    if extra.size and (first >= 0).any():
        ahead = int(np.median(due[first[first >= 0]] - times[first >= 0]))
        times = np.concatenate((times, due[extra] - ahead))
        ends = due + np.concatenate([x.span_ns for x in xray])[order]
        until = np.concatenate((until, ends[extra]))
        fired = np.concatenate((fired, np.ones(extra.size, np.bool_)))
        commanded = np.concatenate((commanded, np.zeros(extra.size, np.bool_)))
        kinds += [kinds[0]] * extra.size
        again = np.argsort(times, kind="stable")
        times, until, fired = times[again], until[again], fired[again]
        commanded, kinds = commanded[again], [kinds[n] for n in again.tolist()]
        lit, first = _lit(due, event, xray, times, until, kinds, fired)
    keep = first >= 0
    times, fired, first = times[keep], fired[keep], first[keep]
    commanded = commanded[keep]
    kinds = [kind for kind, here in zip(kinds, keep.tolist(), strict=True) if here]
    jitter = np.rint(rng.normal(0, faults.jitter * 1e9, due.size)).astype(np.int64)
    wobble = np.rint(rng.normal(0, faults.jitter * 1e9, times.size)).astype(np.int64)
    real_x, real_l = due + jitter, times + wobble
    return Plan(
        xray_ns=np.maximum.accumulate(real_x),
        due_ns=due,
        slot=slot,
        duration_ns=np.array([round(x.duration * 1e9) for x in xray], np.int64)[event],
        light=lit,
        dark_n=_since_light(lit),
        delay_ns=_delays(real_x, real_l[fired]),
        laser_ns=real_l,
        laser_trigger=first,
        laser_duration_s=np.array([k.duration for k in kinds], np.float64),
        laser_name=tuple(k.name for k in kinds),
        fired=fired,
        commanded=commanded,
        reactions=_reactions(chains),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Pulsed:
    """One event, unrolled."""

    chain: int
    slot: int
    name: str
    duration: float
    times: Ints
    span_ns: Ints
    """How far each pulse reaches: to the end of its position."""


def _unrolled(
    chains: Sequence[Json], triggers: int, gap_s: float, rng: np.random.Generator
) -> tuple[list[_Pulsed], list[_Pulsed]]:
    xray: list[_Pulsed] = []
    lasers: list[_Pulsed] = []
    by_position = any(chain.get("scope") == "position" for chain in chains)
    starts = np.zeros(1, np.int64)
    if by_position:
        spread = 0.5 + rng.random(triggers)
        starts = np.concatenate(([0], np.cumsum(np.rint(spread * gap_s * 1e9))))
        starts = starts[:triggers].astype(np.int64)
    for number, chain in enumerate(chains):
        mine = sorted(chain["events"], key=lambda event: event["offset"])
        slot = 0
        for event in mine:
            if event["type"] not in ("XrayDetection", "LaserExcitation"):
                continue
            period = event.get("period") or 0.0
            count = int(event.get("repetition") or (1 if by_position else triggers))
            count = min(count, triggers + 1) if period else 1
            steps = np.rint(np.arange(count) * (period * 1e9)).astype(np.int64)
            once = round(event["offset"] * 1e9) + steps
            times = (starts[:, None] + once[None, :]).ravel()
            ends = np.append(starts[1:], NO_END)
            span = np.repeat(ends, once.size) - times
            is_xray = event["type"] == "XrayDetection"
            pulsed = _Pulsed(
                number,
                slot,
                event.get("name") or "",
                event.get("duration") or 0.0,
                times,
                span,
            )
            (xray if is_xray else lasers).append(pulsed)
            slot += is_xray
    return xray, lasers


def _lit(
    due: Ints,
    event: Ints,
    xray: list[_Pulsed],
    times: Ints,
    until: Ints,
    kinds: list[_Pulsed],
    fired: Mask,
) -> tuple[Mask, Ints]:
    """Which triggers are light, and the first trigger that each pulse is for.

    A pulse lights the next detection of each detection event of its own chain, or of
    all chains if its own has none, but none of the next position.
    """
    lit = np.zeros(due.size, np.bool_)
    first = np.full(times.size, due.size, np.int64)
    for n, detection in enumerate(xray):
        places = np.flatnonzero(event == n)
        own = np.array([k.chain == detection.chain for k in kinds], np.bool_)
        alone = np.array(
            [all(x.chain != k.chain for x in xray) for k in kinds], np.bool_
        )
        mine = np.flatnonzero(own | alone)
        target = np.searchsorted(due[places], times[mine])
        inside = target < places.size
        inside[inside] = due[places[target[inside]]] < until[mine[inside]]
        mine, hit = mine[inside], places[target[inside]]
        first[mine] = np.minimum(first[mine], hit)
        lit[hit[fired[mine]]] = True
    return lit, np.where(first < due.size, first, -1)


def _since_light(lit: Mask) -> Ints:
    found, count = np.empty(lit.size, np.int64), -1
    for n, light in enumerate(lit.tolist()):
        count = 0 if light else (count + 1 if count >= 0 else -1)
        found[n] = count
    return found


def _delays(xray: Ints, laser: Ints) -> Ints:
    laser = np.sort(laser)
    last = np.searchsorted(laser, xray, side="right") - 1
    delays: Ints = (
        np.where(last >= 0, xray - laser[np.maximum(last, 0)], NEVER)
        if (laser.size)
        else np.full(xray.size, NEVER, np.int64)
    )
    return delays


def _reactions(chains: Sequence[Json]) -> tuple[tuple[str, int], ...]:
    return tuple(
        (event.get("name") or "", round(event["offset"] * 1e9))
        for chain in chains
        for event in chain["events"]
        if event["type"] == "ReactionTrigger"
    )


def detector_times(plan: Plan, faults: Faults, epoch_ns: int, seed: int) -> Ints:
    """Start of each exposure on the detector's own clock (ns), shape (n,)."""
    return on_its_clock(plan.xray_ns, faults, epoch_ns, seed)


def on_its_clock(xray_ns: Ints, faults: Faults, epoch_ns: int, seed: int) -> Ints:
    """Times (n,) of the run on the detector's own clock (ns).

    The clock runs ``skew`` ppm fast, gains ``drift`` ppm in an hour, jumps once by
    ``step``, and its stamps scatter by ``stamp``.
    """
    rng = np.random.default_rng((seed, 13))
    t = xray_ns / 1e9
    fast = faults.skew * 1e-6 * t + faults.drift * 1e-6 / 3600 * t * t / 2
    if faults.step is not None:
        at, size = faults.step
        fast = fast + np.where(t >= at, size, 0.0)
    fast = fast + rng.normal(0, faults.stamp, t.size)
    times: Ints = epoch_ns + xray_ns + np.rint(fast * 1e9).astype(np.int64)
    return times
