"""Events as arrays, and what their codes mean."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recorder.records import EventType, Evidence
from recorder.runs.tables.position_table import no_numbers, no_values

TYPES = tuple(EventType)
GRADES = (Evidence.COMMANDED, Evidence.CAPTURED, Evidence.MEASURED)
"""Ascending: a sensor's word beats the timing hardware's for the same trigger."""
CAPTURED = GRADES.index(Evidence.CAPTURED)
LASER, XRAY = (
    TYPES.index(EventType.LASER_EXCITATION),
    TYPES.index(EventType.XRAY_DETECTION),
)


@dataclass(frozen=True, slots=True, eq=False)
class EventArrays:
    """Events in order of arrival, each uid once; arrays (n,) where nothing is said."""

    type: NDArray[np.uint8]
    """Index in TYPES."""
    grade: NDArray[np.uint8]
    """Index in GRADES."""
    trigger: NDArray[np.int64]
    time_ns: NDArray[np.int64]
    duration_s: NDArray[np.float32]
    clock: NDArray[np.uint16]
    """Index in ``texts``."""
    name: NDArray[np.uint16]
    """Index in ``texts``."""
    off: NDArray[np.bool_]
    uid: NDArray[np.int64]
    """Hashes of the uids."""
    texts: NDArray[np.str_]
    place_axis: NDArray[np.int64] = field(default_factory=no_numbers)
    """Positions that events have, shape (m,) as the next two: number of the axis in
    :data:`~recorder.records.positions.POSITIONS`."""
    place_event: NDArray[np.int64] = field(default_factory=no_numbers)
    """Which of these events it is of."""
    place_value: NDArray[np.float64] = field(default_factory=no_values)
    """Degrees or mm."""

    def as_dict(self) -> dict[str, NDArray[Any]]:
        """The arrays by name."""
        return {item.name: getattr(self, item.name) for item in fields(self)}
