"""Success of the indexer, and what it accepts by mistake."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from typing import TypeVar

import numpy as np

from benchmarks.quality.spot_lists import CELLS, SpotList, make_list, random_list
from recorder.records import Lattice
from recorder.ssx.alarms.wilson import wilson
from recorder.ssx.lattices import symmetry
from recorder.ssx.lattices.indexer import Indexer

T = TypeVar("T")

FEW = (8, 10, 12, 15, 20, 30)
"""True spots where a wrong lattice is accepted most easily."""
MANY = (50,)
CASES = ((10, 0.2), (15, 0.2), (15, 0.5), (25, 0.5), (50, 0.2))
RIGHT_DEGREES = 1.0


@cache
def indexer(name: str) -> Indexer:
    """The indexer of a cell, one for each process."""
    cell, symbol = CELLS[name]
    return Indexer(cell, symbol)


def is_right(name: str, found: Lattice, truth: SpotList) -> bool:
    """Whether a lattice is one of the true ones, modulo its symmetry."""
    basis, back = symmetry.primitive_vectors(*CELLS[name])
    same = symmetry.symmetry_matrices(basis)
    forth = np.linalg.inv(back)
    here = forth @ np.reshape(found.vectors, (3, 3))
    return any(
        min(symmetry.misorientation(m @ forth @ true, here) for m in same)
        < RIGHT_DEGREES
        for true in truth.bases
    )


def one(
    name: str, spots: tuple[int, ...], spurious: float, seed: int
) -> tuple[int, int]:
    """Right and wrong lattices of one list."""
    rng = np.random.default_rng(seed)
    truth = make_list(name, spots, spurious, rng)
    found = indexer(name).index(truth.q())
    right = sum(is_right(name, item, truth) for item in found)
    return right, len(found) - right


def by_chance(name: str, seed: int) -> int:
    """Lattices in a random list."""
    rng = np.random.default_rng((1, seed))
    return len(indexer(name).index(random_list(6 + seed % 95, rng).q()))


def of_another(name: str, other: str, sizes: tuple[int, ...], seed: int) -> int:
    """Lattices of a cell in spots of another cell."""
    rng = np.random.default_rng((2, seed))
    truth = make_list(other, (sizes[seed % len(sizes)],), 0.2, rng)
    return len(indexer(name).index(truth.q()))


def success_table(pool: ProcessPoolExecutor, images: int) -> list[str]:
    """Share of images indexed right, by true spots and spurious share."""
    head = " | ".join(f"{n} / {100 * s:.0f} %" for n, s in CASES)
    lines = [
        f"| cell | {head} | two, 25 + 25 | wrong |",
        "|---" * (len(CASES) + 3) + "|",
    ]
    all_wrong = all_made = 0
    for name in CELLS:
        cells, wrong = [], 0
        for spots, spurious in CASES:
            done = _map(pool, partial(one, name, (spots,), spurious), range(images))
            cells.append(sum(right > 0 for right, _ in done) / images)
            wrong += sum(bad for _, bad in done)
        done = _map(pool, partial(one, name, (25, 25), 0.2), range(images))
        both = sum(right >= 2 for right, _ in done) / images
        wrong += sum(bad for _, bad in done)
        all_wrong += wrong
        all_made += images * (len(CASES) + 1)
        row = " | ".join(f"{share:.3f}" for share in cells)
        lines.append(f"| {name} | {row} | {both:.3f} | {wrong} |")
    share = 100 * all_wrong / all_made
    lines.append(f"\nWrong lattices: {all_wrong} in {all_made} images ({share:.2f} %).")
    return lines


def chance_lines(pool: ProcessPoolExecutor, lists: int) -> list[str]:
    """Lattices that are none: in random lists, and of another cell."""
    total = sum(
        sum(found > 0 for found in _map(pool, partial(by_chance, name), range(lists)))
        for name in CELLS
    )
    each = max(12, lists // 20)
    return [
        f"Random lists of 6 to 100 spots indexed: {total} of {lists * len(CELLS)}.",
        "Lattices of another cell accepted, 8 to 30 spots: "
        + _of_others(pool, FEW, 2 * each),
        "Lattices of another cell accepted, 50 spots: " + _of_others(pool, MANY, each),
    ]


def _of_others(pool: ProcessPoolExecutor, sizes: tuple[int, ...], each: int) -> str:
    """How many lists of other cells are indexed, and where most of them are."""
    hits: dict[str, int] = {}
    for name in CELLS:
        for other in CELLS:
            if other != name:
                call = partial(of_another, name, other, sizes)
                found = _map(pool, call, range(each))
                hits[f"{name} on spots of {other}"] = sum(n > 0 for n in found)
    total, tried = sum(hits.values()), each * len(hits)
    worst = max(hits, key=lambda pair: hits[pair])
    _, most = wilson(total, tried) or (0.0, 1.0)
    return f"{total} of {tried}, at 95 % below {1000 * most:.1f} in 1000" + (
        (f"; worst {worst}: {100 * hits[worst] / each:.1f} %.") if total else "."
    )


def _map(
    pool: ProcessPoolExecutor, call: Callable[[int], T], seeds: Sequence[int]
) -> list[T]:
    return list(pool.map(call, seeds, chunksize=max(1, len(seeds) // 8)))
