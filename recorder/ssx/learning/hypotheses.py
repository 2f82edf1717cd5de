"""What else the hits could index with: the given cell in another size, or another cell.

Candidate vectors of single images are searched without trusting scale or beam centre;
what several images propose alike is refined over all of them and tried.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from recorder.records import ClassifySettings, Geometry, WorkLevel
from recorder.ssx.arrays import FloatArray
from recorder.ssx.lattices import symmetry
from recorder.ssx.lattices.bravais import BravaisLattice, bravais_lattices
from recorder.ssx.lattices.refinement import symmetrise, with_metric
from recorder.ssx.learning.cell_search import (
    Agreed,
    Proposal,
    like,
    propose_known,
)
from recorder.ssx.learning.joint_refinement import IndexedImage, refine_common
from recorder.ssx.learning.proposals import Proposals
from recorder.ssx.learning.same_lattice import scale_between
from recorder.ssx.learning.trial import (
    LatticeKnowledge,
    Trial,
    expected_of,
    primitive_images,
    refined,
    sorted_vectors,
    tried_again,
)

_AGREE_PX = 2.0
"""Distance (px) of proposed beam centres that agree: with a centre so far off images
still index. Half or double leaves every later hit indexed (`make bench-quality`, after
30 hits, a monoclinic cell)."""
_LEAST_AGREE = 3
"""Proposals that must agree on a centre: two may by chance. 1 or 6 leaves every later
hit indexed (`make bench-quality`, after 30 hits, a monoclinic cell)."""
_AGREE_SHARE = 1 / 3
"""The same as a share of those that propose anything."""
_OFFSETS = np.array(list(itertools.product((-1, 0, 1), repeat=3)), dtype=np.float64)
"""Phases of three vectors are known but for whole numbers."""
_LEVEL = 0.004
"""Shift (1/Å) along the beam that a wrong beam centre may make. Chosen, not tuned: its
own is far below, that of another reciprocal vector mostly above."""
SIZE = 0.13
"""Relative difference of the edges, on average, up to which a proposal is of the given
cell: more than is believed, so that the limit is seen."""
_LOOSE = 0.05
"""Misfit of a symmetry that a lattice may have before distance and centre are refined
with it: a distance 5 % off stretches the axes along the beam by 1.5 %."""
_FITS = 0.005
"""Misfit of a symmetry that it may have afterwards. Chosen, not tuned: the angles of a
monoclinic cell that is mistaken are within 0.3° of a right angle."""
_SHARPENED = 4
"""Times, at most, that a hypothesis is refined over the hits that index with it: each
brings spots at higher angles. Chosen, not tuned."""
_AS_GOOD = 0.97
"""Share of the evidence of the triclinic lattice that a symmetric one must keep."""


def free_scale(
    given: LatticeKnowledge,
    hits: Sequence[FloatArray],
    settings: ClassifySettings,
    more: Proposals,
) -> Trial | None:
    """The given cell with another scale, about another beam centre.

    Args:
        given: Geometry and cell to start from.
        hits: Per hit (n, 2) positions of its spots, px.
        settings: How to classify.
        more: What the hits propose without it: those of its shape count, too.
    """
    if given.cell is None:
        return None
    basis, _ = symmetry.primitive_vectors(given.cell, given.space_group)
    fine = set(like(more.made, basis, SIZE).members)
    pairs = [(more.hits[n], more.made[n]) for n in sorted(fine)]
    known = {id(xy) for xy, _ in pairs}
    for xy in more.asked:
        if id(xy) not in known:
            found = propose_known(sorted_vectors(given.geometry, xy), basis)
            if found is not None:
                pairs.append((xy, found))
    agreed = like([found for _, found in pairs], basis, SIZE)
    kept = [pairs[n] for n in agreed.members]
    moved = _agreed_centre(given.geometry, [found for _, found in kept])
    if moved is None:
        return None
    geometry, agreeing = moved
    same = symmetry.symmetry_matrices(basis)
    shapes = [symmetrise(agreed.bases[n], same) for n in agreeing]
    middle = with_metric(basis, np.median([s @ s.T for s in shapes], axis=0))
    images = [IndexedImage(kept[n][0], agreed.bases[n]) for n in agreeing]
    # either the cell has another size, or the detector another distance
    nearer = geometry.distance / scale_between(middle, basis)
    starts = ((geometry, middle), (replace(geometry, distance=nearer), basis))
    best: Trial | None = None
    for place, shape in starts:
        common = refine_common(
            images,
            place,
            shape,
            symmetry.rotations(basis),
            expected=expected_of(given),
        )
        if common is None:
            continue
        start = replace(given, geometry=place)
        trial = tried_again(start, common, hits, settings, WorkLevel.NO_RETRY)
        trial = _sharpened(trial, settings, given)
        if best is None or trial.better_than(best):
            best = trial
    return best


def other_cell(
    said: LatticeKnowledge,
    agreed: Agreed,
    proposals: Proposals,
    hits: Sequence[FloatArray],
    settings: ClassifySettings,
) -> Trial | None:
    """A cell that nobody gave, as symmetric as the hits allow.

    Args:
        said: Geometry to start from, without a cell.
        agreed: The cell that the images propose.
        proposals: Of which it was agreed on.
        hits: Per hit (n, 2) positions of its spots, px.
        settings: How to classify.
    """
    made = [proposals.made[n] for n in agreed.members]
    moved = _agreed_centre(said.geometry, made)
    geometry = said.geometry if moved is None else moved[0]
    start = replace(said, geometry=geometry, found=True)
    images = [
        IndexedImage(proposals.hits[n], basis)
        for n, basis in zip(agreed.members, agreed.bases, strict=True)
    ]
    lattices = bravais_lattices(agreed.basis, _LOOSE)
    triclinic = _with_lattice(start, said, lattices[-1], images, hits, settings)
    for lattice in _one_of_each(lattices[:-1]):
        trial = _with_lattice(start, said, lattice, images, hits, settings)
        if trial is None:
            continue
        if triclinic and trial.evidence < _AS_GOOD * triclinic.evidence:
            continue
        misfit = _free_misfit(trial, lattice.code)
        if misfit is not None and misfit <= _FITS:
            return replace(trial, knowledge=replace(trial.knowledge, misfit=misfit))
    return triclinic


def _one_of_each(lattices: Sequence[BravaisLattice]) -> list[BravaisLattice]:
    """Of each Bravais type the one that fits best."""
    best: dict[str, BravaisLattice] = {}
    for item in lattices:
        best.setdefault(item.code, item)
    return list(best.values())


def _with_lattice(
    start: LatticeKnowledge,
    said: LatticeKnowledge,
    lattice: BravaisLattice,
    images: Sequence[IndexedImage],
    hits: Sequence[FloatArray],
    settings: ClassifySettings,
) -> Trial | None:
    """All that the images share refined under a symmetry, and tried."""
    basis, back = symmetry.primitive_vectors(lattice.cell, lattice.centring)
    forth = np.linalg.inv(back) @ lattice.matrix
    here = [IndexedImage(item.xy, forth @ item.basis) for item in images]
    common = refine_common(
        here,
        start.geometry,
        basis,
        symmetry.rotations(basis),
        expected=expected_of(said),
    )
    if common is None:
        return None
    known = replace(
        start,
        cell=lattice.cell,
        space_group=lattice.centring,
        lattice=lattice.code,
        misfit=lattice.misfit,
    )
    trial = tried_again(known, common, hits, settings, WorkLevel.NO_RETRY)
    return _sharpened(trial, settings, said)


def _sharpened(
    trial: Trial, settings: ClassifySettings, given: LatticeKnowledge
) -> Trial:
    """Refined as long as it helps, over the hits that index each time."""
    for _ in range(_SHARPENED):
        again = refined(trial, settings, WorkLevel.NO_RETRY, given=given)
        if again is None or not again.better_than(trial):
            break
        trial = again
    return trial


def _free_misfit(trial: Trial, code: str) -> float | None:
    """How far the cell is from a symmetry when it is refined without."""
    known = trial.knowledge
    if known.cell is None:
        return None
    basis, _ = symmetry.primitive_vectors(known.cell, known.space_group)
    images = primitive_images(trial)
    free = refine_common(images, known.geometry, basis, np.eye(3)[None])
    if free is None:
        return None
    near = bravais_lattices(free.basis, _LOOSE)
    return min((item.misfit for item in near if item.code == code), default=None)


def _agreed_centre(
    geometry: Geometry, proposals: Sequence[Proposal]
) -> tuple[Geometry, list[int]] | None:
    """The beam centre that most proposals want, and which ones do."""
    if len(proposals) < _LEAST_AGREE:
        return None
    scale = geometry.wavelength * geometry.distance / np.array(geometry.pixel_size)
    places, owners = [], []
    for number, item in enumerate(proposals):
        # a shift by a reciprocal vector fits one image as well; not so all of them
        shifts = item.shift - _OFFSETS @ np.linalg.inv(item.basis).T
        level = np.abs(shifts[:, 2]) < _LEVEL
        px = shifts[level, :2] * scale
        places.append(px)
        owners += [number] * len(px)
    shift = np.concatenate(places)
    owner = np.array(owners, dtype=np.intp)
    if not len(shift):
        return None
    near = np.linalg.norm(shift[:, None] - shift[None], axis=2) < _AGREE_PX
    member = np.zeros((len(shift), len(proposals)), np.bool_)
    rows, columns = np.nonzero(near)
    member[rows, owner[columns]] = True
    votes = member.sum(axis=1)
    if votes.max() < max(_LEAST_AGREE, _AGREE_SHARE * len(proposals)):
        return None
    # of equals the smallest shift
    best = int(np.lexsort((np.linalg.norm(shift, axis=1), -votes))[0])
    x, y = np.median(shift[near[best]], axis=0)
    centre = (geometry.beam_center[0] + float(x), geometry.beam_center[1] + float(y))
    moved = replace(geometry, beam_center=centre)
    return moved, np.flatnonzero(member[best]).tolist()


def reduced(known: LatticeKnowledge) -> FloatArray | None:
    """Reduced primitive basis of a cell, rows in Å."""
    if known.cell is None:
        return None
    return symmetry.primitive_vectors(known.cell, known.space_group)[0]
