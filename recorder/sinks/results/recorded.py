"""What the journal has of a run, for the files with a row for each image."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from recorder.records import ImageOutcome, TimedEvent


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the journal has of a run."""

    rows: Callable[[int, int], Iterator[ImageOutcome]]
    """What became of the images from one image_id to before another, ascending."""
    events: Callable[[], Iterator[TimedEvent]]
    """Its events as they were received, each once."""
    uid_bytes: int
    """Of the longest uid of its events."""
