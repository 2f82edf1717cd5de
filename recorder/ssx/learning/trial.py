"""How hits index with some knowledge of geometry and cell."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from recorder.records import (
    Cell,
    ClassifySettings,
    Finding,
    Geometry,
    Lattice,
    Place,
    WorkLevel,
)
from recorder.ssx.arrays import FloatArray
from recorder.ssx.detector.geometry import scattering_vectors
from recorder.ssx.lattices import symmetry, unit_cell
from recorder.ssx.lattices.indexer import Indexer
from recorder.ssx.learning.joint_refinement import (
    Calibration,
    Expected,
    IndexedImage,
    refine_common,
)

_FITTED_NUMBERS = 7
"""Free numbers of a fitted lattice: its scale and six of its cell."""
_AT_LIMIT = 0.028
"""A fitted cell this far from the known one is at the limit of a fit, 3 %: it is no
evidence for the known cell, which would have to leave it."""
_BETTER = 1.01
"""Evidence must grow so much for a change."""
_REFINED_SHARE = 0.5
"""Share of the indexed images that a refinement must still explain when it ends: what
few of them agree on is another lattice. Chosen, not tuned."""
_KEPT_SHARE = 0.95
"""Share of the indexed images that a change may not fall below: of 24 one may be lost.
Chosen, not tuned."""


@dataclass(frozen=True, slots=True, eq=False)
class LatticeKnowledge:
    """What the indexer starts from."""

    geometry: Geometry
    cell: Cell | None
    space_group: str | None
    """Of a cell that was found, its centring letter."""
    found: bool = False
    """The cell was not given."""
    images: int = 0
    """Indexed images that it rests on; 0: as it was said."""
    lattice: str | None = None
    """Bravais lattice of a cell that was found."""
    misfit: float | None = None
    """How far a cell that was found was from that symmetry, relative."""
    findings: tuple[Finding, ...] = ()
    """What people should know."""
    places: tuple[Place, ...] = ()
    """Where the beam was at the hits that index."""
    in_vain: int = 0
    """Lessons in a row whose search found nothing that the hits index with."""
    resting: int = 0
    """Lessons to come that do not search again."""


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """How hits index with some knowledge."""

    knowledge: LatticeKnowledge
    hits: Sequence[FloatArray]
    lattices: tuple[Lattice | None, ...]
    """Of each hit."""
    free: int = 0
    """Free numbers, common to all images, that were fitted to them."""
    distance_sigma: float = 0.0
    """Of the logarithm of the distance, if it was refined."""

    @property
    def indexed(self) -> int:
        """Hits with a lattice that counts."""
        return sum(item is not None for item in self.lattices)

    @property
    def rigid_share(self) -> float:
        """Share of the hits that index with the very cell, not with one fitted."""
        rigid = [i for i in self.lattices if i is not None and i.found_by != "fitted"]
        return len(rigid) / max(1, len(self.hits))

    @property
    def evidence(self) -> float:
        """Sum of -log10 NFA, less what the free numbers are worth.

        A number fitted to n values is worth half of log10 n of evidence (G. Schwarz,
        Ann. Statist. 6 (1978) 461).
        """
        total, spots = 0.0, 1
        for item in self.lattices:
            if item is None:
                continue
            spots += item.spots
            fitted = item.found_by == "fitted"
            price = _price(_FITTED_NUMBERS, item.spots) if fitted else 0.0
            total += max(0.0, -item.log10_nfa - price)
        return total - _price(self.free, spots)

    def better_than(self, other: Trial) -> bool:
        """Whether it is worth a change."""
        if self.indexed < _KEPT_SHARE * other.indexed:
            return False
        return self.evidence > max(_BETTER * other.evidence, 0.0)


def _price(numbers: int, spots: int) -> float:
    # three coordinates of each spot
    return 0.5 * numbers * math.log10(3 * max(1, spots))


def sorted_vectors(geometry: Geometry, xy: FloatArray) -> FloatArray:
    """Scattering vectors (n, 3) of spots (n, 2), lowest |q| first."""
    q = scattering_vectors(geometry, xy[:, 0], xy[:, 1])
    return q[np.argsort(np.linalg.norm(q, axis=1), kind="stable")]


def try_hits(
    known: LatticeKnowledge,
    hits: Sequence[FloatArray],
    settings: ClassifySettings,
    effort: WorkLevel = WorkLevel.FULL,
) -> Trial:
    """Index hits.

    Args:
        known: With what.
        hits: Per hit (n, 2) positions of its spots, px.
        settings: How to classify.
        effort: What to leave out.
    """
    if known.cell is None:
        return Trial(known, hits, (None,) * len(hits))
    one = replace(settings, max_lattices=1)
    indexer = Indexer(known.cell, known.space_group, one, rigid=True)
    lattices = []
    for xy in hits:
        found = indexer.index(sorted_vectors(known.geometry, xy), effort)
        counts = found and not _at_limit(found[0], known.cell)
        lattices.append(found[0] if counts else None)
    return Trial(known, hits, tuple(lattices))


def _at_limit(lattice: Lattice, cell: Cell) -> bool:
    if lattice.found_by != "fitted":
        return False
    ratio = np.array(lattice.cell[:3]) / np.array(cell[:3])
    return bool(np.abs(ratio - 1).max() > _AT_LIMIT)


def primitive_images(trial: Trial) -> list[IndexedImage]:
    """The indexed images, with reduced primitive bases."""
    known = trial.knowledge
    if known.cell is None:
        return []
    _, back = symmetry.primitive_vectors(known.cell, known.space_group)
    forth = np.linalg.inv(back)
    return [
        IndexedImage(xy, forth @ np.reshape(item.vectors, (3, 3)))
        for xy, item in zip(trial.hits, trial.lattices, strict=True)
        if item is not None
    ]


def refined(
    trial: Trial,
    settings: ClassifySettings,
    effort: WorkLevel = WorkLevel.FULL,
    weights: Sequence[float] | None = None,
    given: LatticeKnowledge | None = None,
) -> Trial | None:
    """The same hits with what the indexed ones share, refined.

    Args:
        trial: Hits of which some index.
        settings: How to classify.
        effort: What to leave out when the hits are tried again.
        weights: Of each hit; None: all alike.
        given: What is expected where spots do not tell; None: the trial's own.
    """
    cell = trial.knowledge.cell
    if cell is None:
        return None
    basis, _ = symmetry.primitive_vectors(cell, trial.knowledge.space_group)
    images = primitive_images(trial)
    chosen = None
    if weights is not None:
        pairs = zip(weights, trial.lattices, strict=True)
        chosen = [weight for weight, item in pairs if item is not None]
    common = refine_common(
        images,
        trial.knowledge.geometry,
        basis,
        symmetry.rotations(basis),
        chosen,
        None if given is None else expected_of(given),
    )
    if common is None or common.images < _REFINED_SHARE * len(images):
        return None
    return tried_again(trial.knowledge, common, trial.hits, settings, effort)


def expected_of(given: LatticeKnowledge) -> Expected:
    """What was given, for a refinement."""
    if given.cell is None:
        return Expected(given.geometry, None)
    basis, _ = symmetry.primitive_vectors(given.cell, given.space_group)
    return Expected(given.geometry, basis)


def tried_again(
    known: LatticeKnowledge,
    common: Calibration,
    hits: Sequence[FloatArray],
    settings: ClassifySettings,
    effort: WorkLevel = WorkLevel.FULL,
) -> Trial:
    """Hits with a calibration of their own."""
    if known.cell is None:
        return try_hits(known, hits, settings, effort)
    _, back = symmetry.primitive_vectors(known.cell, known.space_group)
    cell = unit_cell.cell_from_vectors(back @ common.basis)
    better = replace(known, geometry=common.geometry, cell=cell, images=common.images)
    trial = try_hits(better, hits, settings, effort)
    return replace(trial, free=common.free, distance_sigma=common.distance_sigma)
