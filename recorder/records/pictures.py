"""Pictures of images: which are wanted, and what a worker sends back."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from recorder.records.classification import ImageClass
from recorder.records.units import Json


class Wish:
    """Bits of what else is wanted of an image, beside its class.

    Plain numbers: each image is asked for, and an ``IntFlag`` takes ten times as long.
    """

    NOTHING: Final = 0
    MARKS: Final = 1
    """Its spots, if it is a hit: for sums over the run."""
    LAST: Final = 2
    """A picture, whatever it shows."""
    INDEXED: Final = 4
    """A picture if it is indexed."""
    UNINDEXED: Final = 8
    """A picture if it is a hit that is not indexed."""


PICTURES = (Wish.LAST, Wish.INDEXED, Wish.UNINDEXED)
"""Wishes for pictures. That of the last hit is one of the last two."""
_MEETS = {
    ImageClass.INDEXED: Wish.MARKS | Wish.LAST | Wish.INDEXED,
    ImageClass.NON_INDEXED_HIT: Wish.MARKS | Wish.LAST | Wish.UNINDEXED,
    ImageClass.NON_HIT: Wish.LAST,
}


def met(wish: int, image_class: ImageClass) -> int:
    """What of a wish an image of a class can fulfil."""
    return wish & _MEETS[image_class]


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of an image, and what is drawn over it."""

    png: bytes
    body: Json
    """As the JSON file beside the picture, without run and image: positions are in
    pixels of the picture."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a worker sends beside a class."""

    shape: tuple[int, int] = (0, 0)
    """(slow, fast) of the image."""
    marks: bytes = b""
    """Spots of a hit, see :data:`recorder.ssx.preview.spot_sums.MARK`."""
    picture: Picture | None = None
    cost_s: float = 0.0
    """CPU time that the picture took."""


NOTHING_SHOWN = Shown()
DIGEST_BYTES = 16
"""128 bits of a hash: no two pictures have the same."""


def digest_of(picture: bytes) -> str:
    """What binds a picture's file to the one that says of which run it is."""
    return blake2b(picture, digest_size=DIGEST_BYTES).hexdigest()
