"""What most techniques have in common."""

from __future__ import annotations

from dataclasses import dataclass

from recorder.records import Announcement
from recorder.records.technique_report import TechniqueReport
from recorder.runs.run import Run
from recorder.runs.technique import Sum


@dataclass(frozen=True)
class PlainRuns:
    """A :class:`~recorder.runs.technique.Technique` with one collection and no part."""

    types: tuple[str, ...]
    takes_images: bool = True
    index_every: int = 1

    def check(self, announcement: Announcement) -> tuple[str, ...]:
        """Nothing can be wrong."""
        return ()

    def parts(self, announcement: Announcement) -> tuple[Announcement, ...]:
        """It is one."""
        return (announcement,)

    def sums(self, run: Run) -> tuple[Sum, ...]:
        """None of its own."""
        return ()

    def report(self, run: Run) -> TechniqueReport:
        """No part of its own."""
        return TechniqueReport()
