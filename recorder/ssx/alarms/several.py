"""More images with several lattices than crystals that come independently make."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from recorder.ssx.alarms.baseline import Baseline, begun, counted, renewed
from recorder.ssx.alarms.events import Severity
from recorder.ssx.alarms.following import follow
from recorder.ssx.alarms.observation import Images
from recorder.ssx.alarms.rates import (
    Level,
    RateSpec,
    RateState,
    Signal,
    Trials,
    new_rate,
    refer,
)

SEVERAL = RateSpec(
    "several_lattices",
    (Level("", Severity.AMBER, 1.25, 2.0),),
    relative=True,
    given=True,
    arms_at=500,
    least=0.002,
)


def share_of_several(hit_rate: float) -> float:
    """Share of the hits that have two crystals or more, if they come independently.

    Their number in an image is then Poisson distributed, and its mean follows from the
    share of images that have none.

    Args:
        hit_rate: Above 0 and below 1.
    """
    mean = -math.log1p(-hit_rate)
    return 1 - mean * math.exp(-mean) / -math.expm1(-mean)


@dataclass(frozen=True, slots=True)
class SeveralState:
    """The share of several lattices, and the hit rate that it is expected from."""

    images: Baseline
    rate: RateState
    usual: float = 0.0
    """Share that somebody took as normal, be it above the expected one."""


def new_several() -> SeveralState:
    """The state at the start of a run."""
    return SeveralState(begun(None), new_rate(SEVERAL))


def follow_several(
    state: SeveralState, images: Images
) -> tuple[SeveralState, tuple[Signal, ...]]:
    """Takes images in; the expected share is worked out anew as more are known."""
    said: list[Signal] = []
    done = np.flatnonzero(images.processed)
    begin = 0
    while done.size:
        used = min(done.size, state.images.renew_at - state.images.trials)
        part = slice(begin, int(done[used]) if used < done.size else None)
        rate, more = follow(SEVERAL, state.rate, _trials(images, part))
        said += more
        hits = int(np.count_nonzero(images.hit[done[:used]]))
        state = replace(state, images=counted(state.images, used, hits), rate=rate)
        if state.images.trials >= state.images.renew_at:
            state = _expected(replace(state, images=renewed(state.images)))
        begin, done = part.stop or 0, done[used:]
    return state, tuple(said)


def _expected(state: SeveralState) -> SeveralState:
    hit_rate = state.images.share
    if not 0 < hit_rate < 1:
        return state
    expected = max(share_of_several(hit_rate), state.usual / SEVERAL.levels[0].good)
    return replace(state, rate=refer(SEVERAL, state.rate, expected))


def taken_as_usual(state: SeveralState, share: float) -> SeveralState:
    """With a share that is normal from now on, though crystals do not make it so."""
    return _expected(replace(state, usual=share))


def _trials(images: Images, part: slice) -> Trials:
    several, lattices = images.several[part], images.lattices[part]
    which = images.processed[part] & images.hit[part] & images.tried[part]
    which = which & several & (lattices > 0)
    return Trials(
        images.image_id[part][which], images.time_s[part][which], lattices[which] > 1
    )
