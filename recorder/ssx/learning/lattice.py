"""Geometry and cell of a run, learned from its hits.

If most hits index, what they share is refined from those. If not, or if no cell is
known, candidate vectors of single images are searched without trusting scale or beam
centre, and what several images propose alike is tried. Either way the result is
taken only if the hits index better with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from recorder.records import Cell, ClassifySettings, Geometry, Lattice
from recorder.ssx.arrays import FloatArray
from recorder.ssx.detector.geometry import scattering_vectors
from recorder.ssx.lattices import symmetry, unit_cell
from recorder.ssx.lattices.indexer import Indexer
from recorder.ssx.lattices.refinement import symmetrise, with_metric
from recorder.ssx.learning.cell_search import (
    Proposal,
    common_cell,
    propose_known,
    propose_unknown,
)
from recorder.ssx.learning.joint_refinement import IndexedImage, refine_common

MIN_SPOTS = 15
"""Spots of a hit that teaches: with 12 an unknown cell was found in 0.5 to 0.7 of the
images, with 20 in 0.8 to 0.96. Half or double leaves every later hit indexed (`make
bench-quality`, after 30 hits, a monoclinic cell)."""
MIN_HITS = 4
"""Hits without which nothing is learned, and that must index: one more than must agree.
Chosen, not tuned."""
_TRIED = 24
"""Hits that are tried: they set the time of a lesson. Half or double leaves every later
hit indexed (`make bench-quality`, after 30 hits, a monoclinic cell)."""
_MANY = 150
"""Spots of an image that are refined or searched, the strongest."""
_WELL = 0.6
"""If this share of the hits is indexed, search is not needed."""
_FOUND_SHARE = 0.3
"""A cell that was found must index this share of the hits."""
_BETTER = 1.01
"""Evidence (log10 NFA) must grow so much for a change."""
_KEPT_SHARE = 0.95
"""Share of the indexed images that a change may not fall below: of 24 one may be lost.
Chosen, not tuned."""
_AGREE_PX = 2.0
"""Distance (px) of proposed beam centres that agree: with a centre so far off images
still index. Half or double leaves every later hit indexed (`make bench-quality`, after
30 hits, a monoclinic cell)."""
_LEAST_AGREE = 3
"""Proposals that must agree on a centre: two may by chance. 1 or 6 leaves every later
hit indexed (`make bench-quality`, after 30 hits, a monoclinic cell)."""
_AGREE_SHARE = 1 / 3
"""The same as a share of those that propose anything."""


@dataclass(frozen=True, slots=True, eq=False)
class LatticeKnowledge:
    """What the indexer starts from."""

    geometry: Geometry
    cell: Cell | None
    space_group: str | None
    found: bool = False
    """The cell was not given."""
    images: int = 0
    """Indexed images that it rests on; 0: as it was said."""


@dataclass(frozen=True, slots=True, eq=False)
class _Trial:
    """How hits index with some knowledge."""

    knowledge: LatticeKnowledge
    lattices: tuple[Lattice | None, ...]

    @property
    def indexed(self) -> int:
        return sum(item is not None for item in self.lattices)

    @property
    def evidence(self) -> float:
        return -sum(item.log10_nfa for item in self.lattices if item is not None)

    def better_than(self, other: _Trial) -> bool:
        if self.indexed < _KEPT_SHARE * other.indexed:
            return False
        return self.evidence > _BETTER * other.evidence


def learn_lattice(
    known: LatticeKnowledge,
    hits: Sequence[FloatArray],
    settings: ClassifySettings,
) -> LatticeKnowledge:
    """Better geometry and cell, if the hits tell them.

    Args:
        known: Where to start.
        hits: Per image (n, 2) positions of its spots, px, strongest first.
        settings: How to classify.

    Returns:
        `known` itself if nothing better was found.
    """
    useful = sorted(hits, key=len, reverse=True)
    useful = [xy[:_MANY] for xy in useful if len(xy) >= MIN_SPOTS]
    if len(useful) < MIN_HITS:
        return known
    chosen = useful[:: max(1, len(useful) // _TRIED)][:_TRIED]
    if known.cell is None:
        return _searched_cell(known, chosen, settings) or known
    best = _try(known, chosen, settings)
    if best.indexed < _WELL * len(chosen):
        proposed = _proposed(known, chosen, settings)
        if proposed is not None and proposed.better_than(best):
            best = proposed
    if best.indexed >= MIN_HITS:
        refined = _refined(best, chosen, settings)
        if refined is not None and refined.better_than(best):
            best = refined
    return best.knowledge


def _vectors(geometry: Geometry, xy: FloatArray) -> FloatArray:
    q = scattering_vectors(geometry, xy[:, 0], xy[:, 1])
    return q[np.argsort(np.linalg.norm(q, axis=1), kind="stable")]


def _try(
    known: LatticeKnowledge, hits: Sequence[FloatArray], settings: ClassifySettings
) -> _Trial:
    if known.cell is None:
        return _Trial(known, (None,) * len(hits))
    indexer = Indexer(known.cell, known.space_group, replace(settings, max_lattices=1))
    found = [indexer.index(_vectors(known.geometry, xy)) for xy in hits]
    return _Trial(known, tuple(item[0] if item else None for item in found))


def _refined(
    trial: _Trial, hits: Sequence[FloatArray], settings: ClassifySettings
) -> _Trial | None:
    """What the indexed images share, refined."""
    known = trial.knowledge
    if known.cell is None:
        return None
    basis, back = symmetry.primitive_vectors(known.cell, known.space_group)
    forth = np.linalg.inv(back)
    images = [
        IndexedImage(xy, forth @ np.reshape(item.vectors, (3, 3)))
        for xy, item in zip(hits, trial.lattices, strict=True)
        if item is not None
    ]
    return _common(known, images, basis, hits, settings)


def _common(
    known: LatticeKnowledge,
    images: Sequence[IndexedImage],
    basis: FloatArray,
    hits: Sequence[FloatArray],
    settings: ClassifySettings,
) -> _Trial | None:
    rotations = symmetry.rotations(basis)
    common = refine_common(images, known.geometry, basis, rotations)
    if common is None or known.cell is None:
        return None
    _, back = symmetry.primitive_vectors(known.cell, known.space_group)
    cell = unit_cell.cell_from_vectors(back @ common.basis)
    better = replace(known, geometry=common.geometry, cell=cell, images=common.images)
    return _try(better, hits, settings)


def _proposed(
    known: LatticeKnowledge, hits: Sequence[FloatArray], settings: ClassifySettings
) -> _Trial | None:
    """The known cell with another scale, about another beam centre."""
    if known.cell is None:
        return None
    basis, back = symmetry.primitive_vectors(known.cell, known.space_group)
    pairs = []
    for xy in hits:
        found = propose_known(_vectors(known.geometry, xy), basis)
        if found is not None:
            pairs.append((xy, found))
    moved = _agreed_centre(known.geometry, [found for _, found in pairs])
    if moved is None:
        return None
    geometry, agreeing = moved
    pairs = [pairs[n] for n in agreeing]
    same = symmetry.symmetry_matrices(basis)
    shapes = [symmetrise(found.basis, same) for _, found in pairs]
    cells = [unit_cell.cell_from_vectors(back @ shape) for shape in shapes]
    a, b, c, alpha, beta, gamma = (float(v) for v in np.median(cells, axis=0))
    start = replace(known, geometry=geometry, cell=(a, b, c, alpha, beta, gamma))
    images = [IndexedImage(xy, found.basis) for xy, found in pairs]
    # the proposals' axes are those of `basis`: its own cell, scaled, has them too
    middle = with_metric(basis, np.median([s @ s.T for s in shapes], axis=0))
    return _common(start, images, middle, hits, settings)


def _agreed_centre(
    geometry: Geometry, proposals: Sequence[Proposal]
) -> tuple[Geometry, list[int]] | None:
    """The beam centre that most proposals want, and which ones do."""
    if len(proposals) < _LEAST_AGREE:
        return None
    scale = geometry.wavelength * geometry.distance / np.array(geometry.pixel_size)
    shifts = np.array([item.shift[:2] * scale for item in proposals])
    apart = np.linalg.norm(shifts[:, None] - shifts[None], axis=2)
    near = apart < _AGREE_PX
    chosen = near[int(np.argmax(near.sum(axis=1)))]
    if chosen.sum() < max(_LEAST_AGREE, _AGREE_SHARE * len(proposals)):
        return None
    x, y = np.median(shifts[chosen], axis=0)
    centre = (geometry.beam_center[0] + float(x), geometry.beam_center[1] + float(y))
    return replace(geometry, beam_center=centre), np.flatnonzero(chosen).tolist()


def _searched_cell(
    known: LatticeKnowledge, hits: Sequence[FloatArray], settings: ClassifySettings
) -> LatticeKnowledge | None:
    """A cell that nobody gave, if the hits agree on one."""
    pairs = []
    for xy in hits:
        q = _vectors(known.geometry, xy)
        found = propose_unknown(q, settings.max_cell_length)
        if found is not None:
            pairs.append((xy, found))
    agreed = common_cell([found for _, found in pairs])
    if agreed is None:
        return None
    cell, members = agreed
    moved = _agreed_centre(known.geometry, [pairs[n][1] for n in members])
    geometry = known.geometry if moved is None else moved[0]
    start = replace(known, geometry=geometry, cell=cell, space_group=None, found=True)
    trial = _try(start, hits, settings)
    if trial.indexed >= MIN_HITS:
        refined = _refined(trial, hits, settings)
        if refined is not None and refined.better_than(trial):
            trial = refined
    if trial.indexed < max(MIN_HITS, _FOUND_SHARE * len(hits)):
        return None
    return replace(trial.knowledge, images=max(trial.knowledge.images, trial.indexed))
