"""Real images and spot lists, through the recorder's own commands where they are files.

Read only, where they are: `tests/recordings.py` finds them.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from recorder.ssx.lattices import symmetry, unit_cell
from recorder.ssx.lattices.indexer import Indexer
from tests.recordings import ROOT, recording
from tests.thermolysin import CELL, SPACE_GROUP, write_thermolysin

THAUMATIN = ((57.8, 57.8, 150.2, 90.0, 90.0, 90.0), "P41212")
CONFIG = """
state_directory = "{folder}"
[mqtt]
enabled = false
[unannounced]
{cell}
[replay]
{replay}
"""


def replayed(file: Path, cell: str, replay: str = "") -> tuple[Any, list[Any]]:
    """Report of a run and what is known of each of its images."""
    with tempfile.TemporaryDirectory() as name:
        config = Path(name) / "recorder.toml"
        config.write_text(CONFIG.format(folder=name, cell=cell, replay=replay))
        report = json.loads(_recorder("replay", str(file), "--json", "-c", str(config)))
        run = report["experiments"][0]["runs"][0]
        images = [
            json.loads(
                _recorder("why", run["uid"], str(n), "--json", "-c", str(config))
            )
            for n in range(run["images"]["received"])
        ]
    return run, images


def _recorder(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "recorder", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in (0, 1) or not done.stdout:
        raise SystemExit(f"recorder {' '.join(arguments)}: {done.stderr}")
    return done.stdout


def thaumatin() -> str:
    """Eight stills of one crystal, with the cell of the literature."""
    master = recording("thaumatin") / "thaumatin_master.h5"
    run, images = replayed(
        master, f'unit_cell = {list(THAUMATIN[0])}\nspace_group = "P41212"'
    )
    bases = [
        np.reshape(item["image"]["lattices"][0]["vectors"], (3, 3))
        for item in images
        if item["image"]["lattices"]
    ]
    apart = _apart(bases)
    classes = run["classes"]
    return (
        f"| thaumatin, literature cell | {classes['indexed']} indexed, "
        f"{classes['non_indexed_hits']} other hits, {classes['non_hits']} non-hits | "
        f"6 / 0 / 2 | orientations within {apart:.2f}° of their mean |"
    )


def _apart(bases: list[Any]) -> float:
    """Largest angle to the mean orientation, modulo the lattice's symmetry."""
    group = symmetry.rotations(unit_cell.vectors_from_cell(THAUMATIN[0]))
    original = unit_cell.vectors_from_cell(THAUMATIN[0])
    aligned = []
    for basis in bases:
        turns = [original @ turn.T for turn in group]
        best = min(
            (symmetry.rotation_between(start, basis) for start in turns),
            key=lambda turn: float(np.linalg.norm(turn - aligned[0])) if aligned else 0,
        )
        aligned.append(best)
    u, _, vt = np.linalg.svd(np.mean(aligned, axis=0))
    mean = u @ vt
    traces = [float(np.trace(turn.T @ mean)) for turn in aligned]
    return max(
        float(np.degrees(np.arccos(np.clip((t - 1) / 2, -1, 1)))) for t in traces
    )


def psi_lists() -> str:
    """Spot lists of lysozyme, by three finders."""
    done = 0
    files = sorted(recording("psi-lysozyme-spots").glob("image*.txt"))
    for file in files:
        lines = file.read_text().split("\n")
        vectors = np.array(lines[0].split(), np.float64).reshape(3, 3)
        q = np.array([line.split() for line in lines[1:] if line.strip()], np.float64)
        indexer = Indexer(unit_cell.cell_from_vectors(vectors), "P43212")
        strongest = q[:300]
        done += bool(indexer.index(strongest))
    return f"| PSI lysozyme spot lists | {done} of {len(files)} indexed | 15 of 15 | |"


def eiger() -> str:
    """A stream capture without geometry, of summed frames."""
    run, images = replayed(recording("eiger4m-stream1"), "")
    spots = [item["image"]["spots"] for item in images]
    hits = run["classes"]["non_indexed_hits"] + run["classes"]["indexed"]
    return (
        f"| EIGER capture | {hits} hits of {run['images']['received']}, "
        f"{run['images']['lost']} lost | 3 hits, 7 lost | spots {spots} |"
    )


def thermolysin() -> str:
    """Two stills of a detector of 64 panels."""
    with tempfile.TemporaryDirectory() as name:
        file, geometry = write_thermolysin(Path(name))
        cell = f'unit_cell = {CELL}\nspace_group = "{SPACE_GROUP}"'
        run, images = replayed(file, cell, f'geometry_file = "{geometry}"')
    shares = [
        item["image"]["lattices"][0]["spots"] / min(item["image"]["spots"], 300)
        for item in images
        if item["image"]["lattices"]
    ]
    return (
        f"| thermolysin, 64 panels | {run['classes']['indexed']} indexed of "
        f"{run['images']['received']} | 2 of 2 | share of the spots "
        f"{', '.join(f'{share:.2f}' for share in shares)} |"
    )


def real_table() -> list[str]:
    """All real data."""
    lines = ["| data | found | expected | |", "|---|---|---|---|"]
    return [*lines, thaumatin(), thermolysin(), psi_lists(), eiger()]
