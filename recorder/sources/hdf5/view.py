"""A stack of any number of axes as images one after the other."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np

from recorder.errors import FileFormatError
from recorder.records import Payload
from recorder.records.limits import MAX_FILE_PIXELS
from recorder.sources.hdf5.stored import Frames, Source
from recorder.sources.pixels import decode

Shape = tuple[int, int]
_MOST_CHANNELS = 4
"""Further images of an exposure that are taken for energy thresholds without anything
that says so: detectors have up to four. Chosen, not tuned."""


@dataclass(frozen=True, slots=True)
class View:
    """Images of a source: one channel of it, or its panels one below the other."""

    source: Source
    shape: Shape
    """(slow, fast)."""
    channel: int = 0
    channels: int = 1
    """Images of each exposure, of which one is taken."""
    panels: bool = False
    """The axis in between holds panels, put one below the other."""
    note: str = ""
    """What was taken for what, for people."""

    @property
    def count(self) -> int:
        """Images, those that were never written included."""
        return self.source.dims[0] if len(self.source.dims) > 2 else 1

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the pixels."""
        return self.source.dtype

    @property
    def whole_at_once(self) -> bool:
        """Whether an image is there as a whole as soon as it is there."""
        return self.source.whole_at_once

    def written(self) -> Frames:
        """Images that are there, ascending."""
        return self.source.written(self.middle(self.channel))

    def payload(self, index: int, *, stored: bool = False) -> Payload:
        """One image.

        Args:
            index: Which one.
            stored: Tell where its bytes lie, if they lie in one piece.

        Raises:
            ImageError: It cannot be had.
            FileFormatError: Its file cannot be had.
        """
        if len(self.source.dims) == 2:
            return self.source.payload((), stored=stored)
        if not self.panels:
            lead = (index, *self.middle(self.channel))
            return self.source.payload(lead, stored=stored)
        panels = math.prod(self.source.dims[1:-2])
        parts = [
            decode(self.source.payload((index, *self.middle(n)))) for n in range(panels)
        ]
        pixels = np.concatenate(parts)
        return Payload(pixels.tobytes(), "raw", self.shape, pixels.dtype.str)

    def middle(self, number: int) -> tuple[int, ...]:
        """Indices of the axes in between of a channel or a panel."""
        dims = self.source.dims[1:-2]
        return tuple(map(int, np.unravel_index(number, dims))) if dims else ()

    def ignored(self) -> tuple[str, ...]:
        """Names of the channels that are not taken."""
        others = (n for n in range(self.channels) if n != self.channel)
        return tuple(f"channel_{n + 1}" for n in others)


def view_of(source: Source, stated: Collection[Shape], channel: int | None) -> View:
    """Images of a source.

    Args:
        source: Shape (slow, fast), (images, slow, fast) or (images, …, slow, fast).
        stated: Sizes of an image (slow, fast) by what else is known: the master, its
            mask, the geometry file.
        channel: Which of several images of an exposure to take, from 1; None: the
            first.

    Raises:
        FileFormatError: It is not known what the axes mean, or no such channel.
    """
    dims = source.dims
    slow, fast = dims[-2:]
    inner = math.prod(dims[1:-2])
    if inner == 1:
        return View(source, (slow, fast))
    stacked = (inner * slow, fast)
    if stacked in stated and (slow, fast) not in stated:
        if stacked[0] * fast > MAX_FILE_PIXELS:
            raise FileFormatError(f"{source.place}: {inner} panels are too many pixels")
        return View(source, stacked, panels=True)
    if (slow, fast) not in stated and (inner > _MOST_CHANNELS or len(dims) > 4):
        raise FileFormatError(
            f"{source.place} has the shape {dims}, and nothing says what its further "
            f"axes are: for panels give a geometry_file of {stacked[0]} x {fast} "
            "pixels; for thresholds a mask of one image, in the file"
        )
    taken = (channel or 1) - 1
    if taken >= inner:
        raise FileFormatError(
            f"{source.place} has {inner} channels: there is no channel {channel}; set "
            "replay.channel"
        )
    note = f"{source.place}: {inner} images of each exposure: channel {taken + 1} taken"
    if (slow, fast) not in stated:
        note += "; if they are panels, set replay.geometry_file"
    return View(source, (slow, fast), taken, inner, note=note)
