"""Images that later ones overtake."""

from __future__ import annotations

from recorder.records import Json
from recorder.simulate.stream.messages import Message
from recorder.simulate.timing.faults import Fate

QueuedMessage = tuple[Message, Json]
"""An image's message, and its entry in the truth."""


class ReorderBuffer:
    """Holds back images that later ones overtake."""

    def __init__(self) -> None:
        self._held: list[tuple[int, QueuedMessage]] = []

    def pass_by(
        self, message_in_queue: QueuedMessage, fate: Fate
    ) -> list[QueuedMessage]:
        """What is sent now that this image was made."""
        due = [item for left, item in self._held if left <= 1]
        self._held = [(left - 1, item) for left, item in self._held if left > 1]
        if fate.lost:
            return due
        copies = (
            [message_in_queue, message_in_queue]
            if fate.duplicate
            else [message_in_queue]
        )
        if fate.later:
            self._held += [(fate.later, item) for item in copies]
            return due
        return [*copies, *due]

    def rest(self) -> list[QueuedMessage]:
        """All that is still held."""
        return [item for _, item in self._held]
