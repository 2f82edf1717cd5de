"""What was recorded of rotations, grids, scans and spectra, against the truth."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from recorder.records import Json
from recorder.records.run_report import FullReport, RunReport

ANGLE_DEG = 1e-5
"""Angles that differ by less are the same: files and truth have more digits."""
EACH = {
    "angle_start": ("angle_start", ANGLE_DEG),
    "angle_end": ("angle_end", ANGLE_DEG),
    "grid_row": ("row", 0.0),
    "grid_column": ("column", 0.0),
}
"""Columns of ``results.h5`` that are compared: the key of the truth, and how far an
image may be off."""
CENTRE_CELLS = 0.75
"""How far the centre of a crystal may be off, cells: it is weighted by spots, the
crystal by its brightness. Chosen, not tuned."""
EDGE_EV = 1.5
"""How far an edge and a peak may be off, eV: three times the 95 per cent that such
counts give. Chosen, not tuned."""
ROUNDED_EV = 0.051
"""How far the sender's result is off, eV: it is rounded to 0.1."""
LINE_EV = 40.0
"""How far a line may be off, eV: a third of the detector's resolution. Chosen, not
tuned."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of the report and the true one."""

    name: str
    found: float | None
    true: float | None
    within: float = 0.0
    """They are equal if they differ by no more."""

    @property
    def right(self) -> bool:
        """Whether they are equal."""
        if self.found is None or self.true is None:
            return self.found is self.true
        return abs(self.found - self.true) <= self.within

    def __str__(self) -> str:
        """For people."""
        if self.right and self.within == 0.0:
            return f"{self.name} {_digits(self.found)}"
        return f"{self.name} {_digits(self.found)}, true {_digits(self.true)}"


def _digits(value: float | None) -> str:
    return "none" if value is None else f"{value:.7g}"


def collections_of(truth: Json) -> list[str]:
    """Uids of the runs that one announcement is."""
    parts = len(truth.get("parts", ()))
    uid = truth["uid"]
    return [uid] if parts <= 1 else [f"{uid}.{n}" for n in range(1, parts + 1)]


def compare_mx(
    report: FullReport, results: Path, truths: Sequence[tuple[Json, Path]]
) -> tuple[list[str], bool]:
    """Report and files against the truth, figure by figure.

    Args:
        report: Of all runs.
        results: Folder of the files of runs.
        truths: What the simulator says of each announcement, and the file of all that
            is true of it.

    Returns:
        A line for each run, and whether all are right.
    """
    runs = {run.uid: run for run in report.runs}
    lines, equal = [], True
    for truth, file in truths:
        for number, uid in enumerate(collections_of(truth), 1):
            run = runs[uid]
            figures = [*_written(run), *_figures(run, results, truth, file, number)]
            wrong = [figure for figure in figures if not figure.right]
            equal = equal and not wrong
            head = f"run {run.run} ({run.technique})"
            says = "DIFFERS from" if wrong else "equals"
            named = ", ".join(map(str, wrong or figures))
            lines.append(f"{head} {says} the simulator's truth: {named}")
    return lines, equal


def _written(run: RunReport) -> Iterator[Figure]:
    written = sum(state == "written" for state in run.sinks.values())
    yield Figure("sinks", written, len(run.sinks))
    yield Figure("ledger", len(run.ledger.differences), 0)


def _figures(
    run: RunReport, results: Path, truth: Json, file: Path, number: int
) -> Iterator[Figure]:
    if truth["technique"] == "energy-scan":
        yield from _scan(run, truth)
    elif truth["technique"] == "xrf":
        yield from _spectrum(run, truth)
    else:
        yield from _images(run, truth["parts"][number - 1])
        yield from _mx(run, truth, number)
        yield from _each_image(run, results, file, number)


def _images(run: RunReport, truth: Json) -> Iterator[Figure]:
    images = run.images
    yield Figure("images", images.expected, truth["expected"])
    yield Figure("received", images.received, truth["received"])
    yield Figure("lost", images.lost, truth["lost"])


def _mx(run: RunReport, truth: Json, number: int) -> Iterator[Figure]:
    """Axis, or centre of the crystal."""
    if "centres" in truth:
        grid = run.mx.grid if run.mx else None
        found = [one.centre for one in grid.crystals] if grid else []
        at = found[0] if found else (None, None)
        true = truth["centres"][number - 1]
        yield Figure("centre x", at[0], true[0], CENTRE_CELLS)
        yield Figure("centre y", at[1], true[1], CENTRE_CELLS)
        return
    axis, part = run.mx.axis if run.mx else None, truth["parts"][number - 1]
    yield Figure("start", axis.start if axis else None, part["start"], ANGLE_DEG)
    yield Figure("end", axis.end if axis else None, part["end"], ANGLE_DEG)


def _each_image(
    run: RunReport, results: Path, file: Path, number: int
) -> Iterator[Figure]:
    """Angle and cell of each image, from the files."""
    lines = file.read_text(encoding="utf-8").splitlines()
    mine = [
        entry
        for entry in map(json.loads, lines)
        if entry["part"] == number and entry["delivered"]
    ]
    path = folder_of(results, run.uid)
    columns = {} if path is None else _columns(path / "results.h5")
    ids = columns.get("series_image_id", ())
    places = {int(n): place for place, n in enumerate(ids)}
    for name, (true_name, within) in EACH.items():
        if true_name not in mine[0]:
            continue
        column, right = columns.get(name), 0
        for entry in mine:
            place = places.get(entry["image_id"])
            if column is not None and place is not None:
                right += bool(abs(float(column[place]) - entry[true_name]) <= within)
        yield Figure(f"images with {name}", right, len(mine))


def folder_of(results: Path, uid: str) -> Path | None:
    """Folder of the files of a run; None if there is none."""
    for owner in results.glob("*/*/*/run.uid"):
        if owner.read_text(encoding="utf-8").split("\n", 1)[0] == uid:
            return owner.parent
    return None


def _columns(path: Path) -> dict[str, np.ndarray]:
    with h5py.File(path) as file:
        images = file["entry/images"]
        return {name: images[name][()] for name in images}


def _scan(run: RunReport, truth: Json) -> Iterator[Figure]:
    scan = run.energy_scan
    if scan is None:
        yield Figure("points", None, truth["received"])
        return
    yield Figure("points", scan.points.received, truth["received"])
    yield Figure("lost", scan.points.lost, truth["lost"])
    for name in ("inflection", "peak"):
        told, checked = getattr(scan.result, name, None), getattr(scan.check, name)
        energy = None if told is None else told.energy
        yield Figure(f"{name} as sent", energy, truth[name], ROUNDED_EV)
        yield Figure(f"{name} by the check", checked, truth[name], EDGE_EV)


def _spectrum(run: RunReport, truth: Json) -> Iterator[Figure]:
    found = run.spectrum
    yield Figure("channels", found.channels if found else None, truth["channels"])
    for line in truth["lines"]:
        if line["share"] < 1:
            continue
        apart = [one.energy - line["energy"] for one in (found.lines if found else ())]
        at = line["energy"] + min(apart, key=abs) if apart else None
        yield Figure(f"{line['element']} {line['line']}", at, line["energy"], LINE_EV)
