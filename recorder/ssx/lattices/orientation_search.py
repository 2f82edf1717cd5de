"""Coarse orientation search for a known cell: sampled directions of its vectors.

Each distinct length of the cell is tried along directions of a half sphere; the
best vectors are refined, and the cell is turned about each of them.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recorder.ssx.arrays import Float32Array, FloatArray

_CHUNK = 2048
"""Directions at once: the work arrays stay in the L2 cache."""
_SAME_LENGTH = 0.003
"""Relative; axes whose lengths differ by less are searched together. Chosen, not
tuned."""
_SAME_VECTOR = 0.01
"""Relative to the length: axes that a rotation of the lattice maps so near to each
other are one. Twice what the lattice's symmetry is allowed to be off
(`symmetry.TOLERANCE`)."""
_TRIM = 0.2
"""Of a lattice spacing: misses beyond count alike, so that spurious spots do not
decide. A cosine instead of trimmed squares finds as many lattices and takes longer."""
_VECTOR_STEPS = (0.25, 0.2)
"""Misses (of a spacing) that still count in the two steps that refine a vector; the
second is the score's own _TRIM."""
_RIDGE = 1e-4
"""1/Å², added to the sums over spots: a vector across which there are no spots stays
where it is. A single spot at 0.1 1/Å weighs 100 times as much."""
_PARALLEL = 0.99995
"""Cosine of 0.57°, half of the distance between neighbouring directions: nearer vectors
are one."""
_TURNS = 180
"""Turns of the cell about a vector, for axes up to the following length (Å): those of
longer ones would step over the next row of lattice points."""
_TURNS_LENGTH = 110.0
"""Å: half a turn of 2° moves a spot at 0.1 1/Å by 0.19 of the spacing along such an
axis, which _TRIM just sees. Longer axes without finer turns were the failures of big
cells; double loses 3 of 180 images (as `make bench-quality`, Indexing)."""
_TURNS_MOST = 720
"""Turns at most, for axes of 330 Å and more: it bounds the time of huge cells. Half or
double changes nothing up to 200 Å (as `make bench-quality`, Indexing)."""
_TURNS_KEPT = 48
"""Best turns that each axis hands on. Chosen, not tuned."""


@dataclass(frozen=True, slots=True)
class WorkLevel:
    """How hard to search."""

    directions: int
    spots: int
    raw: int
    """Vectors refined per length."""
    vectors: int
    """Refined vectors about which the cell is turned, per length."""
    cells: int
    """Orientations handed on, over all lengths."""


NORMAL = WorkLevel(directions=16384, spots=60, raw=96, vectors=24, cells=24)
"""The usual search. Measured on simulated images: 8192 directions lose 3 to 5 % of the
hard ones, 25 spots 5 to 7 % where three of four are spurious."""
QUICK = WorkLevel(directions=4096, spots=30, raw=32, vectors=8, cells=8)
"""The first look, about the shortest vectors only: enough where one lattice explains
the list. What it does not find the usual search does. Chosen, not tuned."""
HARD = WorkLevel(directions=65536, spots=100, raw=96, vectors=48, cells=48)
"""The retry for cells with long axes, whose vectors lie between the usual directions:
without it 22 instead of 28 of 30 lists of a big cell are indexed (30 spots, half of
them spurious)."""
MOST_SPOTS = 200
"""Spots that are searched at most: it bounds time and memory."""


@functools.cache
def half_sphere(n: int) -> Float32Array:
    """Fibonacci lattice of n directions with z >= 0, (n, 3) float32."""
    i = np.arange(n) + 0.5
    z = 1 - i / n
    phi = i * (math.pi * (3 - math.sqrt(5)))
    r = np.sqrt(1 - z * z)
    return np.stack([r * np.cos(phi), r * np.sin(phi), z], axis=1).astype(np.float32)


