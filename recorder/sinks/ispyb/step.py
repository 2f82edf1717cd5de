"""What there is to write a record of a run with."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from recorder.ispyb.flavours.flavour import RunRow
from recorder.ispyb.schema.completing import Completer, Told
from recorder.ispyb.schema.rows import Rows
from recorder.ispyb.schema.values import local_end
from recorder.ispyb.site import Site
from recorder.journal import Journal
from recorder.records import Json
from recorder.runs.run import Run
from recorder.sinks.ispyb.image_rows import ImageRows

Begin = Callable[[], AbstractContextManager[Rows]]
"""Opens a transaction."""


@dataclass(frozen=True, slots=True)
class Step:
    """One record of a run, and what there is to write it with."""

    run: Run
    """As last described; without its images."""
    recorded_ns: int
    """When the record was made (Unix ns)."""
    known: Json
    """Ids that were given to the run's rows before."""
    begin: Begin
    """Each transaction may come twice: it finds what it wrote before."""
    site: Site
    journal: Journal
    beamline: str
    zone: ZoneInfo | None
    folder: str
    """Absolute path of the run's files."""
    runs_per_group: int
    told: Told
    image_rows: ImageRows

    def completer(self, rows: Rows) -> Completer:
        """Finds, creates and completes rows in a transaction."""
        return Completer(rows, self.told)

    def end(self, end_ns: int | None = None) -> datetime:
        """Local time of a moment of the run (Unix ns), never before its start.

        Args:
            end_ns: The moment; None is when the record was made.
        """
        shown = self.run.shown_ns(self.recorded_ns) if end_ns is None else end_ns
        return local_end(shown, self.run.shown_ns(self.run.opened_ns), self.zone)

    def row(self, number: int, status: str = "running") -> RunRow:
        """The run's row for those who write statistics.

        Args:
            number: Its key.
            status: Of the run.
        """
        return RunRow(
            collection_id=number,
            uid=self.run.uid,
            folder=self.folder,
            now=self.end(),
            can=self.site.can,
            status=status,
            known=self.known,
        )
