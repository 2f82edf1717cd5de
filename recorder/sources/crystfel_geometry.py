"""Detector geometry from a CrystFEL ``.geom`` file.

Read from the format's public description: lines ``key = value``, comments after a
semicolon. A value outside of a panel is the default of the panels that begin after it.
The only Python library for the format is GPL-licensed, and follows it less closely
(docs/decisions/0011-geometry-files.md).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recorder.errors import UsageError
from recorder.records import Panel
from recorder.records.text_files import TextError, text_of
from recorder.records.units import HC

MAX_PIXELS = 64_000_000
"""Pixels that panels may cover; four times an EIGER2 16M, as `detector.max_pixels`."""
_BEAM = ("photon_energy", "wavelength", "photon_energy_scale")
_IGNORED = (
    "rigid_group",
    "group",
    "bandwidth",
    "electron_voltage",
    "peak_list",
    "detector_shift",
    "mask_",
    "flag_",
)
_UNITS = {"m": 1.0, "mm": 1e-3, "ev": 1.0, "kev": 1e3, "mev": 1e6, "a": 1.0}
_TERM = re.compile(r"([+-]?\s*(?:\d+\.?\d*|\.\d+)?(?:[eE][+-]?\d+)?)\s*\*?\s*([xyz])")

Entries = dict[str, str]


@dataclass(frozen=True, slots=True, eq=False)
class CrystfelGeometry:
    """What the file says; None where it says nothing, or names a place elsewhere."""

    panels: tuple[Panel, ...]
    shape: tuple[int, int]
    """(slow, fast) that the panels need at least."""
    pixel_size: tuple[float, float]
    distance: float | None
    """Of the first panel, m."""
    wavelength: float | None
    bad: NDArray[np.bool_]
    """(slow, fast), True where a bad region or ``no_index`` says so."""
    counts_per_photon: float | None = None
    counts_per_ev: float | None = None
    """None also where the panels differ, or the file gives the one per photon."""


def read_geometry(path: Path) -> CrystfelGeometry:
    """Read a file.

    Raises:
        UsageError: It cannot be read, or makes no detector.
    """
    try:
        text = text_of(path.read_bytes())
    except (OSError, TextError) as error:
        raise UsageError(f"{path}: cannot be read: {error}") from error
    try:
        return _geometry(text)
    except _GeometryError as error:
        raise UsageError(f"{path}: {error}") from error


class _GeometryError(Exception):
    """What is wrong in the file, for people."""


def _geometry(text: str) -> CrystfelGeometry:
    panels, bads, beam = _sections(text)
    if not panels:
        raise _GeometryError("no panel in it: expected lines such as p0/min_fs = 0")
    places = {name: _place(name, entries) for name, entries in panels.items()}
    distances = [place for place, _ in places.values()]
    base = distances[0]
    made = []
    for (name, entries), (distance, offset) in zip(
        panels.items(), places.values(), strict=True
    ):
        if base is not None and distance is None:
            raise _GeometryError(f"panel {name}: clen is no number, that of others is")
        z = offset if base is None or distance is None else distance - base
        made.append(_panel(name, entries, z))
    width = max(panel.first[0] + panel.size[0] for panel in made)
    height = max(panel.first[1] + panel.size[1] for panel in made)
    if width * height > MAX_PIXELS:
        raise _GeometryError(f"panels for {width} x {height} pixels are too many")
    _check_overlap(made, (height, width))
    bad = np.zeros((height, width), np.bool_)
    for panel, entries in zip(made, panels.values(), strict=True):
        if entries.get("no_index", "0").strip() not in ("", "0", "false"):
            bad[_pixels(panel)] = True
    for name, entries in bads.items():
        _mark(bad, name, entries, made)
    pixel = 1.0 / _number("res", next(iter(panels.values())).get("res"))
    return CrystfelGeometry(
        panels=tuple(made),
        shape=(height, width),
        pixel_size=(pixel, pixel),
        distance=base,
        wavelength=_wavelength(beam),
        bad=bad,
        counts_per_photon=_counts_per("adu_per_photon", panels),
        counts_per_ev=_counts_per("adu_per_eV", panels),
    )


def _counts_per(key: str, panels: dict[str, Entries]) -> float | None:
    """A gain that all panels have in common."""
    given = {
        _number(f"panel {name}: {key}", entries[key])
        for name, entries in panels.items()
        if key in entries
    }
    for value in given:
        if value <= 0:
            raise _GeometryError(f"{key} is {value:g}, expected a positive number")
    return given.pop() if len(given) == 1 else None


def _sections(text: str) -> tuple[dict[str, Entries], dict[str, Entries], Entries]:
    """Entries of panels and of bad regions by name, and of the beam."""
    panels: dict[str, Entries] = {}
    bads: dict[str, Entries] = {}
    defaults: Entries = {}
    beam: Entries = {}
    for key, value in _lines(text):
        name, slash, entry = key.rpartition("/")
        if slash and name.startswith("bad"):
            bads.setdefault(name, {})[entry] = value
        elif slash:
            panels.setdefault(name, dict(defaults))[entry] = value
        elif key in _BEAM:
            beam[key] = value
        elif not key.startswith(_IGNORED):
            defaults[key] = value
    return panels, bads, beam


def _lines(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        key, equals, value = line.partition(";")[0].partition("=")
        if equals:
            yield key.strip(), value.strip()


def _number(name: str, value: str | None) -> float:
    """A finite number, in its unit if one follows."""
    if value is None:
        raise _GeometryError(f"{name} is missing, the file must give it")
    parts = (value or "").split()
    try:
        found = float(parts[0])
        found *= _UNITS[parts[1].lower()] if len(parts) > 1 else 1.0
    except (ValueError, IndexError, KeyError):
        raise _GeometryError(f"{name} is {value!r}, expected a number") from None
    if not math.isfinite(found):
        raise _GeometryError(f"{name} is {value!r}, expected a finite number")
    return found


def _place(name: str, entries: Entries) -> tuple[float | None, float]:
    """Distance of a panel, None if its clen is elsewhere, and its offset (m)."""
    offset = _number(f"panel {name}: coffset", entries.get("coffset", "0"))
    clen = entries.get("clen", "")
    if not clen or clen.startswith("/"):
        return None, offset
    distance = _number(f"panel {name}: clen", clen) + offset
    if not 0 < distance < 100:
        raise _GeometryError(f"panel {name}: clen and coffset make {distance:g} m")
    return distance, offset


def _panel(name: str, entries: Entries, z: float) -> Panel:
    def number(key: str) -> float:
        return _number(f"panel {name}: {key}", entries.get(key))

    if "dim0" in entries or "dim1" in entries or "dim2" in entries:
        numbered = [v for k, v in entries.items() if re.fullmatch(r"dim\d", k)]
        if any(value.isdigit() for value in numbered):
            text = "panels in further dimensions are not read; stack them"
            raise _GeometryError(f"panel {name}: {text} along the slow axis")
    res = number("res")
    if not 10 < res < 1e8:
        raise _GeometryError(f"panel {name}: res is {res:g}, expected pixels per metre")
    left, right = int(number("min_fs")), int(number("max_fs"))
    top, bottom = int(number("min_ss")), int(number("max_ss"))
    if not (0 <= left <= right < 100_000 and 0 <= top <= bottom < 10_000_000):
        raise _GeometryError(f"panel {name}: min_fs to max_ss make no panel")
    fast, slow = _axis(name, "fs", entries), _axis(name, "ss", entries)
    if np.linalg.norm(np.cross(fast, slow)) < 0.1:
        raise _GeometryError(f"panel {name}: fs and ss span no plane")
    return Panel(
        name=name,
        first=(left, top),
        size=(right - left + 1, bottom - top + 1),
        corner=(number("corner_x") / res, number("corner_y") / res, z),
        fast=(fast[0] / res, fast[1] / res, fast[2] / res),
        slow=(slow[0] / res, slow[1] / res, slow[2] / res),
    )


def _axis(name: str, key: str, entries: Entries) -> tuple[float, float, float]:
    """A direction such as ``+0.99x -0.01y``."""
    value = entries.get(key)
    if value is None:
        raise _GeometryError(f"panel {name}: {key} is missing, the file must give it")
    found = {"x": 0.0, "y": 0.0, "z": 0.0}
    rest = value
    for match in _TERM.finditer(value):
        factor = match[1].replace(" ", "")
        found[match[2]] += float(factor + "1" if factor in ("", "+", "-") else factor)
        rest = rest.replace(match[0], "", 1)
    if rest.strip() or not any(found.values()):
        raise _GeometryError(
            f"panel {name}: {key} is {value!r}, expected such as +1.0x -0.0y"
        )
    return found["x"], found["y"], found["z"]


def _pixels(panel: Panel) -> tuple[slice, slice]:
    (x, y), (width, height) = panel.first, panel.size
    return slice(y, y + height), slice(x, x + width)


def _check_overlap(panels: list[Panel], shape: tuple[int, int]) -> None:
    taken = np.zeros(shape, np.bool_)
    for panel in panels:
        here = taken[_pixels(panel)]
        if here.any():
            raise _GeometryError(f"panel {panel.name} shares pixels with another one")
        here[...] = True


def _mark(
    bad: NDArray[np.bool_], name: str, entries: Entries, panels: list[Panel]
) -> None:
    """Mark a bad region: of pixels, or of the plane of the detector."""

    def limits(axis: str) -> tuple[float, float]:
        low, high = (
            _number(f"{name}/{end}_{axis}", entries.get(f"{end}_{axis}"))
            for end in ("min", "max")
        )
        return low, high

    only = entries.get("panel")
    chosen = [panel for panel in panels if only in (None, panel.name)]
    if not chosen:
        raise _GeometryError(f"{name}/panel is {only!r}, no such panel")
    if "min_fs" in entries:
        (left, right), (top, bottom) = limits("fs"), limits("ss")
        region = np.zeros_like(bad)
        region[int(top) : int(bottom) + 1, int(left) : int(right) + 1] = True
        for panel in chosen:
            bad[_pixels(panel)] |= region[_pixels(panel)]
        return
    (left, right), (low, high) = limits("x"), limits("y")
    for panel in chosen:
        res = 1.0 / float(np.linalg.norm(panel.fast))
        fs = np.arange(panel.size[0]) + 0.5
        ss = np.arange(panel.size[1])[:, None] + 0.5
        x, y = (
            res * (panel.corner[n] + fs * panel.fast[n] + ss * panel.slow[n])
            for n in (0, 1)
        )
        bad[_pixels(panel)] |= (x >= left) & (x <= right) & (y >= low) & (y <= high)


def _wavelength(beam: Entries) -> float | None:
    """Å; None if the energy stands in the data file."""
    if (value := beam.get("wavelength", "/")) and not value.startswith("/"):
        found = _number("wavelength", value)
        wavelength = found * 1e10 if value.split()[1:] == ["m"] else found
    elif (value := beam.get("photon_energy", "/")) and not value.startswith("/"):
        energy = _number("photon_energy", value)
        energy *= _number("photon_energy_scale", beam.get("photon_energy_scale", "1"))
        wavelength = HC / energy if energy > 0 else math.nan
    else:
        return None
    if not 0.001 < wavelength < 100:
        raise _GeometryError(
            f"the beam's wavelength or energy is {value!r}: out of range"
        )
    return wavelength
