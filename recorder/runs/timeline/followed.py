"""What the labels of a run that goes on are worked out from."""

from __future__ import annotations

from typing import Protocol

from recorder.records import Chain
from recorder.runs.tables.event_log import EventLog
from recorder.runs.tables.image_table import ImageTable


class Followed(Protocol):
    """What is followed: a run that goes on."""

    @property
    def images(self) -> ImageTable:
        """The images that came."""

    @property
    def events(self) -> EventLog:
        """The events that came."""

    @property
    def chains(self) -> tuple[Chain, ...]:
        """The declared event chains."""

    @property
    def announced(self) -> bool:
        """Whether it was announced: then it is dark where no laser is declared."""
