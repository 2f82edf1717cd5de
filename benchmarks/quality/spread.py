"""Cells that vary from crystal to crystal: whether each lattice has its own."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.cases import PIXELS, Case
from benchmarks.quality.runs import Seen, run_images
from benchmarks.quality.scoring import lengths_in_true_basis
from recorder.records import Cell
from recorder.simulate.stills.render import StillSettings, default_geometry

Floats = NDArray[np.float64]

SPOTS = 30
"""Visible spots from which the goal holds."""
WITHIN = 0.2
"""Of the simulated standard deviation: so far the found one may be from it."""
RUN = {"short": 192, "full": 512}
"""Images of a run; the cells count that it has when it ends."""
TOLD_APART = 0.99
"""Share of the lattices that a threshold between two forms puts on the right side."""
_SEED = 51
_CELLS: dict[str, tuple[Cell, str]] = {
    "tetragonal": ((79.1, 79.1, 38.2, 90, 90, 90), "P43212"),
    "orthorhombic": ((50.0, 60.0, 80.0, 90, 90, 90), "P212121"),
}
_JITTERS = (0.002, 0.005)


@dataclass(frozen=True)
class Lengths:
    """Of the lattices that were found, all with enough spots."""

    true: Floats
    """(n, 3), Å."""
    found: Floats
    """(n, 3), Å, in the true basis."""
    forms: NDArray[np.int64]
    """(n,)"""


def lengths_of(images: Sequence[Seen]) -> Lengths:
    """Lengths of the cells of images that were classified with something learned."""
    true, found, forms = [], [], []
    for image in images:
        if not image.learned:
            continue
        for n, number in enumerate(image.matched.found):
            if number is None or image.visible[n] < SPOTS:
                continue
            vectors = np.reshape(image.result.lattices[number].vectors, (3, 3))
            true.append(np.linalg.norm(image.bases[n], axis=1))
            found.append(lengths_in_true_basis(image.bases[n], vectors))
            forms.append(image.forms[n])
    return Lengths(
        np.reshape(true, (-1, 3)),
        np.reshape(found, (-1, 3)),
        np.array(forms, np.int64),
    )


def ratio_of_spreads(lengths: Lengths) -> Floats:
    """Found standard deviation by the simulated one, of a, b and c."""
    return np.asarray(lengths.found.std(axis=0) / lengths.true.std(axis=0))


def told_apart(lengths: Lengths) -> tuple[Floats, float]:
    """How far two forms are found apart, and how well.

    Returns:
        Relative difference of their mean a, b and c, and the share of the lattices
        that are on the right side of the middle, in the mean of the three.
    """
    scaled = lengths.found / lengths.true[lengths.forms == 0].mean(axis=0)
    first, second = (scaled[lengths.forms == form] for form in (0, 1))
    apart = np.asarray(second.mean(axis=0) - first.mean(axis=0))
    middle = (second.mean() + first.mean()) / 2
    larger = scaled.mean(axis=1) > middle
    is_second = lengths.forms == 1
    right = (
        larger == is_second if second.mean() >= first.mean() else larger != is_second
    )
    return apart, float(right.mean())


def _case(name: str, size: str, **conditions: float) -> Case:
    cell, group = _CELLS[name]
    settings = StillSettings(
        geometry=default_geometry(PIXELS[size]),
        cell=cell,
        space_group=group,
        min_spots=60,
    )
    return Case(name, replace(settings, **conditions))  # type: ignore[arg-type]


def _lengths(case: Case, images: int) -> Lengths:
    return lengths_of(run_images(case, _SEED, images)[1])


def spread_table(pool: Executor, size: str) -> list[str]:
    """Spread of the found cells beside the simulated one; two forms told apart."""
    lines = [
        "| cell | simulated sigma of a, b, c (%) | found / simulated | lattices | "
        "distinct cells | goal |",
        "|---" * 6 + "|",
    ]
    jitters = [(name, jitter) for name in _CELLS for jitter in _JITTERS]
    spreads = [
        pool.submit(_lengths, _case(name, size, cell_jitter=jitter), RUN[size])
        for name, jitter in jitters
    ]
    forms = [
        pool.submit(
            _lengths, _case(name, size, second_form=0.5, cell_jitter=0.002), RUN[size]
        )
        for name in _CELLS
    ]
    for (name, _), future in zip(jitters, spreads, strict=True):
        lengths = future.result()
        true = lengths.true.std(axis=0) / lengths.true.mean(axis=0)
        ratio = ratio_of_spreads(lengths)
        distinct = len(np.unique(lengths.found.round(2), axis=0))
        verdict = "met" if np.abs(ratio - 1).max() <= WITHIN else "missed"
        lines.append(
            f"| {name} | {' '.join(f'{100 * v:.2f}' for v in true)} | "
            f"{' '.join(f'{v:.2f}' for v in ratio)} | {len(lengths.forms)} | "
            f"{distinct} | within {WITHIN:.0%}: {verdict} |"
        )
    lines += [
        "",
        "| two forms, 1.5 % apart | found apart, a b c (%) | told apart | goal |",
        "|---" * 4 + "|",
    ]
    for name, future in zip(_CELLS, forms, strict=True):
        apart, share = told_apart(future.result())
        verdict = "met" if share >= TOLD_APART else "missed"
        lines.append(
            f"| {name} | {' '.join(f'{100 * v:.2f}' for v in apart)} | {share:.1%} | "
            f"seen as two, {TOLD_APART:.0%}: {verdict} |"
        )
    return lines
