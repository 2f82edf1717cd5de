"""Positions of captured samples: which field is which axis, in degrees or mm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, pi
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from recorder.config import PandaSection
from recorder.errors import shown
from recorder.records.positions import ANGLES, MAX_POSITION
from recorder.sources.panda.times import RAW, SCALED, Field

DEGREES = {"deg": 1.0, "degree": 1.0, "degrees": 1.0, "°": 1.0, "rad": 180 / pi}
DEGREES |= {"mrad": 0.18 / pi, "mdeg": 1e-3, "udeg": 1e-6, "µdeg": 1e-6}
"""Degrees in one of each unit."""
MILLIMETRES = {"m": 1e3, "cm": 10.0, "mm": 1.0, "um": 1e-3, "µm": 1e-3, "nm": 1e-6}
"""Millimetres in one of each unit."""


class Captured(Field, Protocol):
    """A captured field with its name."""

    @property
    def name(self) -> str:
        """Block and field of the box."""

    @property
    def capture(self) -> str:
        """What of it is captured, such as ``Value`` or ``Mean``."""


@dataclass(frozen=True, slots=True)
class PositionScale:
    """Makes degrees or mm of a field's numbers: ``number * step + origin``."""

    axis: str
    field: str
    step: float
    origin: float

    def of(self, data: NDArray[Any]) -> NDArray[np.float64]:
        """Positions (n,) of samples; NaN for what is none."""
        column = data[self.field]
        if column.dtype.kind not in "iuf":
            return np.full(len(data), np.nan)
        with np.errstate(all="ignore"):
            found = column.astype(np.float64) * self.step + self.origin
            return np.where(np.abs(found) <= MAX_POSITION, found, np.nan)


def position_scales(
    section: PandaSection, process: str, fields: Sequence[Captured]
) -> tuple[list[PositionScale], list[str]]:
    """How the fields that hold positions become those.

    Args:
        section: Which field is which axis.
        process: What the box did with the numbers, as the header says it.
        fields: The captured fields.

    Returns:
        The scales, and what of the settings cannot be used and why; each axis stands
        alone.
    """
    by_name = {f"{field.name}.{field.capture}": field for field in fields}
    scales, problems = [], []
    for axis, name in section.positions.items():
        field = by_name.get(name)
        if field is None:
            had = ", ".join(by_name)
            found: tuple[float, float] | str = (
                f"the capture has no field {name}; it has {had}: capture it on the "
                "PandABox, or set panda.positions"
            )
        else:
            found = _scale(section, axis, process, field)
        if isinstance(found, str):
            problems.append(f"no position of {axis}: {found}")
        else:
            origin = found[1] + section.position_offsets.get(axis, 0.0)
            scales.append(PositionScale(axis, name, found[0], origin))
    return scales, problems


def _scale(
    section: PandaSection, axis: str, process: str, field: Captured
) -> tuple[float, float] | str:
    """Degrees or mm of one of the field's numbers, and of 0; or why not."""
    own = section.position_scales.get(axis)
    if own is not None:
        return own, 0.0
    known = DEGREES if axis in ANGLES else MILLIMETRES
    factor = known.get((field.units or "").strip())
    setting = f"set panda.position_scales.{axis}"
    if factor is None:
        return (
            f"{field.name} is in {shown(field.units or '')}, which is none of "
            f"{', '.join(known)}: {setting}"
        )
    if process == SCALED:
        return factor, 0.0
    scale, offset = field.scale, field.offset
    if process not in RAW or scale is None or offset is None:
        return f"the header gives {field.name} no scale: {setting}"
    step, origin = scale * factor, offset * factor
    if not (isfinite(step) and isfinite(origin)) or step == 0:
        return f"{field.name} has the scale {shown(scale)}: {setting}"
    return step, origin
