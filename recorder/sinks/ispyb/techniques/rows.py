"""What a technique writes into ISPyB.

The facet ``rows`` of a technique's plug-in (group ``recorder.techniques``).
"""

from __future__ import annotations

from typing import Any, Protocol

from recorder.ispyb.schema.capabilities import Capability
from recorder.plugins.groups import TECHNIQUES
from recorder.records import Json
from recorder.records.run_report import RunReport
from recorder.sinks.ispyb.step import Step


class TechniqueRows(Protocol):
    """Writes the rows of runs of one technique.

    Every call may come twice, and with ids lost: rows are found again.
    """

    @property
    def needs(self) -> tuple[Capability, ...]:
        """Groups of tables without which no run of it is written."""

    def begin(self, step: Step) -> Json:
        """Make a run's rows, or bring them up to date; their ids."""

    def update(self, step: Step, ids: Json, report: RunReport) -> None:
        """The run goes on."""

    def end(self, step: Step, ids: Json, report: RunReport) -> Json:
        """The run is sealed, perhaps not for the first time; its ids."""


def rows_of(technique: str) -> TechniqueRows | None:
    """Who writes the rows of a technique; None: nobody does.

    Raises:
        ConfigError: There is no such technique that can be used.
    """
    plugin: Any = TECHNIQUES.get(technique)
    found: TechniqueRows | None = getattr(plugin, "rows", None)
    return found
