"""The images of one run on their way, and who is told what became of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from recorder.classifying.kinds import ImageKinds, Kind
from recorder.classifying.lessons import Lessons
from recorder.records import Image, ImageOutcome
from recorder.runs.run import Run


class Audience(Protocol):
    """Whoever counts what becomes of images; it must not take time."""

    def finished(self, run: Run, image: ImageOutcome) -> None:
        """An image has its outcome."""

    def amended(self, run: Run, image: ImageOutcome) -> None:
        """A second look at an image changed its outcome."""


@dataclass(eq=False)
class RunImages:
    """The images of one run on their way."""

    kinds: ImageKinds
    set_up_for: Kind | None = None
    lessons: Lessons | None = None
    held: list[tuple[Image, bool]] = field(default_factory=list)
    """Of a kind that may be that of most, and whether they are never shed."""


def without_pixels(image: Image) -> Image:
    """What the journal needs of an image; the pixels go when they are classified."""
    return Image(
        key=image.key,
        image_id=image.image_id,
        payload=None,
        start_time_ns=image.start_time_ns,
        stop_time_ns=image.stop_time_ns,
        received_ns=image.received_ns,
    )
