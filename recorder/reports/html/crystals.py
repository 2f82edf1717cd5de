"""Cells, resolution and how the classes came about, on the page."""

from __future__ import annotations

from recorder.records.run_report import RunReport
from recorder.reports.html.drawings import histogram
from recorder.reports.html.elements import Element, el, pairs, table
from recorder.reports.html.facts import RunFacts
from recorder.reports.html.numbers import cell, count, value

_ORDER = ("a", "b", "c", "alpha", "beta", "gamma")


def cells(run: RunReport, facts: RunFacts) -> tuple[Element, ...]:
    """Histograms with the median and the announced cell; resolution limits."""
    known, limits = run.unit_cell, run.resolution
    drawn = []
    for item in known.histograms:
        place = _ORDER.index(item.parameter)
        median = known.median[place] if known.median else None
        announced = facts.unit_cell[place] if facts.unit_cell else None
        unit = "Å" if place < 3 else "°"
        name = item.parameter
        title = str(name) if median is None else f"{name}: median {median:.2f} {unit}"
        if announced is not None:
            title += f", announced {announced:.2f} {unit}"
        marks = (("median", median), ("announced", announced))
        drawn.append(histogram(title, item.counts, item.first, item.last, marks))
    told = pairs(
        (
            ("median cell", cell(known.median)),
            ("of indexed images", count(known.images) if known.images else None),
            ("median resolution limit", value(limits.median, "Å", 4)),
        )
    )
    bins = zip(limits.edges, limits.edges[1:], limits.counts, strict=False)
    table_ = table(
        ("resolution limit", "images"),
        ((f"{low:g} to {high:g} Å", count(n)) for low, high, n in bins if n),
    )
    return told, el("div", *drawn, class_="cells") if drawn else Element(""), table_


def classification(run: RunReport) -> tuple[Element, ...]:
    """Who classified, what was left out, with which cell and geometry."""
    known = run.classification
    left = known.left_out
    told = pairs(
        (
            ("by the recorder", count(known.by.recorder)),
            ("by the facility's analysis", count(known.by.upstream)),
            ("left out: second try", count(left.no_retry) if left.no_retry else None),
            (
                "left out: further lattices",
                count(left.one_lattice) if left.one_lattice else None,
            ),
            (
                "left out: indexing",
                count(left.no_indexing) if left.no_indexing else None,
            ),
            ("mean residual", value(known.residual, "", 3)),
            ("solvent ring", value(known.solvent, "", 4)),
            ("gain", value(known.gain, "counts/photon", 4)),
            ("pedestal", value(known.pedestal, "counts", 4)),
        )
    )
    used = table(
        ("from image", "unit cell", "", "beam centre", "distance"),
        (
            (
                count(item.from_image),
                cell(item.unit_cell) or "",
                f"found: {item.lattice}" if item.cell_found else "",
                ""
                if item.beam_center is None
                else ", ".join(f"{place:.1f}" for place in item.beam_center),
                "" if item.distance is None else f"{item.distance * 1000:.2f} mm",
            )
            for item in known.calibrations
        ),
    )
    return told, used
