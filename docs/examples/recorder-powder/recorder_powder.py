"""A technique of its own: powder, whose images should have rings and no spots."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recorder.records import Announcement
from recorder.records.technique_report import TechniqueReport
from recorder.runs.run import Run
from recorder.ssx.labels.timeline import Timeline
from recorder.techniques.plain import PlainRuns

GRAINY = 5
"""Spots from which on an image shows grains: their rings are not smooth. Chosen."""


@dataclass(frozen=True)
class PowderRuns(PlainRuns):
    """What is common to most techniques, with a check and a part of the report."""

    def check(self, announcement: Announcement) -> tuple[str, ...]:
        """A cell is of no use: nothing of a powder is indexed."""
        if announcement.unit_cell is None:
            return ()
        return ("unit_cell: is not used, a powder is not indexed",)

    def report(self, run: Run, timeline: Timeline) -> TechniqueReport:
        """How many of its images show grains."""
        ids = run.images.ids
        spots = run.images.column("spots")[ids]
        grainy = int(np.count_nonzero(spots >= GRAINY))
        return TechniqueReport(other={"powder": {"images": len(ids), "grainy": grainy}})


class PowderTechnique:
    """See :class:`recorder.techniques.protocols.TechniquePlugin`."""

    name = "powder"
    runs = PowderRuns(types=("Powder",))


PLUGIN = PowderTechnique()
