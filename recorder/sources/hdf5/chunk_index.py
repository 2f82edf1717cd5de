"""Where the chunks of a dataset lie: looked up once, not once for each image.

The library goes through all chunks whenever it is asked for one of them: 10 ms for the
last image of a file of 100 000, and 100 for one of a million.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

MOST_CHUNKS = 5_000_000
"""Chunks that are kept in mind, at 32 bytes each; of larger datasets the library is
asked for each. Chosen, not tuned: a day at 60 images/s."""


@dataclass(frozen=True, slots=True)
class ChunkPlace:
    """Where the bytes of a chunk lie in its file."""

    offset: int
    size: int
    skipped: int
    """Bits of the filters that were left out; 0: all were applied."""


class ChunkIndex:
    """The chunks of a dataset that have a place in the file, as of now.

    Args:
        images: h5py dataset with chunks, not virtual.
    """

    def __init__(self, images: Any) -> None:
        path = Path(images.file.filename).resolve()
        now = path.stat()
        self.file, self.file_size, self.mtime_ns = path, now.st_size, now.st_mtime_ns
        self._depths = images.chunks
        grid = [-(-n // c) for n, c in zip(images.shape, self._depths, strict=True)]
        self._steps = [1]
        for count in reversed(grid[1:]):
            self._steps.insert(0, self._steps[0] * max(1, count))
        self._keys = np.empty(0, np.int64)
        self._rows = np.empty((0, 3), np.int64)
        if images.id.get_num_chunks() <= MOST_CHUNKS:
            self._look(images)

    def _look(self, images: Any) -> None:
        keys, rows = array("q"), array("q")

        def visit(info: Any) -> None:
            keys.append(self._key(info.chunk_offset))
            rows.extend((info.byte_offset, info.size, info.filter_mask))

        images.id.chunk_iter(visit)
        every = np.array(keys, np.int64)
        order = np.argsort(every, kind="stable")
        self._keys = every[order]
        self._rows = np.array(rows, np.int64).reshape(-1, 3)[order]

    def _key(self, where: tuple[int, ...]) -> int:
        """Number of the chunk at a corner, along the last axis first."""
        return sum(
            int(n) // c * step
            for n, c, step in zip(where, self._depths, self._steps, strict=True)
        )

    def find(self, images: Any, where: tuple[int, ...]) -> ChunkPlace | None:
        """The chunk at a corner; None if it was not written.

        Args:
            images: The dataset, which may have been opened anew.
            where: The corner.
        """
        key = self._key(where)
        at = int(np.searchsorted(self._keys, key))
        if at < len(self._keys) and self._keys[at] == key:
            return ChunkPlace(*map(int, self._rows[at]))
        # it may have been written since, or there are too many to be kept in mind
        info = images.id.get_chunk_info_by_coord(where)
        if info.byte_offset is None:
            return None
        return ChunkPlace(int(info.byte_offset), int(info.size), int(info.filter_mask))
