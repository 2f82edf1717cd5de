"""How often a lattice is accepted that is none, on 5 to 15 spots, at three kernels.

python -m benchmarks.quality.rates --lists 2000 --seed 1   # one process, prints JSON
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib import import_module
from pathlib import Path

import numpy as np

from benchmarks.quality.few_spots import CELLS, FEWEST, MOST, SHAPES, of_cell, q_of
from benchmarks.quality.scoring import clopper_pearson, same_lattice
from recorder.ssx.lattices.indexer import Indexer

ROOT = Path(__file__).parents[2]
MOST_WRONG = 1 / 2000
KERNELS = ("", "Haswell", "Nehalem")
"""Of OpenBLAS: the machine's own, one with AVX2, one with SSE only. With the last two
numpy does without AVX-512 as well, as on a CPU that has none."""
LISTS = {"short": 1440, "full": 24000}
"""Lists at each kernel; 20,000 of the full ones show no crystal of the known cell."""
_PARTS = {"random": 4, "lines": 3, "rings": 3, "edges": 2, "another cell": 8, "own": 4}
"""Shares of the lists, in twenty-fourths."""
PAIRS = [(a, b) for a in CELLS for b in CELLS if a != b]
_GROUPS = ((5, 7), (8, 11), (12, 15))
"""Spots by which the crystals of the known cell are counted."""


@cache
def _indexer(name: str) -> Indexer:
    return Indexer(*CELLS[name])


def count(lists: int, seed: int) -> Counter[str]:
    """Lists of each kind, and how many were accepted.

    Args:
        lists: About so many, of all kinds together.
        seed: Decides all.

    Returns:
        ``KIND`` and ``KIND accepted``; ``SPOTS own``, ``SPOTS own right`` and
        ``SPOTS own wrong``.
    """
    found: Counter[str] = Counter()
    names = list(CELLS)
    each = {
        kind: round(lists * part / sum(_PARTS.values()))
        for kind, part in _PARTS.items()
    }
    for kind, draw in SHAPES.items():
        rng = np.random.default_rng((seed, names.index("cubic"), len(kind), 1))
        for n in range(each[kind]):
            spots = draw(int(rng.integers(FEWEST, MOST + 1)), rng)
            accepted = _indexer(names[n % len(names)]).index(q_of(spots))
            found[kind] += 1
            found[f"{kind} accepted"] += bool(accepted)
    rng = np.random.default_rng((seed, 2))
    for n in range(each["another cell"]):
        known, other = PAIRS[(n + seed) % len(PAIRS)]
        spots, _ = of_cell(other, int(rng.integers(FEWEST, MOST + 1)), rng)
        accepted = _indexer(known).index(q_of(spots))
        found["another cell"] += 1
        found["another cell accepted"] += bool(accepted)
        if accepted:
            found[f"pair {known} on spots of {other}"] += 1
    return found + _own(each["own"], np.random.default_rng((seed, 3)))


def _own(lists: int, rng: np.random.Generator) -> Counter[str]:
    """What the rule costs: crystals of the known cell, by the number of spots."""
    found: Counter[str] = Counter()
    names = list(CELLS)
    for n in range(lists):
        number = int(rng.integers(FEWEST, MOST + 1))
        group = next(f"{a} to {b}" for a, b in _GROUPS if a <= number <= b)
        name = names[n % len(names)]
        spots, vectors = of_cell(name, number, rng)
        lattices = _indexer(name).index(q_of(spots))
        right = [
            same_lattice(vectors, np.reshape(lattice.vectors, (3, 3))) is not None
            for lattice in lattices
        ]
        found[f"{group} own"] += 1
        found[f"{group} own right"] += any(right)
        found[f"{group} own wrong"] += not all(right)
    return found


def kernel_name() -> str:
    """The kernel that OpenBLAS uses, as it calls it."""
    for library in (Path(np.__file__).parents[1] / "numpy.libs").glob("*openblas*"):
        loaded = ctypes.CDLL(str(library))
        for name in ("scipy_openblas_get_corename64_", "openblas_get_corename"):
            if hasattr(loaded, name):
                ask = getattr(loaded, name)
                ask.restype = ctypes.c_char_p
                return str(ask().decode())
    return "unknown"


def _environment(kernel: str) -> dict[str, str]:
    environment = dict(os.environ) | {
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    if kernel:
        core = import_module("numpy._core._multiarray_umath")
        known: list[str] = list(core.__cpu_dispatch__)
        newer = [name for name in known if name.startswith(("AVX512", "X86_V4"))]
        environment |= {
            "OPENBLAS_CORETYPE": kernel,
            "NPY_DISABLE_CPU_FEATURES": " ".join(newer),
        }
    return environment


def in_process(kernel: str, lists: int, seed: int) -> tuple[str, Counter[str]]:
    """What a process counts that is made to use a kernel, and the kernel it used."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "benchmarks.quality.rates"),
            *("--lists", str(lists), "--seed", str(seed)),
        ],
        cwd=ROOT,
        env=_environment(kernel),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    answer = json.loads(done.stdout)
    return answer["kernel"], Counter(answer["counts"])