class CoarseSearch:
    """Search for one cell.

    Args:
        basis: (3, 3) reduced primitive basis, rows in Å.
        rotations: (m, 3, 3) proper rotations of that lattice.
    """

    def __init__(self, basis: FloatArray, rotations: FloatArray) -> None:
        self._basis = basis
        self._lengths = np.linalg.norm(basis, axis=1)
        self._groups = self._length_groups(rotations)
        finer = math.ceil(float(self._lengths.max()) / _TURNS_LENGTH)
        self._turns = min(_TURNS * finer, _TURNS_MOST)
        angles = np.arange(self._turns) * (2 * math.pi / self._turns)
        self._cos, self._sin = np.cos(angles), np.sin(angles)
        self._work = np.empty((2, _CHUNK * MOST_SPOTS), np.float32)

    def _length_groups(
        self, rotations: FloatArray
    ) -> list[tuple[float, list[tuple[int, tuple[int, ...]]]]]:
        """Distinct lengths, and per length the axes to try with their signs.

        Axes that a rotation of the lattice maps onto each other are tried once; the
        half sphere leaves the sign of a vector open, so both signs are tried unless
        a rotation reverses the axis.
        """
        groups: list[tuple[float, list[tuple[int, tuple[int, ...]]]]] = []
        done: list[int] = []
        for axis in range(3):
            vector, length = self._basis[axis], float(self._lengths[axis])
            images = rotations @ vector
            if any(self._among(self._basis[i], images) for i in done):
                continue
            done.append(axis)
            signs = (1,) if self._among(-vector, images) else (1, -1)
            for known, axes in groups:
                if abs(known - length) < _SAME_LENGTH * length:
                    axes.append((axis, signs))
                    break
            else:
                groups.append((length, [(axis, signs)]))
        return sorted(groups, key=lambda group: group[0])

    @staticmethod
    def _among(vector: FloatArray, images: FloatArray) -> bool:
        distance = np.linalg.norm(images - vector, axis=1)
        return bool(distance.min() < _SAME_VECTOR * np.linalg.norm(vector))

    @property
    def long(self) -> bool:
        """Whether an axis is too long for the usual steps."""
        return self._turns > _TURNS

    @property
    def groups(self) -> int:
        """Number of distinct lengths; each can be searched on its own."""
        return len(self._groups)

    def search(
        self, q: FloatArray, effort: WorkLevel, group: int | None = None
    ) -> FloatArray:
        """Candidate orientations of the cell.

        Args:
            q: (n, 3) scattering vectors in 1/Å, lowest |q| first.
            effort: How hard to search.
            group: Which of the lengths to search, 0 is the shortest; None: all.

        Returns:
            (m, 3, 3) bases, best first.
        """
        spots = q[: effort.spots]
        chosen = self._groups if group is None else self._groups[group : group + 1]
        lengths = [length for length, _ in chosen]
        bests = self._score_directions(spots.astype(np.float32), effort, lengths)
        bases, scores = [], []
        for (length, axes), directions in zip(chosen, bests, strict=True):
            vectors = self._refine_vectors(directions, length, spots, effort)
            for axis, signs in axes:
                for sign in signs:
                    found = self._turn(sign * vectors, axis, spots)
                    bases.append(found[0])
                    scores.append(found[1])
        every, score = np.concatenate(bases), np.concatenate(scores)
        order = np.argsort(score, kind="stable")[: effort.cells]
        return every[order]

    def _score_directions(
        self, q: Float32Array, effort: WorkLevel, lengths: list[float]
    ) -> list[FloatArray]:
        """Per length the best directions times the length, (raw, 3)."""
        directions = half_sphere(effort.directions)
        scores = np.empty((len(lengths), len(directions)), np.float32)
        ones = np.ones(len(q), np.float32)
        for start in range(0, len(directions), _CHUNK):
            part = directions[start : start + _CHUNK]
            shape = (len(part), len(q))
            base = self._work[0, : shape[0] * shape[1]].reshape(shape)
            f = self._work[1, : shape[0] * shape[1]].reshape(shape)
            for i, length in enumerate(lengths):
                np.matmul(part, q.T * np.float32(length), out=base)
                np.rint(base, out=f)
                np.subtract(base, f, out=f)
                np.square(f, out=f)
                np.minimum(f, np.float32(_TRIM**2), out=f)
                np.matmul(f, ones, out=scores[i, start : start + len(part)])
        out = []
        for i, length in enumerate(lengths):
            best = _lowest(scores[i], effort.raw)
            out.append(directions[best].astype(np.float64) * length)
        return out

    def _refine_vectors(
        self, vectors: FloatArray, length: float, q: FloatArray, effort: WorkLevel
    ) -> FloatArray:
        """Trimmed least squares on single vectors, duplicates dropped."""
        outer = (q[:, :, None] * q[:, None, :]).reshape(len(q), 9)
        for limit in _VECTOR_STEPS:
            p = vectors @ q.T
            f = p - np.rint(p)
            w = (np.abs(f) < limit).astype(np.float64)
            normal = (w @ outer).reshape(-1, 3, 3) + _RIDGE * np.eye(3)
            right = (w * f) @ q
            vectors = vectors - np.linalg.solve(normal, right[:, :, None])[:, :, 0]
            vectors *= length / np.linalg.norm(vectors, axis=1)[:, None]
        p = vectors @ q.T
        score = np.minimum(np.square(p - np.rint(p)), _TRIM**2).sum(axis=1)
        vectors = vectors[np.argsort(score, kind="stable")]
        cosine = np.abs(vectors @ vectors.T) / length**2
        doubled = np.triu(cosine > _PARALLEL, k=1).any(axis=0)
        # finer turns of fewer vectors: the work for a huge cell is bounded
        most = effort.vectors * 2 * _TURNS // max(self._turns, 2 * _TURNS)
        return vectors[~doubled][:most]

    def _turn(
        self, vectors: FloatArray, axis: int, q: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Turn the cell about each vector; the best turns and their scores."""
        frames = _frames(vectors)
        turned = self._turned(axis)
        # coordinates of the spots in the frame of each vector: the turned cells are
        # the same for all of them, so a score costs three products per axis
        local = (frames @ q.T).astype(np.float32)
        score = np.empty((len(vectors), self._turns), np.float32)
        ones = np.ones(len(q), np.float32)
        at_once = max(1, self._work.shape[1] // (self._turns * len(q)))
        for start in range(0, len(vectors), at_once):
            part = local[start : start + at_once]
            shape = (len(part), self._turns, len(q))
            f = self._work[0, : math.prod(shape)].reshape(shape)
            total = self._work[1, : math.prod(shape)].reshape(shape)
            along = part[:, 2] * np.float32(self._lengths[axis])
            total[...] = np.square(along - np.rint(along))[:, None, :]
            for other in range(3):
                if other != axis:
                    np.matmul(turned[:, other].astype(np.float32), part, out=f)
                    f -= np.rint(f)
                    np.square(f, out=f)
                    total += f
            np.minimum(total, np.float32(2 * _TRIM**2), out=total)
            np.matmul(total, ones, out=score[start : start + at_once])
        best = _lowest(score.ravel(), _TURNS_KEPT)
        vector, turn = np.divmod(best, self._turns)
        best_score = score.ravel()[best].astype(np.float64)
        return turned[turn] @ frames[vector], best_score

    def _turned(self, axis: int) -> FloatArray:
        """The cell turned about one axis, in a frame with z along it, (t, 3, 3)."""
        own = _frames(self._basis[axis][None])[0]
        local = self._basis @ own.T
        x = np.outer(self._cos, local[:, 0]) - np.outer(self._sin, local[:, 1])
        y = np.outer(self._sin, local[:, 0]) + np.outer(self._cos, local[:, 1])
        z = np.broadcast_to(local[:, 2], x.shape)
        return np.stack([x, y, z], axis=2)


def _frames(z: FloatArray) -> FloatArray:
    """Right-handed orthonormal frames (rows x, y, z) along given vectors."""
    unit = z / np.linalg.norm(z, axis=1)[:, None]
    # the coordinate axis that is farthest from the vector
    helper = np.eye(3)[np.argmin(np.abs(unit), axis=1)]
    x = _cross(helper, unit)
    x /= np.linalg.norm(x, axis=1)[:, None]
    return np.stack([x, _cross(unit, x), unit], axis=1)


def _cross(a: FloatArray, b: FloatArray) -> FloatArray:
    """Cross products of (n, 3) rows; numpy's own takes ten times as long."""
    out = np.empty_like(b)
    for i in range(3):
        j, k = (i + 1) % 3, (i + 2) % 3
        out[:, i] = a[:, j] * b[:, k] - a[:, k] * b[:, j]
    return out


def _lowest(scores: NDArray[np.floating], n: int) -> NDArray[np.intp]:
    """Positions of the n lowest scores, best first, ties in order."""
    if len(scores) <= n:
        return np.argsort(scores, kind="stable")
    limit = np.partition(scores, n - 1)[n - 1]
    chosen = np.flatnonzero(scores <= limit)
    return chosen[np.argsort(scores[chosen], kind="stable")][:n]
