"""Which elements a virtual dataset's piece takes, axis by axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from recorder.errors import FileFormatError

_UNLIMITED = 2**64 - 1
"""The library's count of a selection that grows with its dataset."""
Whole = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Axis:
    """Blocks of indices along one axis, evenly spaced."""

    start: int
    stride: int = 1
    count: int = 1
    block: int = 1

    def __len__(self) -> int:
        return self.count * self.block

    @property
    def last(self) -> int:
        """The highest index."""
        return self.start + (self.count - 1) * self.stride + self.block - 1

    @property
    def dense(self) -> bool:
        """Whether no index between the first and the last is left out."""
        return self.count == 1

    def positions(self, indices: Whole) -> Whole:
        """Which of the selected elements each index is, -1 for none of them."""
        block, within = np.divmod(indices - self.start, self.stride)
        inside = (block >= 0) & (block < self.count) & (within < self.block)
        return np.where(inside, block * self.block + within, -1)

    def indices(self, positions: Whole) -> Whole:
        """The index of each selected element."""
        block, within = np.divmod(positions, self.block)
        return self.start + block * self.stride + within

    def all(self) -> Whole:
        """Every index, in order; only for axes that are known to be short."""
        return self.indices(np.arange(len(self)))


Box = tuple[Axis, ...]


def boxes(space: Any, shape: tuple[int, ...], most: int) -> list[Box]:
    """The selection of a dataspace: boxes in the order of their elements.

    Args:
        space: Dataspace of the library.
        shape: Of the dataset, for a selection of all of it.
        most: Boxes that are read.

    Returns:
        An axis for each dimension; its ``count`` is 0 where it grows with the dataset.

    Raises:
        FileFormatError: The selection is none of boxes, or of too many.
    """
    kind = space.get_select_type()
    if kind == h5py.h5s.SEL_ALL:
        return [whole(shape)]
    if kind != h5py.h5s.SEL_HYPERSLABS:
        raise FileFormatError("it is a selection of single points, or of nothing")
    if space.is_regular_hyperslab():
        return [_regular(space)]
    if (count := space.get_select_hyper_nblocks()) > most:
        raise FileFormatError(f"it is a selection of {count} boxes")
    return [
        tuple(
            Axis(int(a), int(b - a + 1), 1, int(b - a + 1))
            for a, b in zip(*box, strict=True)
        )
        for box in space.get_select_hyper_blocklist()
    ]


def whole(shape: tuple[int, ...]) -> Box:
    """All of a dataset."""
    return tuple(Axis(0, max(1, n), 1, n) for n in shape)


def _regular(space: Any) -> Box:
    found = []
    for start, stride, count, block in zip(
        *(map(int, values) for values in space.get_regular_hyperslab()), strict=True
    ):
        if block == _UNLIMITED:  # one block that grows: as single ones without end
            found.append(Axis(start, 1, 0, 1))
        elif count == _UNLIMITED:
            found.append(Axis(start, max(1, stride), 0, block))
        elif count == 1 or stride == block:  # one form for one selection
            found.append(Axis(start, max(1, count * block), 1, count * block))
        else:
            found.append(Axis(start, max(1, stride), count, block))
    return tuple(found)
