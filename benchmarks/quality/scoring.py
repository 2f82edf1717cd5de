"""Whether what was found is what is there; shares nothing with finder and indexer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SHARE_3X3 = 0.88
"""Of the photons of a spot of sigma 0.8 px in the 3 x 3 pixels around its middle."""
SEEN_SNR = 6.0
"""Signal to noise of those from which a spot is visible: 46 photons on 0.6 photons/px.
The finder finds nearly all of these on a clean image."""
WINDOW = 4
"""Half width (px) of where the noise around a spot is measured, without the spot."""
RIGHT_DEGREES = 1.5
"""So far from a true lattice a found one may be turned. A beam centre that is 4 px off
turns it by 0.3 degrees."""
RIGHT_STRAIN = 0.05
"""So far from a true lattice a found one may be stretched: geometry and cell are off by
up to 2 % each."""


def visible(spots: Floats, blank: Floats) -> NDArray[np.bool_]:
    """Which spots stand out from the noise around them.

    Args:
        spots: (n, 3): x, y (px), expected photons.
        blank: (slow, fast), the same image without crystals, in photons; NaN where a
            pixel is bad.

    Returns:
        (n,)
    """
    if not len(spots):
        return np.zeros(0, np.bool_)
    padded = np.pad(blank, WINDOW, constant_values=np.nan)
    column, row = np.floor(spots[:, :2]).astype(np.int64).T
    reach = np.arange(2 * WINDOW + 1)
    around = padded[
        row[:, None, None] + reach[None, :, None],
        column[:, None, None] + reach[None, None, :],
    ]
    mean, variance = np.nanmean(around, axis=(1, 2)), np.nanvar(around, axis=(1, 2))
    signal = SHARE_3X3 * spots[:, 2]
    noise = np.sqrt(signal + 9 * np.maximum(mean, variance))
    return np.asarray(signal >= SEEN_SNR * noise)


def same_lattice(true: Floats, found: Floats) -> NDArray[np.int64] | None:
    """The change of basis if two lattices are one; None if they are two.

    Args:
        true: Real-space a, b, c (3, 3), rows, Å.
        found: The same, in any basis of the lattice.

    Returns:
        Whole numbers (3, 3), of determinant 1 or -1, that turn the true basis into
        the found one.
    """
    change = np.rint(found @ np.linalg.inv(true)).astype(np.int64)
    if abs(round(float(np.linalg.det(change)))) != 1:
        return None
    u, stretch, vt = np.linalg.svd(np.linalg.solve(change @ true, found))
    turn = u @ vt
    cosine = (float(np.trace(turn)) - 1) / 2
    degrees = math.degrees(math.acos(min(1.0, max(-1.0, cosine))))
    close = degrees < RIGHT_DEGREES and float(np.abs(stretch - 1).max()) < RIGHT_STRAIN
    return change if close else None


class Matched(NamedTuple):
    """Found lattices beside true ones."""

    found: tuple[int | None, ...]
    """For each true lattice the number of the first found one that is it."""
    wrong: int
    """Found ones that are none of the true ones, or one of them once more."""


def match(true: Sequence[Floats], found: Sequence[Floats]) -> Matched:
    """Which of the true lattices were found; (3, 3) each."""
    taken: dict[int, int] = {}
    wrong = 0
    for number, vectors in enumerate(found):
        here = [
            n
            for n, basis in enumerate(true)
            if n not in taken and same_lattice(basis, vectors) is not None
        ]
        if here:
            taken[here[0]] = number
        else:
            wrong += 1
    return Matched(tuple(taken.get(n) for n in range(len(true))), wrong)


def lengths_in_true_basis(true: Floats, found: Floats) -> Floats:
    """a, b, c (Å) of a found lattice, in the basis of the true one it is.

    Raises:
        ValueError: They are two lattices.
    """
    change = same_lattice(true, found)
    if change is None:
        raise ValueError("these are two lattices")
    back = np.linalg.inv(change) @ found
    return np.asarray(np.linalg.norm(back, axis=1))


def clopper_pearson(
    events: int, trials: int, level: float = 0.95
) -> tuple[float, float]:
    """Exact two-sided interval of a probability, by bisection of the binomial's tails.

    Args:
        events: How often it happened.
        trials: Of so many.
        level: Confidence.

    Raises:
        ValueError: There are no trials, or more events than trials.
    """
    if not 0 <= events <= trials or trials < 1:
        raise ValueError(f"{events} of {trials} is no rate")
    tail = (1 - level) / 2

    def at_most(k: int, p: float) -> float:
        return math.fsum(
            math.exp(
                math.lgamma(trials + 1)
                - math.lgamma(n + 1)
                - math.lgamma(trials - n + 1)
                + n * math.log(p)
                + (trials - n) * math.log1p(-p)
            )
            for n in range(k + 1)
        )

    def solve(k: int, wanted: float) -> float:
        """Where the chance of at most k events has fallen to this."""
        low, high = 0.0, 1.0
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if at_most(k, middle) > wanted else (low, middle)
        return (low + high) / 2

    lower = solve(events - 1, 1 - tail) if events else 0.0
    upper = solve(events, tail) if events < trials else 1.0
    return lower, upper
