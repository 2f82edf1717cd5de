"""Series whose announcement has not come yet."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from recorder.records import Image, SeriesEnd, SeriesKey, SeriesStart, Unprocessed


@dataclass(eq=False)
class Waiting:
    """A series that waits for its announcement, with the images that came."""

    key: SeriesKey
    start: SeriesStart | None
    uid: str | None = None
    images: list[Image] = field(default_factory=list)
    held: int = 0
    """Bytes of their pixels."""
    since: float | None = None
    ended: SeriesEnd | None = None

    def hold(self, image: Image, most_bytes: int) -> None:
        """Keep an image; without its pixels where the workers could not take it."""
        if self.held >= most_bytes:
            why = (Unprocessed.OVERLOAD, "too many images before the announcement")
            image = replace(image, payload=None, problem=why)
        self.held += image.pixel_bytes
        self.images.append(image)
