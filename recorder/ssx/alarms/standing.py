"""An alarm that was raised: does it get worse, is more known, is it over?"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from recorder.ssx.alarms.cusum import paths
from recorder.ssx.alarms.rates import (
    HOLD_S,
    LOOKS_S,
    RateSpec,
    RateState,
    Said,
    Signal,
    Standing,
    Steps,
    Sum,
    Trials,
    shares_of,
    steps_of,
)
from recorder.ssx.alarms.walking import Walk, advanced, first, moves_of, units, walk
from recorder.ssx.arrays import Int64Array

_RECOVERED = math.log(200)
"""Log-likelihood ratio for the good share over the bad one that clears an alarm:
200 to 1, so that an alarm that still holds seldom clears. Chosen, not tuned."""


def normal_of(spec: RateSpec, state: RateState) -> float:
    """The share when all is well: as counted, or as the design has it."""
    if spec.given:
        return state.reference
    if spec.relative:
        return state.baseline.share
    return shares_of(spec, spec.levels[0], state.reference)[0]


def raised(
    spec: RateSpec, state: RateState, level: int, part: Trials, at: int
) -> RateState:
    """With an alarm that begins, or gets worse, at a trial of the part."""
    old = state.standing
    standing = Standing(
        level,
        _since(old, state.sums[level]),
        int(part.image_id[at]),
        float(part.time_s[at]),
    )
    number = state.number + (old is None)
    return replace(state, standing=standing, number=number)


def _since(old: Standing | None, new: Sum) -> Sum:
    """The newer counts, from where the older sum saw it begin if that is earlier."""
    if old is None or old.since.time_s >= new.time_s:
        return new
    return replace(new, image_id=old.since.image_id, time_s=old.since.time_s)


def signal_of(spec: RateSpec, state: RateState, said: Said) -> Signal:
    """What is said of the alarm that stands, at its own trial."""
    standing = state.standing
    assert standing is not None  # noqa: S101 - of the callers, never of the input
    return Signal(
        said,
        state.number,
        standing.level,
        standing.since,
        normal_of(spec, state),
        standing.at_image,
        standing.at_s,
    )


def while_standing(
    spec: RateSpec, state: RateState, standing: Standing, part: Trials
) -> tuple[RateState, int, list[Signal]]:
    """Until it gets worse, a look is due, it is over, or the part ends."""
    steps = steps_of(spec, state)
    n = part.image_id.size
    if steps is None:  # taken as normal, and too little to watch
        return replace(state, standing=None), 0, []
    since = np.abs(part.time_s - standing.at_s)  # a clock may be set back
    look = n
    if standing.looks < len(LOOKS_S):
        look = first(since >= LOOKS_S[standing.looks], n)
    worse = n
    way: Walk | None = None
    if standing.level:
        way = walk(spec, state, steps, part, standing.level)
        worse = way.over
    held = first(since >= HOLD_S, n)
    well, recovery = _recovery(spec, steps, standing, part, held)
    used = min(look + 1, worse + 1, well + 1, n)
    if way is not None:
        moved = [
            advanced(one, row, part, used)
            for one, row in zip(state.sums[: standing.level], way.path, strict=True)
        ]
        state = replace(state, sums=(*moved, *state.sums[standing.level :]))
    state = replace(
        state,
        seen=state.seen + used,
        standing=replace(
            standing,
            recovery=int(recovery[used - 1 - held]) if used > held else 0,
            trials=standing.trials + used,
            successes=standing.successes + int(part.success[:used].sum()),
        ),
    )
    return _after_standing(spec, state, part, used, (look, worse, well), way)


def _recovery(
    spec: RateSpec, steps: Steps, standing: Standing, part: Trials, held: int
) -> tuple[int, Int64Array]:
    """Where it is over (n: not yet), and the sum for that from ``held`` on."""
    level = standing.level
    moves = -moves_of(spec, steps, part.after(held), slice(level, level + 1))
    path = paths(moves, np.array([standing.recovery]))[0]
    n = part.image_id.size
    if not path.size:
        return n, path
    limit = _RECOVERED / steps.designs[level].nats * units(part)
    return held + first(path >= limit, n - held), path


def _after_standing(
    spec: RateSpec,
    state: RateState,
    part: Trials,
    used: int,
    places: tuple[int, int, int],
    way: Walk | None,
) -> tuple[RateState, int, list[Signal]]:
    """What happened at the last trial that was used, the worst of it first."""
    look, worse, well = places
    at, standing = used - 1, state.standing
    assert standing is not None  # noqa: S101
    here = int(part.image_id[at]), float(part.time_s[at])
    if worse == at and way is not None:
        state = raised(spec, state, way.level, part, at)
        return state, used, [signal_of(spec, state, Said.RAISED)]
    if well == at:
        told = replace(
            signal_of(spec, state, Said.CLEARED), at_image=here[0], at_s=here[1]
        )
        sums = (Sum(),) * len(state.sums)
        return replace(state, standing=None, sums=sums), used, [told]
    if look == at:
        standing = replace(standing, looks=standing.looks + 1)
        state = replace(state, standing=standing)
        told = replace(
            signal_of(spec, state, Said.LOOK), at_image=here[0], at_s=here[1]
        )
        return state, used, [told]
    return state, used, []
