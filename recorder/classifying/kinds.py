"""Which shape and pixel type the images of a run have: the header's, else that of most.

One image of another kind must neither decide what the classifier is set up for nor be
handed to it. The order of arrival alone decides, so that the same images give the same
classes with any number of workers.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass

from recorder.records import DetectorInfo, Payload
from recorder.sources.pixels import PIXEL_TYPES, native_name, pixel_type

CONFIRMED = 3
"""Images of the kind that was expected after which it is believed; of any kind, where
no header says what to expect. Chosen, not tuned."""
MOST_HELD = 8
"""Images that contradict before it is decided between them and the header: they wait
so long, and so much memory. Chosen, not tuned."""
LATEST = 16
"""Later on, most of so many images must contradict. Chosen, not tuned."""
MOST_CHANGES = 4
"""Times that a run's kind changes once it was decided: each makes a set-up anew, and a
stream that mixes two kinds would ask for ever. Chosen, not tuned."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What a classifier is set up for."""

    shape: tuple[int, int]
    """(slow, fast)."""
    dtype: str
    """Native pixel type."""

    def __str__(self) -> str:
        """For people."""
        return f"{self.shape[0]} x {self.shape[1]} pixels (slow x fast) of {self.dtype}"


def kind_of(payload: Payload) -> Kind:
    """The kind of an image.

    Raises:
        UnsupportedImageError: Its pixel type is not read.
    """
    return Kind(payload.shape, pixel_type(payload.dtype))


def header_kind(info: DetectorInfo | None) -> Kind | None:
    """What a header says; None if it does not say both."""
    if info is None or info.shape is None or info.dtype is None:
        return None
    name = native_name(info.dtype)
    return Kind(info.shape, name) if name in PIXEL_TYPES else None


class ImageKinds:
    """The kind of one run's images.

    Args:
        header: What the series header says, if it does.
    """

    def __init__(self, header: Kind | None) -> None:
        self.header = header
        self.kind = header
        """What the images are taken to be; None while nothing says so."""
        self.open = True
        """Images of another kind are held: they may be most of all."""
        self._votes: Counter[Kind] = Counter()
        self._latest: deque[Kind] = deque(maxlen=LATEST)
        self._changes = 0

    def add(self, kind: Kind) -> None:
        """An image of a kind came: ``kind`` and ``open`` may change."""
        self._latest.append(kind)
        if self.open:
            self._votes[kind] += 1
            self._look()
        elif kind != self.kind:
            self._doubt(kind)

    def settle(self) -> None:
        """No more images are expected: decide by those that came."""
        if not self.open or not self._votes:
            return
        self.open = False
        best, votes = self._votes.most_common(1)[0]  # of equals the first that came
        if self.kind is None or votes > self._votes[self.kind]:
            self.kind = best

    def refusal(self, kind: Kind) -> str:
        """Why an image of another kind is not classified."""
        by_header = self.kind == self.header
        says = "the header says" if by_header else "most images of the run are"
        return (
            f"image is {kind}, {says} {self.kind}: it is left out, the others go on; "
            "let the detector send one shape and pixel type in a series"
        )

    def _look(self) -> None:
        if self.kind is not None and self._votes[self.kind] >= CONFIRMED:
            self.open = False
            return
        most = self._votes.most_common(1)[0][1]
        held = self._votes.total() - (self._votes[self.kind] if self.kind else 0)
        if held >= MOST_HELD or (self.kind is None and most >= CONFIRMED):
            self.settle()

    def _doubt(self, kind: Kind) -> None:
        most = 2 * self._latest.count(kind) > LATEST
        if most and self._changes < MOST_CHANGES:
            self._changes += 1
            self._latest.clear()
            self.kind = kind
