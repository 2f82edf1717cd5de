"""Cells from candidate vectors: a known one with wrong scale, or an unknown one.

Each image proposes a cell; only a cell that several images propose is believed.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recorder.ssx.arrays import FloatArray
from recorder.ssx.lattices import symmetry
from recorder.ssx.lattices.refinement import LEAST_FREE, with_metric
from recorder.ssx.learning.same_lattice import SAME, aligned, scale_between
from recorder.ssx.learning.vector_search import Vectors, find_vectors

_NEAR = 0.15
"""Distance from an integer up to which an index fits: of random spots 0.3³ = 3 % fit in
all three."""
_PASSES = 3
"""Fits of a proposed basis, each on the spots that fit the one before. Chosen, not
tuned."""
_LENGTH = 0.08
"""Allowed relative error of a known cell's lengths: 6 % of scale, and what a wrong
distance stretches the axes along the beam."""
_LONGER = 1.15
"""Longest vector that is looked for, over the known cell's longest edge: about twice
what _LENGTH allows."""
_COSINE = 0.05
"""Allowed error of the cosines between edges, 3°. Half finds a known cell in 27 instead
of 34 of 75 single images, double in 33."""
_FLAT = 0.2
"""Volume of three unit vectors below which they are taken to lie in a plane. Chosen,
not tuned."""
_TRIPLES = 600
"""Combinations of edges that are tried: it bounds the time. Half or double finds the
same cells in 75 single images."""
_LEAST_SHARE = 0.3
"""Share of the spots that a proposed cell must explain: ten times what chance does.
Without it lists of many spots propose garbage."""
_AS_GOOD = 0.9
"""Smaller cells that explain so much of what the best one does are preferred."""
_BEST = 36
"""Best vectors of which edges of an unknown cell are chosen. Half or double finds one
in 45 instead of 48 of 75 single images."""
_SHORT = 28
"""Of so many best vectors the shortest may be edges of an unknown cell."""
_AGREE = 3
"""Images that must propose the same cell."""
_AGREE_SHARE = 0.25
"""The same as a share of the images that propose anything."""
_SAME_SIZE = 0.03
"""Relative difference of the edges, on average, up to which two images propose the same
cell. Half or double leaves every later hit indexed (`make bench-quality`, after 30
hits, a monoclinic cell)."""


@dataclass(frozen=True, slots=True, eq=False)
class Proposal:
    """A lattice that one image proposes."""

    basis: FloatArray
    """(3, 3) rows in Å, right-handed."""
    shift: FloatArray
    """(3,) by which all its spots are displaced, 1/Å."""
    share: float
    """Share of the spots within 0.15 of integers in all three indices."""


def propose_known(q: FloatArray, basis: FloatArray) -> Proposal | None:
    """The known cell in one image, with free scale and beam centre.

    Args:
        q: (n, 3) scattering vectors, 1/Å, lowest |q| first.
        basis: (3, 3) reduced primitive basis, rows in Å.
    """
    lengths = np.linalg.norm(basis, axis=1)
    found = find_vectors(q, _LONGER * float(lengths.max()))
    size = np.linalg.norm(found.vectors, axis=1)
    axes = [np.flatnonzero(np.abs(size / a - 1) < _LENGTH) for a in lengths]
    wanted = (basis @ basis.T) / np.outer(lengths, lengths)
    triples = []
    for i, j, k in itertools.product(*axes):
        if len({int(i), int(j), int(k)}) < 3:
            continue
        for signs in ((1, 1, 1), (1, 1, -1), (1, -1, 1), (1, -1, -1)):
            rows = found.vectors[[i, j, k]] * np.array(signs)[:, None]
            unit = rows / np.linalg.norm(rows, axis=1)[:, None]
            if np.abs(unit @ unit.T - wanted).max() > _COSINE:
                continue
            # the inverse of a basis spans the same lattice
            hand = 1 if np.linalg.det(rows) > 0 else -1
            triples.append((int(i), int(j), int(k), *(hand * s for s in signs)))
        if len(triples) > _TRIPLES:
            break
    return _best(found, np.array(triples, dtype=np.intp), q, smallest=False)


def propose_unknown(q: FloatArray, longest: float) -> Proposal | None:
    """The smallest cell that explains the spots of one image.

    Args:
        q: (n, 3) scattering vectors, 1/Å, lowest |q| first.
        longest: Longest edge looked for, Å.
    """
    found = find_vectors(q, longest)
    length = np.linalg.norm(found.vectors[:_BEST], axis=1)
    short = np.argsort(length, kind="stable")[:_SHORT]
    triple = np.array(list(itertools.combinations(short.tolist(), 3)), dtype=np.intp)
    if not len(triple):
        return None
    rows = found.vectors[triple]
    unit = rows / np.linalg.norm(rows, axis=2)[:, :, None]
    volume = np.linalg.det(unit)
    signs = np.ones((len(triple), 3), np.intp)
    signs[volume < 0, 2] = -1
    solid = np.abs(volume) > _FLAT
    triples = np.concatenate([triple, signs], axis=1)[solid]
    return _best(found, triples, q, smallest=True)


def _best(
    found: Vectors,
    table: NDArray[np.intp],
    q: FloatArray,
    *,
    smallest: bool,
) -> Proposal | None:
    """Of some triples of vectors with their signs, (n, 6), the one that fits best."""
    if not len(table):
        return None
    signs = table[:, 3:]
    off = found.vectors @ q.T + found.phases[:, None]
    near = np.abs(off - np.rint(off)) < _NEAR
    share = near[table[:, :3]].all(axis=1).mean(axis=1)
    if smallest:
        rows = found.vectors[table[:, :3]]
        volume = np.abs(np.linalg.det(rows))
        good = np.flatnonzero(share >= max(_LEAST_SHARE, _AS_GOOD * share.max()))
        if not len(good):
            return None
        best = int(good[np.argmin(volume[good])])
    else:
        best = int(np.argmax(share))
    basis = found.vectors[table[best, :3]] * signs[best][:, None]
    phases = found.phases[table[best, :3]] * signs[best]
    if smallest:
        basis, matrix = symmetry.reduce_basis(basis)
        phases = matrix @ phases
    return _fitted(basis, phases, q)


def _fitted(basis: FloatArray, phases: FloatArray, q: FloatArray) -> Proposal | None:
    """Least squares of basis and phases together, on the spots that fit."""
    design = np.column_stack([q, np.ones(len(q))])
    near = np.zeros(len(q), np.bool_)
    for _ in range(_PASSES):
        f = q @ basis.T + phases
        h = np.rint(f)
        near = np.asarray((np.abs(f - h) < _NEAR).all(axis=1), dtype=np.bool_)
        if near.sum() < LEAST_FREE:
            return None
        solution, *_ = np.linalg.lstsq(design[near], h[near], rcond=None)
        basis, phases = solution[:3].T, solution[3]
    if abs(np.linalg.det(basis)) < 1:
        return None
    return Proposal(basis, -np.linalg.inv(basis) @ phases, float(near.mean()))


@dataclass(frozen=True, slots=True, eq=False)
class Agreed:
    """A lattice that several images propose."""

    basis: FloatArray
    """(3, 3) the median, reduced, rows in Å; its orientation means nothing."""
    members: list[int]
    """Positions of those who proposed it."""
    bases: FloatArray
    """(n, 3, 3) of the members, in the axes of `basis` and their own orientations."""


def common_cell(proposals: Sequence[Proposal]) -> Agreed | None:
    """The lattice on which most of the images agree.

    Args:
        proposals: Of several images, reduced bases.

    Returns:
        None if fewer than three agree.
    """
    if len(proposals) < _AGREE:
        return None
    bases = np.array([symmetry.reduce_basis(p.basis)[0] for p in proposals])
    best: tuple[int, NDArray[np.intp], FloatArray] | None = None
    for reference in bases:
        members, turned = _alike(bases, reference, _SAME_SIZE)
        if best is None or len(members) > best[0]:
            best = len(members), members, turned
    if best is None or best[0] < max(_AGREE, _AGREE_SHARE * len(proposals)):
        return None
    _, members, turned = best
    return Agreed(_middle(turned), members.tolist(), turned)


def like(proposals: Sequence[Proposal], basis: FloatArray, size: float) -> Agreed:
    """Which of the proposals are of a lattice that is known but for its size.

    Args:
        proposals: Of several images.
        basis: (3, 3) reduced basis, rows in Å.
        size: Largest relative difference of the edges, on average.
    """
    bases = np.array([symmetry.reduce_basis(p.basis)[0] for p in proposals])
    if not len(bases):
        return Agreed(basis, [], np.zeros((0, 3, 3)))
    members, turned = _alike(bases, basis, size)
    middle = _middle(turned) if len(members) else basis
    return Agreed(middle, members.tolist(), turned)


def _alike(
    bases: FloatArray, reference: FloatArray, size: float
) -> tuple[NDArray[np.intp], FloatArray]:
    """Positions of the bases of one lattice, and those in the axes of the reference."""
    scales = np.array([scale_between(basis, reference) for basis in bases])
    near = np.flatnonzero(np.abs(scales - 1) < size)
    turned, misfit = aligned(bases[near], reference)
    return near[misfit < SAME], turned[misfit < SAME]


def _middle(bases: FloatArray) -> FloatArray:
    """A basis with the median of the metrics."""
    metric = np.median(bases @ bases.transpose(0, 2, 1), axis=0)
    try:
        return with_metric(bases[0], metric)
    except np.linalg.LinAlgError:  # the median of few may be no metric
        return np.asarray(bases[0])
