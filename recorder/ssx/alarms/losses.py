"""Images are lost: more than now and then, or every second one."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from recorder.ssx.alarms.events import Severity
from recorder.ssx.alarms.observation import Fates
from recorder.ssx.alarms.rates import Level, RateSpec, Trials

LOSSES = RateSpec("losses", (Level("", Severity.RED, 1e-4, 1e-2),))
_SAME_GAPS = 8
"""Equal distances between lost images (or received ones) that tell of another client:
by chance, with half of the images lost, 1 in 65 000."""
_MOST_CLIENTS = 16
"""Distance, at most: nobody has more clients at one detector."""


def loss_trials(fates: Fates) -> Trials:
    """Each image that the detector made."""
    return Trials(fates.image_id, fates.time_s, fates.lost)


@dataclass(frozen=True, slots=True)
class Comb:
    """How regularly images are lost: two counts, of the lost and of the received."""

    last: tuple[int, int] = (-1, -1)
    """Newest image that was received, and that was lost."""
    gap: tuple[int, int] = (0, 0)
    """Distance of the newest two."""
    same: tuple[int, int] = (0, 0)
    """How often that distance came, one after the other."""
    since_image: int = -1
    since_s: float = 0.0
    """First loss after a while without any."""
    told: bool = False


@dataclass(frozen=True, slots=True)
class Teeth:
    """A comb of losses was seen, or is over."""

    told: bool
    every: int
    """Distance; of the lost images, or of the received ones if most are lost."""
    received: bool
    since_image: int
    since_s: float
    at_image: int
    at_s: float


def follow_comb(state: Comb, fates: Fates) -> tuple[Comb, tuple[Teeth, ...]]:
    """Takes fates in; cheap while nothing is lost.

    Returns:
        The comb, and what there is to say: every n-th image is missing (or every n-th
        is all that comes), or no longer.
    """
    said: list[Teeth] = []
    lost = np.flatnonzero(fates.lost)
    if not lost.size and not state.told:
        if fates.lost.size:
            state = _calm(state, int(fates.image_id[-1]))
        return state, ()
    for image_id, time_s, is_lost in zip(
        fates.image_id.tolist(),
        fates.time_s.tolist(),
        fates.lost.tolist(),
        strict=True,
    ):
        state, more = _one(state, image_id, time_s, is_lost)
        said += more
    return state, tuple(said)


def _calm(state: Comb, newest: int) -> Comb:
    """After images that all came: the received ones follow each other."""
    return replace(
        state,
        last=(newest, state.last[1]),
        gap=(1, state.gap[1]),
        same=(0, state.same[1]),
    )


def _one(
    state: Comb, image_id: int, time_s: float, lost: bool
) -> tuple[Comb, list[Teeth]]:
    side = int(lost)
    gap = image_id - state.last[side] if state.last[side] >= 0 else 0
    comb = 2 <= gap <= _MOST_CLIENTS and gap == state.gap[side]
    same = state.same[side] + 1 if comb else 0
    since = (state.since_image, state.since_s)
    if lost and not 0 < gap <= _MOST_CLIENTS:  # the first after a while without
        since = image_id, time_s
    state = replace(
        state,
        last=_put(state.last, side, image_id),
        gap=_put(state.gap, side, gap),
        same=_put(state.same, side, same),
        since_image=since[0],
        since_s=since[1],
    )
    here = image_id, time_s
    if same >= _SAME_GAPS and not state.told:
        state = replace(state, told=True)
        return state, [Teeth(True, gap, not lost, *since, *here)]
    if state.told and not lost and _over(state, image_id):
        state = replace(state, told=False, same=(0, 0))
        return state, [Teeth(False, gap, True, *since, *here)]
    return state, []


def _over(state: Comb, image_id: int) -> bool:
    """Nothing was lost for long enough that the comb cannot go on."""
    return image_id - state.last[1] > _SAME_GAPS * _MOST_CLIENTS


def _put(pair: tuple[int, int], side: int, value: int) -> tuple[int, int]:
    return (pair[0], value) if side else (value, pair[1])
