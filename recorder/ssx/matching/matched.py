"""The matches so far: kept in blocks, which are joined when somebody asks for them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from recorder.ssx.arrays import Int64Array
from recorder.ssx.clocks.unknown import NO_ORDINAL, NO_TIME

Step = tuple[int, Int64Array, Int64Array]
"""How many images were looked at; index of the trigger and residual (ns) of each."""


@dataclass(slots=True, eq=False)
class Matched:
    """Blocks of arrays with one entry for each image."""

    ordinal: list[Int64Array] = field(default_factory=list)
    residual_ns: list[Int64Array] = field(default_factory=list)
    segment: list[Int64Array] = field(default_factory=list)
    """Number of the segment; images of one segment have certain distances."""

    def add(
        self, ordinal: Int64Array, residual_ns: Int64Array, segment: Int64Array
    ) -> None:
        """Add a block, shape (n,) each."""
        self.ordinal.append(ordinal)
        self.residual_ns.append(residual_ns)
        self.segment.append(segment)

    def arrays(self) -> tuple[Int64Array, Int64Array, Int64Array]:
        """Ordinal, residual and segment of all images, shape (n,) each."""
        parts = (self.ordinal, self.residual_ns, self.segment)
        for part in parts:
            if len(part) > 1:
                part[:] = [np.concatenate(part)]
        first, second, third = (part[0] if part else nothing() for part in parts)
        return first, second, third


def nothing() -> Int64Array:
    """No times and no triggers, shape (0,)."""
    return np.empty(0, np.int64)


def unmatched(count: int) -> Step:
    """So many images have no trigger."""
    none = np.full(count, NO_ORDINAL, np.int64)
    return count, none, np.full(count, NO_TIME, np.int64)
