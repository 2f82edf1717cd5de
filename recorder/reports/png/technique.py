"""Map and curve of a run that is not serial, on its sheet."""

from __future__ import annotations

import math
from collections.abc import Sequence

from recorder.records.run_report import RunReport
from recorder.records.technique_report import GridReport
from recorder.reports.html.technique import spectrum_points
from recorder.reports.png.canvas import BAD, EDGE, MARGIN, ONE, QUIET, TEXT, TWO, paler
from recorder.reports.png.sheet import ROOM, SMALL, Sheet
from recorder.reports.technique_words import LOUD, run_words

_HIGH = 420.0
"""Height of a map or curve (px), at most."""


def technique_sheet(page: Sheet, run: RunReport) -> None:
    """What was found, in words, then as a picture.

    Args:
        page: The sheet.
        run: The run.
    """
    told = [
        (f"{name}: {part}", BAD if name in LOUD else TEXT)
        for name, text in run_words(run)
        for part in text.split("; ")
    ]
    page.list(run.technique, told)
    if run.mx is not None and run.mx.grid is not None:
        _map(page, run.mx.grid)
    if run.energy_scan is not None:
        own = run.energy_scan
        _curve(page, list(zip(own.energy, own.counts, strict=False)), "eV")
    if run.spectrum is not None:
        unit = "channel" if run.spectrum.calibration is None else "eV"
        _curve(page, spectrum_points(run.spectrum), unit)


def _map(page: Sheet, grid: GridReport) -> None:
    rows, columns = len(grid.map), len(grid.map[0]) if grid.map else 0
    room = min(_HIGH, page.room - 60)
    if not rows or not columns or room < 60:
        return
    x_um, y_um = (step if step > 0 else 1.0 for step in grid.step_um)
    wide = min(ROOM / columns, room / (rows * y_um / x_um))
    high = wide * y_um / x_um
    left, top = float(MARGIN), page.y + 10
    most = max(spots for line in grid.map for spots in line)
    for row, line in enumerate(grid.map):
        for n, spots in enumerate(line):
            colour = (
                EDGE if spots < 0 else paler(ONE, spots / most if most > 0 else 0.0)
            )
            page.canvas.box(left + n * wide, top + row * high, wide, high, colour)
    for one in grid.crystals:
        x = left + one.centre[0] * wide / grid.map_step
        y = top + one.centre[1] * high / grid.map_step
        page.canvas.line([(x - 12, y), (x + 12, y)], TWO)
        page.canvas.line([(x, y - 12), (x, y + 12)], TWO)
    page.y = top + rows * high + 6
    words = f"spots by cell, at most {most:,}; grey: nothing is known; cross: centre"
    page.words(words, SMALL, QUIET)


def _curve(page: Sheet, points: Sequence[tuple[float, float]], unit: str) -> None:
    known = sorted((x, y) for x, y in points if math.isfinite(x) and math.isfinite(y))
    room = min(_HIGH, page.room - 60)
    if len(known) < 2 or known[0][0] == known[-1][0] or room < 60:
        return
    low, high = known[0][0], known[-1][0]
    most = max(max(y for _, y in known), 0.0) or 1.0
    base = page.y + 10 + room
    drawn = [
        (
            MARGIN + ROOM * (x - low) / (high - low),
            base - room * max(0.0, y) / most,
        )
        for x, y in known
    ]
    page.canvas.line([(MARGIN, base), (MARGIN + ROOM, base)], EDGE)
    page.canvas.line(drawn, ONE)
    page.y = base + 4
    words = f"counts by energy: {low:.7g} to {high:.7g} {unit}, at most {most:,.6g}"
    page.words(words, SMALL, QUIET)
