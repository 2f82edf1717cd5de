"""The ISPyB sink: journal records become rows, each step one short transaction."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from recorder.config import Settings
from recorder.errors import SinkDeniedError, SinkError, SinkFollowsError
from recorder.ispyb.flavours.flavour import RunRow
from recorder.ispyb.schema import tables as t
from recorder.ispyb.schema.capabilities import Capability
from recorder.ispyb.schema.completing import Completer, Told
from recorder.ispyb.schema.database import (
    connect,
    create_embedded,
    is_embedded,
    shown_url,
    transaction,
)
from recorder.ispyb.schema.rows import Rows
from recorder.ispyb.schema.values import local_end
from recorder.ispyb.sessions import Session, find_session
from recorder.ispyb.site import Site, look
from recorder.journal import Journal, Record, RecordKind, Seq
from recorder.journal.run_record import read_run_record
from recorder.records import Announcement, Json
from recorder.records.run_report import RunReport
from recorder.runs.run import Run
from recorder.runtime.log import get_logger
from recorder.sinks.ispyb import collections, groups
from recorder.sinks.ispyb.beamline import describe_setup, find_detector
from recorder.sinks.ispyb.chains import (
    commanded_chains,
    has_chains,
    measured_chains,
    write_chains,
)
from recorder.sinks.ispyb.image_rows import ImageRows
from recorder.sinks.ispyb.samples import find_components
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

    def open(self, journal: Journal) -> None:
        """Connect and compare the live schema with what we write."""
        engine = self._engine or connect(self._settings)
        self._engine = engine
        if is_embedded(self._settings):
            create_embedded(engine, self._settings.ispyb.demo_proposal, self._beamline)
        site = look(engine, self._settings)
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
        if record.kind == RecordKind.RUN_UPDATED:
            self._update_run(record, report_of(record))
        if record.kind == RecordKind.RUN_SEALED:
            return self._close_run(record, report_of(record))
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

    def _row(
        self, collection_id: int, run: Run, record: Record, status: str = "running"
    ) -> RunRow:
        return RunRow(
            collection_id=collection_id,
            uid=run.uid,
            folder=str(self._settings.results.resolve() / run.folder),
            now=self._end(run, run.shown_ns(record.time_ns)),
            can=self._site.can,
            status=status,
            known=self._journal.ids(self.name, run.uid),
        )

    def _end(self, run: Run, end_ns: int) -> datetime:
        """A moment of a run that is not before its start, as the database has it."""
        return local_end(end_ns, run.shown_ns(run.opened_ns), self._zone)

    def _described(self, record: Record) -> tuple[Run, Json]:
        """The run as last described, and its ids.

        Raises:
            SinkError: It has none.
        """
        found = self._journal.latest(RecordKind.RUN, record.run or "")
        if found is None:
            raise SinkError("the run is not in the journal")
        ids = self._journal.ids(self.name, record.run or "")
        if not ids:
            raise SinkFollowsError(
                "the run has no row in ISPyB: its first record was refused, see there"
            )
        if self._run is None or self._run[0] != found.seq:
            self._run = found.seq, read_run_record(found.body)
        return self._run[1], ids

    # -- a run begins, or what is known of it changes --------------------------------

    def _write_run(self, record: Record) -> Json:
        """Create a run's rows, or bring them up to date."""
        run = read_run_record(record.body)
        announced = run.announcement
        values = collections.collection_values(run, self._zone)
        with self._begin() as rows:
            session = find_session(rows, announced, self._beamline, values["startTime"])
            known = self._find(rows, session, run.uid)
            group_id = groups.place_run(
                rows,
                session,
                known,
                announced,
                values["startTime"],
                self._site.flavour,
                self._site.can,
                self._settings.ispyb.runs_per_group,
                self._told,
            )
            completer = Completer(rows, self._told)
            detector_id = find_detector(completer, run, self._site.can)
            if detector_id is not None:
                values["detectorId"] = detector_id
            describe_setup(completer, session.session_id, announced, self._site.can)
            ssx = collections.ssx_values(announced)
            ssx["experimentName"] = groups.experiment_name(rows, announced)
            values["dataCollectionGroupId"] = group_id
            if known is None and self._site.provisional_end:
                values["endTime"] = values["startTime"]
            run_id = collections.write_collection(rows, known, values, ssx)
            self._commanded_chains(rows, session, run_id, announced)
            row = self._row(run_id, run, record)
            ids = self._site.flavour.statistics.begin(rows, row)
        return {
            "data_collection_id": run_id,
            "data_collection_group_id": group_id,
            "session_id": session.session_id,
            **ids,
        }

    def _find(self, rows: Rows, session: Session, uid: str) -> int | None:
        """The run's row: as the journal knows it, else by our marker."""
        ids = self._journal.ids(self.name, uid)
        known = ids.get("data_collection_id")
        return known or collections.find_collection(rows, session.session_id, uid)

    def _commanded_chains(
        self, rows: Rows, session: Session, run_id: int, announced: Announcement
    ) -> None:
        components = find_components(
            Completer(rows, self._told),
            session.proposal_id,
            announced.sample,
            self._site.can,
        )
        if not has_chains(rows, run_id):
            chains = commanded_chains(announced, self._site.chain_scope)
            write_chains(rows, run_id, chains, components)

    # -- a run goes on, and ends ----------------------------------------------------

    def _update_run(self, record: Record, report: RunReport) -> None:
        described, ids = self._described(record)
        run = self._row(ids["data_collection_id"], described, record)
        self._write_image_rows(run, ids, last=False)
        with self._begin() as rows:
            values: Json = {"numberOfImages": report.images.received}
            if self._site.provisional_end:
                values["endTime"] = run.now
            rows.update(t.collection, run.collection_id, values)
            self._site.flavour.statistics.update(rows, run, ids, report)

    def _close_run(self, record: Record, report: RunReport) -> Json | None:
        """The true end: counts, time and status."""
        described, ids = self._described(record)
        run = self._row(ids["data_collection_id"], described, record, report.status)
        ended_ns = report.ended_ns or described.shown_ns(record.time_ns)
        end = self._end(described, ended_ns)
        if report.measured:
            self._write_measured(record, run, report)
        statistics = self._site.flavour.statistics
        with self._begin() as rows:
            # an account may have got rights since the run began
            ids = {**ids, **statistics.begin(rows, run)}
        self._write_image_rows(run, ids, last=True)
        audit = report.timeline.summary if report.measured else ""
        with self._begin() as rows:
            rows.update(
                t.collection,
                run.collection_id,
                {
                    "numberOfImages": report.images.received,
                    "comments": collections.comments(described, audit),
                    "endTime": end,
                    "runStatus": collections.RUN_STATUS[report.status],
                    "resolution": report.resolution.median,
                },
            )
            statistics.end(rows, run, ids, report)
            groups.end_group(rows, ids["data_collection_group_id"], end)
        return ids

    def _write_image_rows(self, run: RunRow, ids: Json, *, last: bool) -> None:
        """Rows for images; a run is closed without them, too."""
        linked = self._site.flavour.image_rows or "program_id" in ids
        if not (run.can.can(Capability.IMAGE_ROWS) and linked):
            return
        try:
            self._image_rows.write(self._journal, run.uid, ids, run.now, last=last)
        except SinkError as error:
            log.warning(
                "image_rows_refused",
                run=run.uid,
                error=str(error),
                hint="the run's other rows are written",
            )

    def _write_measured(self, record: Record, run: RunRow, report: RunReport) -> None:
        """Measured values into the event rows; a run is closed without them, too."""
        why = run.can.missing.get(Capability.MEASURED, "")
        if not why:
            try:
                with self._begin() as rows:
                    chains = measured_chains(report, self._site.chain_scope)
                    # links to components stand since the commanded chains were written
                    write_chains(rows, run.collection_id, chains, None)
            except (SinkError, SinkDeniedError) as error:
                why = str(error)
        if why:
            log.warning(
                "chains_left_commanded",
                run=record.run,
                error=why,
                hint="the recorder needs UPDATE on Event",
            )
