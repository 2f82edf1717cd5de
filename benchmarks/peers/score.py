"""Replies against the truth, and the table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.exchange import Column, Reply, Setup
from benchmarks.peers.stills import Scene
from recorder.simulate.stills.render import Still
from recorder.ssx.lattices.symmetry import misorientation, primitive_vectors, rotations

NEAR = 2.5
"""A true spot counts as found when a found one is so near (px)."""
RIGHT = 1.0
"""An orientation is right within so many degrees, modulo lattice symmetry."""
BANDS = ((12, 20), (20, 40), (40, 100))
HEAD = (
    "| finder | version | ms blank | ms hit | / decode | false per blank | "
    + " | ".join(f"{low}-{high}" for low, high in BANDS)
    + " | error px | ms to index | indexed right | blanks indexed |"
)


@dataclass(frozen=True)
class Score:
    """One finder on all images."""

    ms_blank: float
    ms_hit: float
    false_per_blank: float
    recall: tuple[float, ...]
    error: float
    ms_index: float | None
    right: float
    blanks_indexed: float


def nearest(
    true: NDArray[np.floating], found: NDArray[np.floating]
) -> NDArray[np.floating]:
    """Distance (px) of each true spot to the nearest found one."""
    if not len(found):
        return np.full(len(true), np.inf)
    away = true[:, None, :2] - found[None]
    near: NDArray[np.floating] = np.sqrt((away**2).sum(axis=-1)).min(axis=1)
    return near


def is_right(reply: Reply, still: Still, setup: Setup) -> bool:
    """Whether a lattice of the reply is the one of the image, in any setting."""
    a, b, c, alpha, beta, gamma = setup.cell
    cell = (a, b, c, alpha, beta, gamma)
    _, back = primitive_vectors(cell, setup.space_group)
    truth = np.linalg.inv(back) @ np.array(still.orientations[0]).reshape(3, 3)
    symmetry = rotations(truth)
    for vectors in reply.lattices:
        found = np.linalg.inv(back) @ np.array(vectors).reshape(3, 3)
        for sign in (1, -1):  # a peer may choose the left-handed basis
            if misorientation(truth, sign * found, symmetry) < RIGHT:
                return True
    return False


def score(column: Column, scene: Scene, setup: Setup) -> Score:
    """Compare the replies of a finder with the truth."""
    pairs = list(zip(column.replies, scene.stills, strict=True))
    blanks = [reply for reply, still in pairs if still.kind == "miss"]
    hits = [(reply, still) for reply, still in pairs if still.kind != "miss"]
    photons, distance = [], []
    for reply, still in hits:
        true = np.concatenate(still.spots)
        photons.append(true[:, 2])
        distance.append(nearest(true, np.array(reply.spots).reshape(-1, 2)))
    strength, away = np.concatenate(photons), np.concatenate(distance)
    near = away < NEAR
    recall = tuple(
        float(near[(strength >= low) & (strength < high)].mean()) for low, high in BANDS
    )
    known = near & (strength >= BANDS[0][0]) & (strength < BANDS[-1][1])
    indexing = [reply.index_cpu for reply, _ in hits if reply.index_cpu is not None]
    return Score(
        ms_blank=1e3 * float(np.median([reply.cpu for reply in blanks])),
        ms_hit=1e3 * float(np.median([reply.cpu for reply, _ in hits])),
        false_per_blank=float(np.mean([len(reply.spots) for reply in blanks])),
        recall=recall,
        error=float(np.median(away[known])) if known.any() else float("nan"),
        ms_index=1e3 * float(np.median(indexing)) if indexing else None,
        right=float(np.mean([is_right(*pair, setup) for pair in hits])),
        blanks_indexed=float(np.mean([bool(reply.lattices) for reply in blanks])),
    )


def row(column: Column, scene: Scene, setup: Setup) -> str:
    """The finder's line of the table, or why there is none."""
    columns = HEAD.count("|") - 1
    if column.note:
        empty = " |" * (columns - 2)
        return f"| {column.finder} | {column.note} |{empty}"
    s = score(column, scene, setup)
    cells = [column.finder, column.version, f"{s.ms_blank:.1f}", f"{s.ms_hit:.1f}"]
    cells += [f"{s.ms_blank / 1e3 / scene.decode:.1f}", f"{s.false_per_blank:.1f}"]
    cells += [f"{share:.2f}" for share in s.recall] + [f"{s.error:.2f}"]
    if s.ms_index is None:
        cells += ["-"] * 3
    else:
        cells += [f"{s.ms_index:.1f}", f"{s.right:.0%}", f"{s.blanks_indexed:.0%}"]
    return "| " + " | ".join(cells) + " |"


def table(columns: list[Column], scene: Scene, setup: Setup) -> str:
    """Markdown: one line a finder, then its settings."""
    rule = "|---|---|" + "---:|" * (HEAD.count("|") - 3)
    lines = [HEAD, rule, *(row(column, scene, setup) for column in columns), ""]
    lines += [f"* {c.finder}: {c.settings}" for c in columns if c.settings]
    return "\n".join(lines)
