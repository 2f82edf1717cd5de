"""What receivers of a node found, put together into reports for home."""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Iterator
from dataclasses import dataclass

from recorder.nodes.pulling.puller import ImageHere, MessageHere
from recorder.nodes.pulling.reports import MOST_IMAGES, RAW, pack_body, pack_images
from recorder.pool.wire import Message


@dataclass(frozen=True, slots=True)
class Report:
    """What home is told at a time, of one detector."""

    source: str
    message: Message
    images: int
    """How many it tells of; 0: it is a message of the detector."""
    pixels: tuple[int, ...]
    """Numbers of those that are kept for it."""


Here = deque[ImageHere | MessageHere]


def collected(here: Here, wanted: Container[str]) -> Iterator[Report | list[int]]:
    """Take what there is, in its order.

    Args:
        here: It is empty afterwards; threads add to it meanwhile.
        wanted: Detectors that home wants something of.

    Yields:
        A report, or numbers of pixels that nobody wants.
    """
    while here:
        first = here.popleft()
        if first.source not in wanted:
            yield [first.number] if isinstance(first, ImageHere) else []
        elif isinstance(first, MessageHere):
            body = pack_body(RAW, {"source": first.source}, *first.frames)
            yield Report(first.source, body, 0, ())
        else:
            yield _images(first, here)


def _images(first: ImageHere, here: Here) -> Report:
    images = [first]
    while here and len(images) < MOST_IMAGES:
        following = here[0]
        if isinstance(following, MessageHere) or following.source != first.source:
            break
        images.append(following)
        here.popleft()
    told = [(each.image, each.number, each.by_number) for each in images]
    kept = tuple(each.number for each in images if each.number)
    return Report(first.source, pack_images(told), len(images), kept)
