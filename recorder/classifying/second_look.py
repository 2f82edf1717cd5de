"""Which images of a run are looked at again when it ends, and with what it knew then.

A run's first images are classified with little: no map of the background, a geometry
and a cell that nobody had checked, or no cell at all. When no more images are expected,
those that knew less are classified once more. Not by the very last state: beams drift,
and the first state that knew as much as the last one lies nearest in time.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from recorder.pool.jobs import Callback, Outcome
from recorder.records import (
    Classification,
    ClassifierSetup,
    ImageClass,
    Learned,
    Payload,
)
from recorder.ssx.learning.as_good import as_good

KEPT_AFTER = 2
"""States that must have known as much as an earlier one before the pixels of images
behind that one are let go: one good state may be chance. Chosen, not tuned."""
INDEXED = 8
"""Images that must be indexed before: a run whose crystals are still to come has
nothing to disagree about. So many hits suffice to find a cell. Chosen, not tuned."""


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """An image that may be looked at again."""

    image_id: int
    payload: Payload
    state: int
    """Number of the learned state that it was classified with."""
    done: Callback
    """Called with the outcome of the second look."""


@dataclass(eq=False)
class SecondLook:
    """The images of one run that may be looked at again, and the state to do it with.

    Args:
        setup: What was known before the first image.
        most: Bytes of compressed pixels that are kept at most, those that came first.
    """

    setup: ClassifierSetup
    most: int
    best: Learned = field(default_factory=lambda: Learned(0))
    """The first state from which on all knew as much as the last one."""
    older: int = 0
    """Images of which the pixels were not kept, though they knew less."""
    _kept: dict[int, Kept] = field(default_factory=dict)
    _bytes: int = 0
    _agreeing: int = 0
    """States after the best one, since images index."""
    _indexed: int = 0
    _not_kept: dict[int, int] = field(default_factory=dict)
    """Images whose pixels were not kept, by the state that they used."""

    def keep(self, image: Kept) -> None:
        """Keep an image's pixels, as long as there is room and they may be needed."""
        settled = self._agreeing >= KEPT_AFTER and self._knew_enough(image.state)
        if settled or self._bytes + image.payload.size > self.most:
            self._count(image)
            return
        self._kept[image.image_id] = image
        self._bytes += image.payload.size

    def finished(self, image_id: int, outcome: Outcome) -> None:
        """An image that was not classified is not looked at again."""
        if not isinstance(outcome, Classification):
            self._drop(image_id)
        elif outcome.image_class is ImageClass.INDEXED:
            self._indexed += 1

    def _drop(self, image_id: int) -> None:
        if (image := self._kept.pop(image_id, None)) is not None:
            self._bytes -= image.payload.size

    def learned(self, old: Learned, new: Learned) -> None:
        """The run has a further state."""
        if as_good(old, new, self.setup):
            self._agreeing += self._indexed >= INDEXED or not self._learns
        else:
            self.best, self._agreeing = new, 0
        if self._agreeing == KEPT_AFTER:
            for image in list(self._kept.values()):
                if self._knew_enough(image.state):
                    self._drop(image.image_id)
                    self._count(image)

    def due(self) -> list[Kept]:
        """The images to be looked at again, by their ids; then nothing is kept."""
        kept = [image for _, image in sorted(self._kept.items())]
        self.older = sum(
            n for state, n in self._not_kept.items() if not self._knew_enough(state)
        )
        self._kept.clear()
        self._not_kept.clear()
        self._bytes = 0
        return [image for image in kept if not self._knew_enough(image.state)]

    @property
    def _learns(self) -> bool:
        """Whether more than the background may still be learned."""
        settings = self.setup.settings
        known = self.setup.geometry is not None
        return known and settings.index and settings.calibrate

    def _count(self, image: Kept) -> None:
        self._not_kept[image.state] = self._not_kept.get(image.state, 0) + 1

    def _knew_enough(self, state: int) -> bool:
        return state >= self.best.number
