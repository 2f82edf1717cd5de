"""The ISPyB sink: journal records become rows, each step one short transaction."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from recorder.config import Settings
from recorder.errors import SinkError, SinkFollowsError, SinkUnavailableError
from recorder.ispyb.schema.completing import Told
from recorder.ispyb.schema.database import (
    connect,
    create_embedded,
    is_embedded,
    shown_url,
    transaction,
)
from recorder.ispyb.schema.rows import Rows
from recorder.ispyb.site import Site, look
from recorder.ispyb.technique_needs import require_tables
from recorder.journal import Journal, Record, RecordKind, Seq
from recorder.journal.run_record import read_run_record
from recorder.records import Json
from recorder.runs.run import Run
from recorder.runtime.log import get_logger
from recorder.sinks.ispyb.image_rows import ImageRows
from recorder.sinks.ispyb.step import Step
from recorder.sinks.ispyb.techniques.rows import TechniqueRows, rows_of
from recorder.sinks.records import report_of

log = get_logger("ispyb")


class IspybSink:
    """Writes runs into ISPyB.

    Args:
        settings: Database, flavour, beamline, time zone and results folder.
    """

    name = "ispyb"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._beamline = settings.ispyb.beamline or settings.beamline
        self._zone = ZoneInfo(settings.timezone) if settings.timezone else None
        self._engine: Engine | None = None
        self._known: tuple[Journal, Site] | None = None
        self._run: tuple[Seq, Run] | None = None
        """The run that was described last, and by which record: read once."""
        self._image_rows = ImageRows(self._begin)
        self._told = Told()
        self._without_rows: set[str] = set()
        """Techniques of which it was said that nobody writes their rows."""

    def open(self, journal: Journal) -> None:
        """Connect and compare the live schema with what we write."""
        engine = self._engine or connect(self._settings)
        self._engine = engine
        if is_embedded(self._settings):
            create_embedded(engine, self._settings.ispyb.demo_proposal, self._beamline)
        try:
            site = look(engine, self._settings)
        except (SinkError, SinkUnavailableError):
            engine.dispose()  # a connection has the rights that it began with
            raise
        self._known = journal, site
        log.info(
            "ispyb_connected",
            url=shown_url(engine),
            flavour=site.flavour.name,
            schema=site.schema,
            writes=sorted(str(group) for group in site.can.used),
        )
        if problems := site.can.problems:
            log.warning(
                "ispyb_limited",
                problems=problems,
                hint="the rest is written; grant the rights and restart to have all",
            )

    def close(self) -> None:
        """Close the connections."""
        if self._engine is not None:
            self._engine.dispose()

    def apply(self, record: Record) -> Json | None:
        """Write one journal record."""
        if record.kind == RecordKind.RUN:
            return self._write_run(record)
        if record.kind in (RecordKind.RUN_UPDATED, RecordKind.RUN_SEALED):
            return self._go_on(record)
        return None

    # -- what is there ------------------------------------------------------------

    @property
    def _journal(self) -> Journal:
        return self._opened()[0]

    @property
    def _site(self) -> Site:
        return self._opened()[1]

    def _opened(self) -> tuple[Journal, Site]:
        if self._known is None:
            raise SinkError("the sink is not open")
        return self._known

    @contextmanager
    def _begin(self) -> Iterator[Rows]:
        if self._engine is None:
            raise SinkError("the sink is not open")
        with transaction(self._engine) as connection:
            yield Rows(connection, self._site.live)

    def _last_described(self, record: Record) -> Run:
        """The run of a record, as last described.

        Raises:
            SinkError: It is not in the journal.
        """
        found = self._journal.latest(RecordKind.RUN, record.run or "")
        if found is None:
            raise SinkError("the run is not in the journal")
        if self._run is None or self._run[0] != found.seq:
            self._run = found.seq, read_run_record(found.body)
        return self._run[1]

    def _step(self, run: Run, record: Record) -> Step:
        return Step(
            run=run,
            recorded_ns=record.time_ns,
            known=self._journal.ids(self.name, run.uid),
            begin=self._begin,
            site=self._site,
            journal=self._journal,
            beamline=self._beamline,
            zone=self._zone,
            folder=str(self._settings.results.resolve() / run.folder),
            runs_per_group=self._settings.ispyb.runs_per_group,
            told=self._told,
            image_rows=self._image_rows,
        )

    # -- what its technique writes ---------------------------------------------------

    def _facet(self, run: Run) -> TechniqueRows | None:
        """Who writes the rows of a run; None, and said, if its technique has nobody.

        Raises:
            SinkError: This database lacks tables that it needs.
        """
        facet = rows_of(run.technique)
        if facet is not None:
            require_tables(run.technique, self._site)
        elif run.technique not in self._without_rows:
            self._without_rows.add(run.technique)
            log.warning(
                "technique_without_rows",
                technique=run.technique,
                hint="its runs have their files, and no rows in ISPyB",
            )
        return facet

    def _write_run(self, record: Record) -> Json | None:
        """Create a run's rows, or bring them up to date."""
        run = read_run_record(record.body)
        facet = self._facet(run)
        return None if facet is None else facet.begin(self._step(run, record))

    def _go_on(self, record: Record) -> Json | None:
        """A run goes on, or is sealed."""
        run = self._last_described(record)
        facet = self._facet(run)
        if facet is None:
            return None
        step = self._step(run, record)
        if not step.known:
            raise SinkFollowsError(
                "the run has no row in ISPyB: its first record was refused, see there"
            )
        if record.kind == RecordKind.RUN_SEALED:
            return facet.end(step, step.known, report_of(record))
        facet.update(step, step.known, report_of(record))
        return None
