"""Times of captured samples: what the header says of the field makes ns of numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

MAX_COUNT = 2**62
"""Samples and ns below which sums of two stay within 64 bits."""
UNITS_NS = {"ns": 1.0, "us": 1e3, "µs": 1e3, "ms": 1e6, "s": 1e9, "min": 6e10}
"""Units that a PandABox gives times in, as ns."""
RAW = ("Raw", "Unscaled")
"""Processes of which a number is still to be scaled."""
SCALED = "Scaled"
_WHOLE = 1e-6
"""Deviation (ns) of a tick from whole ns that is the rounding of its decimal number."""


class Field(Protocol):
    """What a header says of a captured field."""

    @property
    def scale(self) -> float | None:
        """Unit of a count."""

    @property
    def offset(self) -> float | None:
        """Value of count 0."""

    @property
    def units(self) -> str | None:
        """Unit of the value."""


@dataclass(frozen=True, slots=True)
class TimeScale:
    """Makes ns of a field's numbers: ``number * tick_ns + offset_ns``."""

    tick_ns: float
    offset_ns: float

    def to_ns(self, column: NDArray[Any]) -> NDArray[np.int64]:
        """Times (n,) in ns, by integers where a tick is whole ns.

        Raises:
            ValueError: A time is no number of ns that 64 bits hold.
        """
        tick, offset = round(self.tick_ns), round(self.offset_ns)
        whole = max(abs(self.tick_ns - tick), abs(self.offset_ns - offset)) < _WHOLE
        if column.dtype.kind in "iu" and whole:
            largest = max(abs(int(column.max())), abs(int(column.min())), 1)
            if largest * tick + abs(offset) >= MAX_COUNT:
                raise ValueError("a time is no number of ns that 64 bits hold")
            return column.astype(np.int64) * tick + offset
        with np.errstate(all="ignore"):
            exact = np.rint(column.astype(np.float64) * self.tick_ns + self.offset_ns)
        if not np.all(np.abs(exact) < MAX_COUNT):
            raise ValueError("a time is no number of ns that 64 bits hold")
        return exact.astype(np.int64)


def time_scale(process: str, field: Field) -> TimeScale | str:
    """How a field's numbers become times.

    Args:
        process: What the box did with the numbers, as the header says it.
        field: The field that holds the time.

    Returns:
        The scale, or why there is none and what to set.

    Raises:
        ValueError: Scale or offset are no finite numbers.
    """
    unit = UNITS_NS.get(field.units or "")
    if unit is None:
        return (
            f"it is in {field.units!r:.20}, which is no unit of time; capture "
            "PCAP.TS_TRIG.Value and set panda.time_field to it"
        )
    if process == SCALED:
        return TimeScale(unit, 0.0)
    if process not in RAW:
        return (
            f"the box sends process={process!r:.20}; let it, or the relay between, "
            "send Raw or Scaled"
        )
    scale, offset = field.scale, field.offset
    if scale is None or offset is None:
        return "the header gives it no scale; capture it as Value"
    made = TimeScale(scale * unit, offset * unit)
    if not (0 < made.tick_ns < MAX_COUNT and abs(made.offset_ns) < MAX_COUNT):
        raise ValueError("a tick is no number of ns")
    return made
