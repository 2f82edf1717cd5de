"""From one learned state of a run to the next: background, then geometry and cell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recorder.records import ClassifierSetup, Learned, LearnedBackground
from recorder.ssx.learning.background import learn_background
from recorder.ssx.learning.kept_map import LOOKED, still_fits
from recorder.ssx.learning.lattice import LatticeKnowledge, When, learn_lattice
from recorder.ssx.spots.finder import SpotFinder

Checked = Callable[[NDArray[Any]], NDArray[np.integer]]
"""Makes an image one of the setup's type; raises ValueError if it cannot be."""


def with_background(
    finder: SpotFinder,
    previous: Learned,
    images: Sequence[NDArray[Any]],
    checked: Checked,
    gain: float | None,
    *,
    non_hits: int,
) -> LearnedBackground | None:
    """The last map if it fits and is as good as a new one would be; else a new one.

    Args:
        finder: Set up for these images, with what was taken over.
        previous: The last state.
        images: (slow, fast) arrays, non-hits first; mostly few of them are asked for.
        checked: What is done to each.
        gain: Counts per photon; None estimates it.
        non_hits: How many of the images are non-hits.
    """
    known = previous.background
    if known is not None and (
        known.images >= len(images) and known.non_hits >= non_hits
    ):
        few = [checked(pixels) for pixels in images[:LOOKED]]
        if still_fits(finder, few, gain, previous.number, known):
            return known
    every = [checked(pixels) for pixels in images]
    return learn_background(finder, every, gain, non_hits=non_hits) or known


def with_lattice(
    setup: ClassifierSetup,
    previous: Learned,
    new: Learned,
    hits: Sequence[NDArray[np.floating]],
    when: When | None,
) -> Learned:
    """The new state with the geometry and cell that the hits teach.

    Args:
        setup: What was given.
        previous: The last state.
        new: The new one, which repeats the last one's.
        hits: Per hit (n, 2) spot positions, px, strongest first.
        when: When the hits came; None: the beam is not followed.
    """
    settings, start = setup.settings, setup.geometry
    if start is None or not settings.index or not settings.calibrate:
        return new
    given = LatticeKnowledge(start, setup.cell, setup.space_group)
    known = _in_use(given, previous)
    spots = [np.asarray(xy, dtype=np.float64) for xy in hits]
    better = learn_lattice(known, spots, settings, given, when)
    if better is known:
        return new
    return replace(
        new,
        # state 0 has what was given, and so has one that went back to it
        geometry=None if better.geometry == start else better.geometry,
        cell=None if better.cell == setup.cell else better.cell,
        cell_found=better.found,
        images=better.images,
        lattice=better.lattice,
        misfit=better.misfit,
        findings=better.findings,
        places=better.places,
        in_vain=better.in_vain,
        resting=better.resting,
    )


def _in_use(given: LatticeKnowledge, previous: Learned) -> LatticeKnowledge:
    """What was given, with what was learned since."""
    return replace(
        given,
        geometry=previous.geometry or given.geometry,
        cell=previous.cell or given.cell,
        space_group=previous.centring if previous.cell_found else given.space_group,
        found=previous.cell_found,
        images=previous.images,
        lattice=previous.lattice,
        misfit=previous.misfit,
        in_vain=previous.in_vain,
        resting=previous.resting,
    )
