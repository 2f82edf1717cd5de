"""What was found of sweeps, grids, scans and spectra: a name and a sentence each."""

from __future__ import annotations

from collections.abc import Iterator

from recorder.records.reading_report import EnergyScanReport, SpectrumReport
from recorder.records.run_report import RunReport
from recorder.records.technique_report import (
    AxisReport,
    CrystalReport,
    GridReport,
    MxReport,
    Pair,
    SweepReport,
)
from recorder.reports.technique_card import degrees

Words = Iterator[tuple[str, str]]
MOST = 10
"""Sweeps, lines and places that are named; more are counted. Chosen, not tuned."""
PLACED = {
    "captured": "by captured positions",
    "times": "by the times of the images",
    "count": "by the count of the images",
    "nothing": "not known",
}
"""What the cells of images rest on, in words."""


LOUD = ("shift", "lost", "contradicts", "problem")
"""Names of what is wrong: it is shown as such."""


def run_words(run: RunReport) -> Words:
    """All that was found of a run that is not serial."""
    if run.mx is not None and run.mx.axis is not None:
        yield from axis_words(run.mx.axis)
    if run.mx is not None:
        yield from planes_words(run.mx)
    if run.energy_scan is not None:
        yield from check_words(run.energy_scan)
    if run.spectrum is not None:
        yield from line_words(run.spectrum)


def axis_words(axis: AxisReport) -> Words:
    """Sweeps, what the angles rest on, and where none is known."""
    for n, sweep in enumerate(axis.sweeps[:MOST], 1):
        yield f"sweep {n}", sweep_words(sweep)
    if (more := len(axis.sweeps) - MOST) > 0:
        yield "sweeps", f"and {more} more"
    if axis.wedges_planned > 1:
        told = f"{axis.wedges_whole} of {axis.wedges_planned} whole"
        missed = f", {axis.wedges_missed} missed" if axis.wedges_missed else ""
        yield "wedges", told + missed
    yield "angles", grade_words(axis)
    for lost in axis.lost[:MOST]:
        yield (
            "lost",
            f"images {lost.first} to {lost.last}: {_span(lost.start, lost.end)}",
        )
    for text in axis.contradictions:
        yield "contradicts", text


def sweep_words(sweep: SweepReport) -> str:
    """A sweep: as planned, and how far it came."""
    apart = "" if sweep.pitch == sweep.range else f", {degrees(sweep.pitch)} apart"
    end = "" if sweep.end is None else f", ends at {degrees(sweep.end)}"
    return (
        f"from {degrees(sweep.start)}, {degrees(sweep.range, 4)} an image{apart}: "
        f"{sweep.received:,} of {sweep.planned:,} images{end}"
    )


def grade_words(axis: AxisReport) -> str:
    """How many images have their angle from what."""
    names = ("captured", "file", "announced", "header", "none")
    counted = ((name, getattr(axis.by_grade, name)) for name in names)
    told = ", ".join(f"{name} {n:,}" for name, n in counted if n)
    more = f", of no sweep {axis.of_no_sweep:,}" if axis.of_no_sweep else ""
    return (told or "none known") + more


def _span(start: float | None, end: float | None) -> str:
    if start is None or end is None:
        return "at unknown angles"
    return f"{degrees(start)} to {degrees(end)}"


def grid_words(grid: GridReport) -> Words:
    """Cells, shifts, and the crystals with their uncertainty."""
    yield "cells", cells_words(grid)
    for shift in grid.shifts:
        cells = f"{shift.cells} {'cell' if abs(shift.cells) == 1 else 'cells'}"
        yield (
            "shift",
            f"from image {shift.image_id} on by {cells}: a trigger made no image",
        )
    if not grid.crystals:
        yield "crystal", "none found"
    for crystal in grid.crystals[:MOST]:
        yield "crystal", crystal_words(crystal)


def planes_words(mx: MxReport) -> Words:
    """What was found on each plane of a grid scan; further ones by their number."""
    if mx.grid is not None:
        yield from grid_words(mx.grid)
    for n, plane in enumerate(mx.planes[: MOST - 1], 2):
        yield "plane", plane_words(n, plane)
        for name, text in grid_words(plane):
            yield name, f"plane {n}: {text}"
    if (more := len(mx.planes) - (MOST - 1)) > 0:
        yield "planes", f"and {more} more"


def plane_words(number: int, plane: GridReport) -> str:
    """A further plane: its number, cells and angle."""
    (nx, ny), (dx, dy) = plane.steps, plane.step_um
    at = "" if plane.angle is None else f", at {degrees(plane.angle)}"
    return f"{number}, {nx} x {ny} cells of {dx:g} x {dy:g} µm{at}"


def cells_words(grid: GridReport) -> str:
    """What became of the cells."""
    told = f"{grid.received:,} received, {grid.lost:,} lost, "
    told += f"{grid.not_reached:,} not reached; placed {PLACED[grid.placed_by]}"
    if grid.unplaced:
        told += f"; {grid.unplaced:,} images without a cell"
    return told


def crystal_words(one: CrystalReport) -> str:
    """Centre with its standard deviation, size, and what speaks against it."""
    told = (
        f"centre {_with_sigma(one.centre, one.sigma, 2)} cells from the corner, "
        f"{_with_sigma(one.centre_um, one.sigma_um, 1)} µm; "
        f"{one.cells} {'cell' if one.cells == 1 else 'cells'}, "
        f"{one.spots:,.0f} spots, {one.peak_spots:,.0f} at most"
    )
    if one.at_border:
        told += "; at the border: it may go on beyond the grid"
    if one.beside_unknown:
        told += f"; beside {one.beside_unknown} unknown cells: it may go on there"
    return told


def _with_sigma(value: Pair, sigma: Pair, digits: int) -> str:
    both = zip(value, sigma, strict=True)
    return ", ".join(
        f"{name} {at:.{digits}f} ± {by:.{digits}f}"
        for name, (at, by) in zip("xy", both, strict=True)
    )


def check_words(scan: EnergyScanReport) -> Words:
    """Our own peak and inflection, which only check those of the sender."""
    check = scan.check
    if check.inflection is not None:
        yield "check", f"inflection {_ev(check.inflection, check.inflection_error)}"
    if check.peak is not None:
        yield "check", f"peak {_ev(check.peak, check.peak_error)}"
    elif check.inflection is not None:
        yield "check", "no white line: there is no peak to speak of"
    for text in check.says:
        yield "check", text
    if scan.hint:
        yield "hint", scan.hint
    for text in scan.problems:
        yield "problem", text


def _ev(energy: float, error: float | None) -> str:
    return f"{energy:.2f} eV" + ("" if error is None else f" ± {error:.2f}")


def line_words(known: SpectrumReport) -> Words:
    """The lines of a spectrum, the strongest first."""
    for line in known.lines[:MOST]:
        names = ", ".join(line.names) or "of no known line"
        yield "line", f"{line.energy:.0f} eV, {line.counts:,.0f} counts: {names}"
    if known.calibration is None and known.channels:
        yield "line", "no calibration: the energy of a channel is unknown"