def rates_table(size: str, jobs: int) -> list[str]:
    """Accepted lists of each kind at each kernel, with intervals of 95 %."""
    kinds = [kind for kind in _PARTS if kind != "own"]
    lines = [
        "| kernel | " + " | ".join(kinds) + " | all | in 1000 (95 %) | goal |",
        "|---" * (len(kinds) + 4) + "|",
    ]
    own = ["| kernel | " + " | ".join(f"{a} to {b} spots" for a, b in _GROUPS) + " |"]
    own.append("|---" * (len(_GROUPS) + 1) + "|")
    worst: Counter[str] = Counter()
    with ThreadPoolExecutor(jobs) as pool:
        for kernel in KERNELS:
            parts = [
                pool.submit(in_process, kernel, LISTS[size] // jobs, seed)
                for seed in range(jobs)
            ]
            answers = [part.result() for part in parts]
            counts = sum((counts for _, counts in answers), Counter[str]())
            name = answers[0][0]
            lines.append(_row(name, kinds, counts))
            own.append(_own_row(name, counts))
            pairs = {k[5:]: n for k, n in counts.items() if k.startswith("pair ")}
            worst.update(pairs)
    said = ", ".join(f"{pair} ({n})" for pair, n in worst.most_common(5)) or "none"
    return [
        f"Lists of {FEWEST} to {MOST} spots that were accepted, of those tried; each "
        f"known cell of {len(CELLS)} in turn, other cells in all ordered pairs.",
        "",
        *lines,
        "",
        f"Pairs accepted most often: {said}.",
        "",
        "Crystals of the known cell, a fifth of the spots spurious: indexed right.",
        "",
        *own,
    ]


def _row(kernel: str, kinds: list[str], counts: Counter[str]) -> str:
    total = sum(counts[kind] for kind in kinds)
    bad = sum(counts[f"{kind} accepted"] for kind in kinds)
    low, high = clopper_pearson(bad, total)
    cells = " | ".join(f"{counts[f'{k} accepted']} of {counts[k]}" for k in kinds)
    verdict = "met" if bad <= MOST_WRONG * total else "missed"
    return (
        f"| {kernel} | {cells} | {bad} of {total} | {1000 * bad / total:.2f} "
        f"({1000 * low:.2f} to {1000 * high:.2f}) | at most {1000 * MOST_WRONG:.1f}: "
        f"{verdict} |"
    )


def _own_row(kernel: str, counts: Counter[str]) -> str:
    cells = []
    for low, high in _GROUPS:
        group = f"{low} to {high} own"
        wrong = counts[f"{group} wrong"]
        more = f", {wrong} with a wrong one" if wrong else ""
        cells.append(f"{counts[f'{group} right']} of {counts[group]}{more}")
    return f"| {kernel} | {' | '.join(cells)} |"


def main() -> None:
    """Count in this process, with the kernel that its environment asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lists", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    arguments = parser.parse_args()
    counts = count(arguments.lists, arguments.seed)
    print(json.dumps({"kernel": kernel_name(), "counts": counts}))


if __name__ == "__main__":
    main()
