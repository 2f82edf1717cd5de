"""The map of a grid scan: spots by cell, and where the crystal is."""

from __future__ import annotations

from recorder.records.technique_report import CrystalReport, GridReport
from recorder.reports.html.elements import Child, Element, el

_WIDE = 560.0
"""Width of the map (px) before it is fitted to the page."""
_HIGH = 480.0
"""Its height at most."""
_LEAST = 0.04
"""Opacity of a cell with one spot: such a cell is not an empty one."""
_CROSS = 7.0
"""Half the length of the lines of a cross (px)."""


def grid_map(grid: GridReport) -> Element:
    """Spots of each cell; nothing where no map is known.

    Args:
        grid: The plane.
    """
    rows, columns = len(grid.map), len(grid.map[0]) if grid.map else 0
    if not rows or not columns:
        return Element("")
    x_um, y_um = (step if step > 0 else 1.0 for step in grid.step_um)
    cell = min(_WIDE / columns, _HIGH / (rows * y_um / x_um))
    size = cell, cell * y_um / x_um
    top = max((spots for row in grid.map for spots in row), default=0)
    drawn = [
        _cell(spots, top, (n, row), size)
        for row, line in enumerate(grid.map)
        for n, spots in enumerate(line)
        if spots
    ]
    marks = [
        piece for one in grid.crystals for piece in _crystal(one, grid.map_step, size)
    ]
    wide, high = size[0] * columns, size[1] * rows
    words = f"map of {columns} x {rows} cells, at most {top} spots"
    picture = el(
        "svg",
        el("rect", x=0, y=0, width=f"{wide:.2f}", height=f"{high:.2f}", class_="frame"),
        *drawn,
        *marks,
        viewBox=f"0 0 {wide:.2f} {high:.2f}",
        width=f"{wide:.0f}",
        role="img",
        aria_label=words,
        class_="grid",
    )
    told = f"spots by cell, at most {top:,}; dashed: nothing is known of the cell"
    if grid.map_step > 1:
        told += f"; each square is the best of {grid.map_step} x {grid.map_step} cells"
    if grid.crystals:
        told += "; frame: the box of a crystal, cross: its centre with its uncertainty"
    return el("figure", picture, el("figcaption", told))


def _cell(
    spots: int, top: int, place: tuple[int, int], size: tuple[float, float]
) -> Element:
    (n, row), (wide, high) = place, size
    box: dict[str, Child | float | str] = {
        "x": f"{n * wide:.2f}",
        "y": f"{row * high:.2f}",
        "width": f"{wide:.2f}",
        "height": f"{high:.2f}",
    }
    if spots < 0:
        return el("rect", **box, class_="unknown")
    deep = _LEAST + (1 - _LEAST) * spots / max(1, top)
    return el("rect", **box, class_="one", fill_opacity=f"{deep:.3f}")


def _crystal(
    one: CrystalReport, step: int, size: tuple[float, float]
) -> tuple[Element, ...]:
    """Its box, the ellipse of its standard deviation, and a cross at its centre."""
    wide, high = (length / step for length in size)
    x, y = one.centre[0] * wide, one.centre[1] * high
    left, top = one.first[0] * wide, one.first[1] * high
    right, bottom = (one.last[0] + 1) * wide, (one.last[1] + 1) * high
    box = {"width": f"{right - left:.2f}", "height": f"{bottom - top:.2f}"}
    ends = {"rx": f"{one.sigma[0] * wide:.2f}", "ry": f"{one.sigma[1] * high:.2f}"}
    at_x, at_y = f"{x:.2f}", f"{y:.2f}"
    cross = (
        {"x1": f"{x - _CROSS:.2f}", "x2": f"{x + _CROSS:.2f}", "y1": at_y, "y2": at_y},
        {"y1": f"{y - _CROSS:.2f}", "y2": f"{y + _CROSS:.2f}", "x1": at_x, "x2": at_x},
    )
    return (
        el("rect", x=f"{left:.2f}", y=f"{top:.2f}", **box, class_="box"),
        el("ellipse", cx=at_x, cy=at_y, **ends, class_="sigma"),
        *(el("line", **line, class_="cross") for line in cross),
    )
