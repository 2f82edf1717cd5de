"""Sweeps, grid, scan and spectrum of a run that is not serial."""

from __future__ import annotations

from collections.abc import Iterator

from recorder.records.reading_report import EnergyScanReport, SpectrumReport
from recorder.records.run_report import RunReport
from recorder.records.technique_report import AxisReport, GridReport
from recorder.reports.html.curves import Mark, curve
from recorder.reports.html.elements import Element, el, pairs, table
from recorder.reports.html.grid_map import grid_map
from recorder.reports.html.numbers import count
from recorder.reports.technique_card import degrees
from recorder.reports.technique_words import (
    MOST,
    cells_words,
    check_words,
    crystal_words,
    grade_words,
    grid_words,
    line_words,
    plane_words,
)

Parts = Iterator[tuple[str, tuple[Element, ...]]]
"""A heading, and what is below it."""


def technique_parts(run: RunReport) -> Parts:
    """What its technique has, each with its heading.

    Args:
        run: The run.
    """
    if run.mx is not None and run.mx.axis is not None:
        yield "Rotation", _axis(run.mx.axis)
    if run.mx is not None and run.mx.grid is not None:
        yield "Grid", _grid(run.mx.grid)
        for n, plane in enumerate(run.mx.planes, 2):
            yield f"Plane {plane_words(n, plane)}", _grid(plane)
    if run.energy_scan is not None:
        yield "Energy scan", _scan(run.energy_scan)
    if run.spectrum is not None:
        yield "Spectrum", _spectrum(run.spectrum)
    if run.mx is not None:
        notes = [text for text in run.mx.notes if text not in run.notes]
        yield "Of angles and cells", (_list(notes),)


def _list(texts: list[str]) -> Element:
    return el("ul", *(el("li", text) for text in texts)) if texts else Element("")


def _axis(axis: AxisReport) -> tuple[Element, ...]:
    rows = [
        (
            str(n),
            degrees(one.start) or "",
            degrees(one.range, 4) or "",
            degrees(one.pitch, 4) or "",
            count(one.planned),
            count(one.received),
            degrees(one.end) or "unknown",
            count(one.hits),
            count(one.indexed),
            "whole" if one.whole else "not whole",
        )
        for n, one in enumerate(axis.sweeps, 1)
    ]
    head = ("sweep", "start", "range", "pitch", "planned", "received", "ends at")
    lost = (
        (f"{one.first:,}", f"{one.last:,}", degrees(one.start) or "unknown", end)
        for one in axis.lost
        for end in (degrees(one.end) or "unknown",)
    )
    return (
        pairs(
            (
                ("axis", axis.name),
                ("first angle", degrees(axis.start)),
                ("last angle", degrees(axis.end)),
                ("angles rest on", grade_words(axis)),
                ("wedges missed", str(axis.wedges_missed or "") or None),
            )
        ),
        table((*head, "with spots", "indexed", ""), rows),
        table(("lost from image", "to", "from angle", "to"), lost),
        *(el("p", text, class_="bad") for text in axis.contradictions),
    )


def _grid(grid: GridReport) -> tuple[Element, ...]:
    shifts = [text for name, text in grid_words(grid) if name == "shift"]
    return (
        *(el("p", f"shift {text}", class_="bad") for text in shifts),
        *(el("p", f"Crystal: {crystal_words(one)}") for one in grid.crystals[:MOST]),
        el("p", "No crystal was found.") if not grid.crystals else Element(""),
        grid_map(grid),
        el("p", cells_words(grid), class_="quiet"),
    )


def _scan(scan: EnergyScanReport) -> tuple[Element, ...]:
    said, check = scan.result, scan.check
    marks = []
    for name, one in (
        ("peak", said.peak if said else None),
        ("inflection", said.inflection if said else None),
        ("remote", said.remote if said else None),
    ):
        if one is not None and one.energy is not None:
            words = f"{name} of the sender, {one.energy:.7g} eV"
            marks.append(Mark(words, one.energy, "two"))
    for name, at, error in (
        ("peak", check.peak, check.peak_error),
        ("inflection", check.inflection, check.inflection_error),
    ):
        if at is not None:
            by = "" if error is None else f" ± {error:.2f}"
            marks.append(
                Mark(f"{name} by our check, {at:.2f}{by} eV", at, "own", error)
            )
    every = "" if scan.every == 1 else f", each {scan.every}th point"
    title = f"counts by energy{every}"
    return (
        curve(title, "eV", list(zip(scan.energy, scan.counts, strict=False)), marks),
        _list([f"{name}: {text}" for name, text in check_words(scan)]),
    )


def _spectrum(known: SpectrumReport) -> tuple[Element, ...]:
    unit = "channel" if known.calibration is None else "eV"
    return (
        curve("counts by energy", unit, spectrum_points(known), _lines(known)),
        _list([text for _, text in line_words(known)]),
    )


def _lines(known: SpectrumReport) -> list[Mark]:
    """The strongest lines; no energy has a place where there is no calibration."""
    if known.calibration is None:
        return []
    return [
        Mark(", ".join(one.names) or f"{one.energy:.0f} eV", one.energy, "two")
        for one in known.lines[:MOST]
    ]


def spectrum_points(known: SpectrumReport) -> list[tuple[float, float]]:
    """Energy (eV; else the channel) and counts of each entry that has any.

    Args:
        known: The spectrum.
    """
    a, b, c = known.calibration or (0.0, 1.0, 0.0)
    found = []
    for n, counts in enumerate(known.counts):
        if counts is not None:
            channel = n * known.sum + (known.sum - 1) / 2
            found.append((a + b * channel + c * channel**2, float(counts)))
    return found
