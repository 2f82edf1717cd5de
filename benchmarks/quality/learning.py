"""What 30 hits teach when geometry or cell is wrong, and when no cell is known."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial

import numpy as np

from benchmarks.quality.spot_lists import CELLS, GEOMETRY, SpotList, make_list
from recorder.records import Cell, ClassifySettings, Geometry
from recorder.ssx.detector.geometry import scattering_vectors
from recorder.ssx.lattices.indexer import Indexer
from recorder.ssx.learning.lattice import LatticeKnowledge, learn_lattice

HITS = 30
SETTINGS = ClassifySettings()


def _moved(dx: float, distance: float) -> Geometry:
    x, y = GEOMETRY.beam_center
    return replace(
        GEOMETRY, beam_center=(x + dx, y), distance=GEOMETRY.distance * distance
    )


def _scaled(cell: Cell, factor: float) -> Cell:
    a, b, c, *angles = cell
    alpha, beta, gamma = angles
    return (a * factor, b * factor, c * factor, alpha, beta, gamma)


WRONG: dict[str, tuple[Geometry, float | None]] = {
    "right": (GEOMETRY, 1.0),
    "cell + 2 %": (GEOMETRY, 1.02),
    "cell - 2 %": (GEOMETRY, 0.98),
    "centre 4 px": (_moved(4.0, 1.0), 1.0),
    "distance + 1 %": (_moved(0.0, 1.01), 1.0),
    "no cell": (GEOMETRY, None),
}


def learned(name: str, case: str, tests: int) -> tuple[float, LatticeKnowledge]:
    """Share of later hits that index after learning from the first ones."""
    geometry, factor = WRONG[case]
    cell, symbol = CELLS[name]
    given = None if factor is None else _scaled(cell, factor)
    rng = np.random.default_rng((4, list(CELLS).index(name)))
    lists = [_hit(name, rng) for _ in range(HITS + tests)]
    known = LatticeKnowledge(geometry, given, symbol)
    after = learn_lattice(known, [item.xy for item in lists[:HITS]], SETTINGS)
    if after.cell is None:
        return 0.0, after
    group = None if after.found else symbol
    indexer = Indexer(after.cell, group, SETTINGS)
    done = 0
    for item in lists[HITS:]:
        q = scattering_vectors(after.geometry, item.xy[:, 0], item.xy[:, 1])
        done += bool(indexer.index(q))
    return done / tests, after


def _hit(name: str, rng: np.random.Generator) -> SpotList:
    """Strong and weak hits, a quarter of the spots spurious."""
    spots = int(np.clip(rng.lognormal(np.log(40), 0.5), 15, 150))
    return make_list(name, (spots,), 0.25, rng)


def learning_table(pool: ProcessPoolExecutor, tests: int) -> list[str]:
    """Share of later hits indexed, relative to what the right geometry gives."""
    lines = ["| cell | " + " | ".join(WRONG) + " |", "|---" * (len(WRONG) + 1) + "|"]
    for name in CELLS:
        done = list(pool.map(partial(learned, name, tests=tests), WRONG))
        base = max(done[0][0], 1e-9)
        row = " | ".join(f"{share / base:.3f}" for share, _ in done)
        lines.append(f"| {name} | {row} |")
    return lines
