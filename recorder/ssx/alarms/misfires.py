"""The laser does not fire when it is due: too often, in a row, or never."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np

from recorder.ssx.alarms.events import Severity
from recorder.ssx.alarms.observation import Pulses
from recorder.ssx.alarms.rates import Level, RateSpec, Trials

MISFIRES = RateSpec(
    "misfires",
    (
        Level("many", Severity.RED, 0.001, 0.05),
        Level("", Severity.AMBER, 0.001, 0.01),
    ),
)
IN_A_ROW = 3
"""Misfires one after the other that are told at once: with 1 in 1000 that happens by
chance once in 10⁹ pulses."""
NEVER = 20
"""Pulses due of which none fired since the run began: the laser is off, or its sensor
sees nothing."""


@dataclass(frozen=True, slots=True)
class RowOfMisfires:
    """The pulses that are being missed now."""

    length: int = 0
    first_image: int = -1
    first_s: float = 0.0
    ever_fired: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """Something about a row of misfires that is told or over."""

    told: bool
    never: bool
    """It is no row but all pulses of the run."""
    first_image: int
    first_s: float
    at_image: int
    at_s: float
    length: int


def pulse_trials(pulses: Pulses) -> Trials:
    """Each pulse that was due and of which it is known whether it came."""
    return Trials(pulses.image_id, pulses.time_s, ~pulses.fired)


def follow_row(
    state: RowOfMisfires, pulses: Pulses
) -> tuple[RowOfMisfires, tuple[Row, ...]]:
    """Takes pulses in.

    Returns:
        The row as it is now, and each row that got long, turned out to be all there
        is, or ended.
    """
    said: list[Row] = []
    fired = pulses.fired
    edges = [0, *(np.flatnonzero(np.diff(fired)) + 1).tolist(), fired.size]
    for begin, end in itertools.pairwise(edges):
        if begin == end:
            continue
        at = int(pulses.image_id[begin]), float(pulses.time_s[begin])
        if fired[begin]:
            if state.length >= IN_A_ROW:
                said.append(_row(state, False, *at, state.length))
            state = RowOfMisfires(ever_fired=True)
            continue
        if state.length == 0:
            state = replace(state, first_image=at[0], first_s=at[1])
        for long in (IN_A_ROW, NEVER):
            n = long - state.length - 1  # the pulse that makes it so long
            if 0 <= n < end - begin and not (long == NEVER and state.ever_fired):
                place = int(pulses.image_id[begin + n]), float(pulses.time_s[begin + n])
                said.append(_row(state, True, *place, long))
        state = replace(state, length=state.length + end - begin)
    return state, tuple(said)


def _row(state: RowOfMisfires, told: bool, image: int, at_s: float, n: int) -> Row:
    never = n >= NEVER and not state.ever_fired
    return Row(told, never, state.first_image, state.first_s, image, at_s, n)
