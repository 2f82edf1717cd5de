"""What an ISPyB flavour is: how it names things, and who writes its statistics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from recorder.config.ispyb import IspybSection
from recorder.ispyb.flavours.mx_dialect import ESRF_MX, MxDialect
from recorder.ispyb.flavours.reading_dialect import ESRF_READINGS, ReadingDialect
from recorder.ispyb.schema.capabilities import Capabilities, Capability
from recorder.ispyb.schema.live_schema import LiveSchema
from recorder.ispyb.schema.rows import Rows
from recorder.plugins.groups import FLAVOURS
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
    """A dialect of ISPyB."""

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
    """Whether its readers expect one row for each image of a serial run."""
    statistics: Statistics
    provisional_end: bool = False
    """Whether its readers sort by end times, so that a run that goes on needs one."""
    mx: MxDialect = ESRF_MX
    """How its readers take rotations and grids."""
    readings: ReadingDialect = ESRF_READINGS
    """How they take energy scans and spectra."""


class FlavourPlugin(Protocol):
    """What an entry point of ``recorder.flavours`` names."""

    @property
    def name(self) -> str:
        """Name of the flavour and of the entry point: the setting ``ispyb.flavour``."""

    def make(self, section: IspybSection) -> Flavour:
        """The flavour as configured."""

    def matches(self, schema: LiveSchema) -> int:
        """How well it fits to the tables of a database.

        0: it is another flavour's, and nothing must be written. 1: it may be this one.
        2: it has what only this one has.
        """


def flavour_plugin(name: str) -> FlavourPlugin:
    """The flavour plug-in of a name.

    Raises:
        ConfigError: There is none that can be used.
    """
    plugin: FlavourPlugin = FLAVOURS.get(name)
    return plugin


def recognise(live: LiveSchema) -> str | None:
    """The flavour that the tables look like; None if they do not tell.

    Of several that fit equally well it is the first by name.
    """
    if live.empty:
        return None
    fits = {p.name: p.value.matches(live) for p in FLAVOURS.usable()}
    best = max(fits.values(), default=0)
    return min(name for name, fit in fits.items() if fit == best) if best else None
