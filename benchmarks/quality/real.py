"""Real images and spot lists, through the recorder's own commands where they are files.

Read only, where they are: `tests/recordings.py` finds them.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import h5py
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
    run, images = replayed(master, _announced(1.0))
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


def _announced(factor: float) -> str:
    """The literature's cell, its lengths times a factor."""
    lengths = [round(length * factor, 4) for length in THAUMATIN[0][:3]]
    return f'unit_cell = {[*lengths, 90, 90, 90]}\nspace_group = "P41212"'


def thaumatin_off() -> list[str]:
    """The same, with cell or distance off, and with no cell at all."""
    folder = recording("thaumatin")
    lines = []
    for what, cell, stretch in (
        ("cell +2 %", _announced(1.02), 1.0),
        ("cell -2 %", _announced(0.98), 1.0),
        ("distance +2 %", _announced(1.0), 1.02),
        ("distance -2 %", _announced(1.0), 0.98),
        ("no cell", "", 1.0),
    ):
        with tempfile.TemporaryDirectory() as name:
            run, images = replayed(_stretched(folder, Path(name), stretch), cell)
        classes = run["classes"]
        lines.append(
            f"| thaumatin, {what} | {classes['indexed']} indexed, "
            f"{classes['non_indexed_hits']} other hits, {classes['non_hits']} "
            f"non-hits | 6 / 0 / 2 | {_cells(images)} |"
        )
    return lines


def _stretched(folder: Path, to: Path, factor: float) -> Path:
    """A copy of the master file that tells another distance."""
    for source in folder.glob("*_data_*.h5"):
        (to / source.name).symlink_to(source)
    master = to / "thaumatin_master.h5"
    shutil.copyfile(folder / master.name, master)
    with h5py.File(master, "r+") as file:
        file["/entry/instrument/detector/detector_distance"][()] *= factor
    return master


def _cells(images: list[Any]) -> str:
    """Median cell of the lattices, and what it should be."""
    cells = [
        lattice["cell"] for item in images for lattice in item["image"]["lattices"]
    ]
    if not cells:
        return "no lattice"
    median = " ".join(f"{value:.1f}" for value in np.median(cells, axis=0))
    return f"median cell {median}; expected 57.8 57.8 150.2 within 1 %"


def _apart(bases: list[Any]) -> float:
    """Largest angle to the mean orientation, modulo the lattice's symmetry."""
    group = symmetry.rotations(unit_cell.vectors_from_cell(THAUMATIN[0]))
    original = unit_cell.vectors_from_cell(THAUMATIN[0])
    aligned: list[Any] = []
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
    indexed, received = run["classes"]["indexed"], run["images"]["received"]
    return (
        "| thermolysin, from file, 64 panels and cell alone | "
        f"{indexed} indexed of {received} | 2 of 2 | "
        f"share of the spots {', '.join(f'{share:.2f}' for share in shares)} |"
    )


def real_table() -> list[str]:
    """All real data."""
    lines = ["| data | found | expected | |", "|---|---|---|---|"]
    return [
        *lines,
        thaumatin(),
        *thaumatin_off(),
        thermolysin(),
        psi_lists(),
        eiger(),
    ]
