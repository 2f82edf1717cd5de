"""What an ISPyB flavour is: how it names things, and who writes its statistics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from recorder.ispyb.schema.capabilities import Capabilities, Capability
from recorder.ispyb.schema.rows import Rows
from recorder.records import Json
from recorder.records.run_report import RunReport


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run's row, and what a statistics writer needs to know beside it."""

    collection_id: int
    uid: str
    folder: str
    """Absolute path of its files."""
    now: datetime | None
    """Local time, naive, as the columns hold it."""
    can: Capabilities
    status: str = "running"
    known: Json = field(default_factory=dict)
    """Ids that were given to it before."""


class Statistics(Protocol):
    """Writes what was counted, where a flavour's readers look for it."""

    def begin(self, rows: Rows, run: RunRow) -> Json:
        """Make the rows of a run, or find those that are there; their ids."""

    def update(self, rows: Rows, run: RunRow, ids: Json, report: RunReport) -> None:
        """Bring them up to date while the run goes on."""

    def end(self, rows: Rows, run: RunRow, ids: Json, report: RunReport) -> None:
        """Close them with the run's status."""


@dataclass(frozen=True, slots=True)
class Flavour:
    """One of the three dialects of ISPyB."""

    name: str
    chain_scope: str
    """How its readers take event chains: ``collection`` or ``position``."""
    experiment_types: Mapping[str, str]
    """Stored type by announced type."""
    without: frozenset[str]
    """Columns of :mod:`tables` that it does not have: ``Table.column``."""
    capabilities: frozenset[Capability]
    """What it has tables for."""
    image_rows: bool
    """Whether its readers expect one row for each image."""
    statistics: Statistics
