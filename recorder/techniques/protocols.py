"""What an entry point of ``recorder.techniques`` names."""

from __future__ import annotations

from typing import Protocol

from recorder.runs.technique import Technique


class TechniquePlugin(Protocol):
    """A technique: one facet for each room that asks."""

    @property
    def name(self) -> str:
        """Name of the technique and of the entry point."""

    @property
    def runs(self) -> Technique:
        """What its runs are made of."""
