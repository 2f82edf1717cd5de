"""Detector geometry from a CrystFEL ``.geom`` file."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recorder.errors import UsageError
from recorder.records import Panel

HC = 12398.419843
"""eV Å."""


@dataclass(frozen=True, slots=True, eq=False)
class CrystfelGeometry:
    """What the file says; None where it says nothing, or names a place elsewhere."""

    panels: tuple[Panel, ...]
    shape: tuple[int, int]
    """(slow, fast) that the panels need at least."""
    pixel_size: tuple[float, float]
    distance: float | None
    wavelength: float | None
    bad: NDArray[np.bool_]
    """(slow, fast), True where a bad region says so."""


def read_geometry(path: Path) -> CrystfelGeometry:
    """Read a file.

    Raises:
        UsageError: It cannot be read, or makes no detector.
    """
    try:
        from cfelpyutils.geometry import load_crystfel_geometry
    except ImportError:
        raise UsageError(
            f"{path}: reading .geom files needs `pip install ssx-recorder[geom]`"
        ) from None
    try:
        found = load_crystfel_geometry(str(path))
    except (OSError, RuntimeError, ValueError, KeyError, IndexError) as error:
        raise UsageError(f"{path}: not a CrystFEL geometry: {error}") from error
    items: dict[str, dict[str, Any]] = found.detector["panels"]
    if not items:
        raise UsageError(f"{path}: no panel in it")
    panels = tuple(_panel(path, name, item) for name, item in items.items())
    first = next(iter(items.values()))
    clen = float(first["clen"])
    energy = float(found.beam.get("photon_energy") or math.nan)
    pixel = 1.0 / float(first["res"])
    width = max(panel.first[0] + panel.size[0] for panel in panels)
    height = max(panel.first[1] + panel.size[1] for panel in panels)
    bad = np.zeros((height, width), np.bool_)
    for region in found.detector["bad"].values():
        _mark(bad, region, items)
    return CrystfelGeometry(
        panels=panels,
        shape=(height, width),
        pixel_size=(pixel, pixel),
        distance=clen if clen > 0 else None,
        wavelength=HC / energy if energy > 0 else None,
        bad=bad,
    )


def _panel(path: Path, name: str, item: dict[str, Any]) -> Panel:
    res = float(item["res"])
    numbers = [float(item[key]) for key in _NEEDED]
    if not (res > 0 and all(math.isfinite(value) for value in numbers)):
        raise UsageError(f"{path}: panel {name}: res, corner, fs or ss is missing")
    size = (int(item["w"]), int(item["h"]))
    if min(size) < 1 or min(item["orig_min_fs"], item["orig_min_ss"]) < 0:
        raise UsageError(f"{path}: panel {name}: min_fs to max_ss make no panel")
    offset = float(item["coffset"])
    x, y = float(item["cnx"]) / res, float(item["cny"]) / res
    return Panel(
        name=name,
        first=(int(item["orig_min_fs"]), int(item["orig_min_ss"])),
        size=size,
        corner=(x, y, offset if math.isfinite(offset) else 0.0),
        fast=(item["fsx"] / res, item["fsy"] / res, item["fsz"] / res),
        slow=(item["ssx"] / res, item["ssy"] / res, item["ssz"] / res),
    )


_NEEDED = ("cnx", "cny", "fsx", "fsy", "fsz", "ssx", "ssy", "ssz")


def _mark(
    bad: NDArray[np.bool_], region: dict[str, Any], items: dict[str, dict[str, Any]]
) -> None:
    """Mark a bad region: of a panel's pixels, or of the plane of the detector."""
    if region["is_fsss"]:
        rows = slice(int(region["min_ss"]), int(region["max_ss"]) + 1)
        bad[rows, int(region["min_fs"]) : int(region["max_fs"]) + 1] = True
        return
    for item in items.values():
        fs, ss = np.arange(item["w"]) + 0.5, np.arange(item["h"])[:, None] + 0.5
        x = item["cnx"] + fs * item["fsx"] + ss * item["ssx"]
        y = item["cny"] + fs * item["fsy"] + ss * item["ssy"]
        inside = (x >= region["min_x"]) & (x <= region["max_x"])
        inside &= (y >= region["min_y"]) & (y <= region["max_y"])
        top, left = int(item["orig_min_ss"]), int(item["orig_min_fs"])
        bad[top : top + item["h"], left : left + item["w"]] |= inside
