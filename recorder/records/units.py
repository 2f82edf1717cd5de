"""Types that all records share, and the units of all records.

Units: times in integer nanoseconds (``*_ns``) or seconds (``*_s``), detector
distance and pixel size in metres, beam centre in pixels counted from the outer
corner of pixel 0 (the middle of pixel ``i`` is ``i + 0.5``), wavelength and unit
cell in ångström, angles in degrees.
"""

from __future__ import annotations

from typing import Any

Cell = tuple[float, float, float, float, float, float]

HC = 12398.42
"""Wavelength (Å) times photon energy (eV)."""
Json = dict[str, Any]
