"""What half and double of a constant change, on fewer images than the benchmarks have.

python -m benchmarks.vary spots recorder.ssx.spots.finder._P_PIXEL
python -m benchmarks.vary indexing recorder.ssx.lattices.candidates._KEPT=2,8

The docstrings of the constants name what this printed.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from typing import Any
from unittest.mock import patch

import numpy as np

from benchmarks.quality import finder, indexing, learning
from benchmarks.quality.spot_lists import CELLS, make_list
from benchmarks.timeline.cells import matrix
from benchmarks.timeline.score import score
from recorder.simulate.stills.render import default_geometry
from recorder.ssx.lattices import symmetry
from recorder.ssx.learning.cell_search import propose_known, propose_unknown

PIXELS, BLANKS, HITS = 1000, 10, 8
SPOT_CASES = (
    "plain, 0.6 photons/px",
    "4.6 photons/px",
    "both",
    "12 zingers",
    "signed, gain 12, noise 3",
    "dead and hot pixels",
)


def spots() -> dict[str, str]:
    """False spots in a blank, recall by photons."""
    small = default_geometry(PIXELS)
    found = {}
    for case in SPOT_CASES:
        settings = replace(finder.CASES[case], geometry=small)
        with patch.dict(finder.CASES, {case: settings}):
            for item in finder.run_case(case, BLANKS, HITS):
                recall = "/".join(f"{value:.2f}" for value in item.recall)
                name = f"{case}, {'learned' if item.learned else 'first images'}"
                found[name] = f"{np.mean(item.false):.1f} false, {recall}"
    return found


def indexed(lists: int = 12) -> dict[str, str]:
    """Images indexed right, with a cell 1.2 % off, and lists of another cell."""
    found = {}
    for true, spurious in ((10, 0.3), (15, 0.5), (25, 0.6)):
        done = [
            indexing.one(name, (true,), spurious, 7000 + seed)
            for name in CELLS
            for seed in range(lists)
        ]
        found[f"{true} / {spurious}"] = f"{sum(right > 0 for right, _ in done)}"
    off = 0
    for name in CELLS:
        for seed in range(lists):
            truth = make_list(name, (30,), 0.2, np.random.default_rng((77, seed)))
            off += bool(indexing.indexer(name).index(truth.q() * 1.012))
    found["1.2 % off"] = f"{off} of {lists * len(CELLS)}"
    pairs = [(a, b) for a in CELLS for b in CELLS if a != b]
    others = [
        indexing.of_another(a, b, indexing.FEW, s) > 0 for a, b in pairs for s in (0, 1)
    ]
    found["another cell"] = f"{sum(others)} of {len(others)}"
    return found


def searched(lists: int = 5) -> dict[str, str]:
    """Cells that single images propose: unknown, and known with 2 % of scale."""
    unknown = known = 0
    for true, spurious in ((20, 0.2), (40, 0.2), (25, 0.5)):
        for name in CELLS:
            basis, _ = symmetry.primitive_vectors(*CELLS[name])
            for seed in range(lists):
                rng = np.random.default_rng((9, seed))
                q = make_list(name, (true,), spurious, rng).q()
                q = q[np.argsort(np.linalg.norm(q, axis=1))]
                unknown += _near(propose_unknown(q, 260.0), basis, 0.04)
                known += _near(propose_known(q, basis * 1.02), basis, 0.03)
    return {"unknown": str(unknown), "known": str(known), "of": str(15 * lists)}


def _near(proposal: Any, basis: Any, within: float) -> bool:
    if proposal is None:
        return False
    ratio = np.linalg.det(proposal.basis) / np.linalg.det(basis)
    return bool(abs(abs(ratio) - 1) < within)


def learned() -> dict[str, str]:
    """Later hits that index after 30 hits with a wrong centre, or without a cell."""
    cases = ("centre 4 px", "no cell")
    return {case: f"{learning.learned('mono', case, 20)[0]:.2f}" for case in cases}


def timeline() -> dict[str, str]:
    """Wrong and unknown labels, and the worst period, up to 925 Hz."""
    scores = [score(cell) for cell in matrix() if cell.rate_hz < 2000]
    periods = [abs(item.period_ppm) for item in scores if item.period_ppm is not None]
    return {
        "wrong": str(sum(item.wrong for item in scores)),
        "unknown": str(sum(item.unknown for item in scores)),
        "worst period": f"{max(periods):.5f} ppm",
        "starts": " ".join(f"{item.start[0]}{item.breaks}" for item in scores),
    }


PARTS: dict[str, Callable[[], dict[str, str]]] = {
    "spots": spots,
    "indexing": indexed,
    "search": searched,
    "learning": learned,
    "timeline": timeline,
}


def measured(part: str, name: str, value: Any) -> dict[str, str]:
    """A part, with a constant changed wherever it was imported to; in a new process."""
    module, _, constant = name.rpartition(".")
    old = getattr(importlib.import_module(module), constant)
    for other in list(sys.modules.values()):
        if other.__name__.startswith("recorder."):
            if vars(other).get(constant, None) is old:
                setattr(other, constant, old if value is None else value)
    return PARTS[part]()


def main() -> None:
    """Print the part as it is, and with each value of each constant."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("constants", nargs="+", help="module.NAME[=value,value]")
    arguments = parser.parse_args()
    for item in arguments.constants:
        name, _, values = item.partition("=")
        module, _, constant = name.rpartition(".")
        old = getattr(importlib.import_module(module), constant)
        half = old // 2 if isinstance(old, int) else old / 2
        tried = list(ast.literal_eval(f"[{values}]")) if values else [half, 2 * old]
        for value in (None, *tried):
            context = get_context("spawn")
            with ProcessPoolExecutor(1, mp_context=context) as pool:
                found = pool.submit(measured, arguments.part, name, value).result()
            print(f"{name} = {old if value is None else value}: {found}", flush=True)


if __name__ == "__main__":
    main()
