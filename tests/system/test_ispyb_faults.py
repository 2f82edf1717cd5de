"""What goes wrong with a database: it is said clearly, and nothing is lost."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import ValidationError

from recorder.config import Settings
from recorder.errors import ConfigError, SinkError, SinkUnavailableError
from recorder.foreign_text import is_name
from recorder.ispyb.check import check_ispyb
from recorder.ispyb.schema import tables
from recorder.ispyb.schema.rows import Rows
from recorder.journal import Journal, Record
from recorder.journal.run_record import run_record
from recorder.runs.run import Run
from recorder.sinks.ispyb.image_rows import PROVISIONAL, ImageRows
from recorder.sinks.ispyb.sink import IspybSink
from recorder.sinks.runner import SinkRunner
from tests.builders import announced, non_hits
from tests.disks import memory_folder
from tests.guards import Event, logged
from tests.ispyb import (
    all_written,
    announcement,
    embedded_site,
    esrf_site,
    record,
    running,
    write,
)
from tests.laws import examples
from tests.servers import HOST, Certificates, Database, MariaDB, free_port

MakeSettings = Callable[..., Settings]
TIMEOUT_S = 120.0


def opening(settings: Settings, tmp_path: Path) -> None:
    """Open the sink as the runner does."""
    journal = Journal(tmp_path / "journal.sqlite")
    sink = IspybSink(settings)
    try:
        sink.open(journal)
    finally:
        sink.close()
        journal.close()


# -- a configuration or a server that cannot be used -----------------------------------


def test_a_wrong_password_is_explained_and_not_shown(
    settings: MakeSettings, mariadb_database: Database, tmp_path: Path
) -> None:
    wrong = settings(ispyb=mariadb_database.section(password="geheim-77"))
    with pytest.raises(SinkUnavailableError) as caught:
        opening(wrong, tmp_path)
    assert "access denied" in str(caught.value)
    assert "credential ispyb__password or RECORDER_ISPYB__PASSWORD" in str(caught.value)
    assert "geheim-77" not in str(caught.value)
    assert mariadb_database.password not in str(caught.value)


def test_a_password_in_the_url_is_not_shown(
    settings: MakeSettings, mariadb_database: Database, tmp_path: Path
) -> None:
    url = mariadb_database.url.replace("@", ":geheim-77@")
    with pytest.raises(SinkUnavailableError) as caught:
        opening(settings(ispyb={"url": url}), tmp_path)
    assert "geheim-77" not in str(caught.value)


def test_a_server_that_is_not_there(settings: MakeSettings, tmp_path: Path) -> None:
    url = f"mariadb+pymysql://recorder@{HOST}:{free_port()}/ispyb"
    with pytest.raises(SinkUnavailableError, match="Can't connect"):
        opening(settings(ispyb={"url": url}), tmp_path)


def test_a_database_that_is_not_there(
    settings: MakeSettings, mariadb_database: Database, tmp_path: Path
) -> None:
    name = f"{mariadb_database.name}x"
    mariadb_database.execute(
        f"GRANT ALL ON {name}.* TO {mariadb_database.user}@'{HOST}'"
    )
    section = mariadb_database.section(url=f"{mariadb_database.url}x")
    with pytest.raises(SinkUnavailableError, match=r"no such database; check ispyb\."):
        opening(settings(ispyb=section), tmp_path)


def test_an_empty_database(
    settings: MakeSettings, mariadb_database: Database, tmp_path: Path
) -> None:
    section = mariadb_database.section()
    with pytest.raises(SinkError, match="is empty for this account; create the ISPyB"):
        opening(settings(ispyb=section), tmp_path)


@pytest.mark.parametrize(
    "url", ["nonsense", "mariadb+nodriver://u@h/d", "mongodb://u@h/d"]
)
def test_what_is_no_database_url(
    settings: MakeSettings, tmp_path: Path, url: str
) -> None:
    with pytest.raises((ConfigError, ValidationError), match=r"mariadb\+pymysql://"):
        opening(settings(ispyb={"url": url}), tmp_path)


def test_a_diamond_database_is_recognised(
    settings: MakeSettings, mariadb_database: Database, tmp_path: Path
) -> None:
    esrf_site(mariadb_database)
    mariadb_database.execute(
        "SET FOREIGN_KEY_CHECKS = 0",
        "ALTER TABLE AutoProcProgram DROP FOREIGN KEY AutoProcProgram_ibfk_1",
        "ALTER TABLE AutoProcProgram DROP COLUMN dataCollectionId, "
        "MODIFY processingStatus tinyint(1)",
        "ALTER TABLE DataCollection DROP COLUMN xBeamPix, DROP COLUMN yBeamPix",
    )
    section = mariadb_database.section()
    with pytest.raises(
        SinkError, match=r"looks like flavour diamond, but ispyb\.flavour is esrf"
    ):
        opening(settings(ispyb=section), tmp_path)


def test_a_missing_table_is_named(
    settings: MakeSettings, mariadb_database: Database, tmp_path: Path
) -> None:
    esrf_site(mariadb_database)
    mariadb_database.execute("SET FOREIGN_KEY_CHECKS = 0", "DROP TABLE DataCollection")
    section = mariadb_database.section()
    with pytest.raises(SinkError, match="missing table DataCollection"):
        opening(settings(ispyb=section), tmp_path)


async def test_without_the_serial_tables_serial_runs_are_refused_by_name(
    settings: MakeSettings, mariadb_database: Database, tmp_path: Path, log_events: Any
) -> None:
    site = esrf_site(mariadb_database)
    mariadb_database.execute("DROP TABLE SSXDataCollection")
    await record(settings(ispyb={"enabled": False}), tmp_path, announcement())
    with pytest.raises(SinkError, match=r"technique ssx need .* serial runs, .*SSX"):
        write(settings(ispyb=site.section))
    assert site.rows("SELECT * FROM DataCollection") == []
    (said,) = [e for e in log_events if e["event"] == "ispyb_limited"]
    missing = {problem.split(":")[0] for problem in said["problems"]}
    assert missing == {"serial runs", "measured chains"}
    with pytest.raises(SinkError, match=r"nobody announces will be parked now: runs"):
        check_ispyb(settings(ispyb=site.section))


def test_check_names_the_flavour_and_no_password(
    settings: MakeSettings, mariadb_database: Database
) -> None:
    esrf_site(mariadb_database)
    found = check_ispyb(settings(ispyb=mariadb_database.section()))
    assert "flavour esrf, writes runs" in found
    assert mariadb_database.password not in found


def test_an_embedded_database_in_the_way(
    settings: MakeSettings, tmp_path: Path
) -> None:
    configured = settings()
    (configured.state_directory / "ispyb.sqlite").mkdir(parents=True)
    with pytest.raises(SinkUnavailableError, match="unable to open database file"):
        opening(configured, tmp_path)


async def test_a_user_who_may_only_read(
    settings: MakeSettings, mariadb_database: Database, tmp_path: Path
) -> None:
    site = esrf_site(mariadb_database)
    user = f"{mariadb_database.user}@'{HOST}'"
    mariadb_database.execute(
        f"REVOKE ALL ON {mariadb_database.name}.* FROM {user}",
        f"GRANT SELECT ON {mariadb_database.name}.* TO {user}",
    )
    await record(settings(ispyb={"enabled": False}), tmp_path, announcement())
    with pytest.raises(
        SinkUnavailableError, match=r"access denied: INSERT on DataCol.*its rights"
    ):
        write(settings(ispyb=site.section))


async def test_without_the_right_to_update_events_the_run_is_closed_all_the_same(
    settings: MakeSettings, mariadb_database: Database, tmp_path: Path, log_events
) -> None:
    """An account from before measured chains keeps working, with a warning."""
    site = esrf_site(mariadb_database)
    user, name = f"{mariadb_database.user}@'{HOST}'", mariadb_database.name
    grants = [
        f"GRANT SELECT, INSERT{'' if table == 'Event' else ', UPDATE'} "
        f"ON {name}.{table} TO {user}"
        for table in tables.metadata.tables
    ]
    mariadb_database.execute(f"REVOKE ALL ON {name}.* FROM {user}", *grants)
    event = {"type": "XrayDetection", "offset": 0.5, "period": 0.2, "repetition": 4}
    body = announcement(event_chains=[{"name": "c", "events": [event]}])
    await record(settings(ispyb={"enabled": False}), tmp_path, body)
    configured = settings(ispyb=site.section)
    with contextlib.closing(Journal(configured.journal_path)) as journal:
        (sealed,) = journal.records(kinds=("run_sealed",))
    sealed.body["report"]["event_chains"][0]["measured"] = [
        {
            "type": "XrayDetection",
            "name": None,
            "offset": 0.5,
            "duration": None,
            "period": 0.1,
            "repetition": 4,
            "declared": 0,
            "irregular": False,
        }
    ]
    with contextlib.closing(Journal(configured.journal_path)) as journal:
        sink = IspybSink(configured)
        sink.open(journal)
        try:
            for entry in journal.records(kinds=("run",)):
                journal.advance(sink.name, entry.seq, entry.run, sink.apply(entry))
            sink.apply(sealed)
        finally:
            sink.close()
    row = site.one("SELECT runStatus FROM DataCollection")
    assert row == {"runStatus": "DataCollection Successful"}
    assert site.one("SELECT period + 0e0 AS period FROM Event")["period"] == (
        pytest.approx(0.2)
    )
    (said,) = [e for e in log_events if e["event"] == "chains_left_commanded"]
    assert "UPDATE on Event" in said["hint"]


# -- a schema that is not quite the expected one ---------------------------------------


@pytest.mark.parametrize("flavour", ["maxiv", "diamond"])
def test_another_flavour_than_configured(
    settings: MakeSettings, mariadb_database: Database, tmp_path: Path, flavour: str
) -> None:
    """MAX IV's is ESRF's with tables more; Diamond's is another family."""
    esrf_site(mariadb_database)
    configured = settings(ispyb=mariadb_database.section(flavour=flavour))
    if flavour == "maxiv":
        assert "not: processing results: table SSX" in check_ispyb(configured)
    else:
        with pytest.raises(SinkError, match=r'set ispyb\.flavour = "esrf"'):
            opening(configured, tmp_path)


async def test_columns_that_are_not_needed_are_left_out_and_named(
    settings: MakeSettings, mariadb_database: Database, tmp_path: Path, log_events: Any
) -> None:
    site = esrf_site(mariadb_database)
    mariadb_database.execute(
        "ALTER TABLE DataCollection DROP COLUMN xBeamPix, MODIFY imagePrefix varchar(2)"
    )
    await record(settings(ispyb=site.section), tmp_path, announcement())
    row = site.one("SELECT imagePrefix, yBeamPix FROM DataCollection")
    assert row == {"imagePrefix": "ru", "yBeamPix": 50.0}
    (said,) = [e for e in log_events if e["event"] == "ispyb_limited"]
    assert said["problems"] == ["column DataCollection.xBeamPix: missing"]


def test_a_missing_column_of_the_core_is_named(
    settings: MakeSettings, mariadb_database: Database, tmp_path: Path
) -> None:
    esrf_site(mariadb_database)
    mariadb_database.execute("ALTER TABLE DataCollection DROP COLUMN runStatus")
    with pytest.raises(SinkError, match=r"missing column DataCollection\.runStatus"):
        opening(settings(ispyb=mariadb_database.section()), tmp_path)


async def test_a_visit_of_another_beamline_is_refused(
    settings: MakeSettings, mariadb_database: Database, tmp_path: Path
) -> None:
    site = esrf_site(mariadb_database)
    mariadb_database.execute("UPDATE BLSession SET beamLineName = 'ID30'")
    await record(settings(ispyb={"enabled": False}), tmp_path, announcement())
    with pytest.raises(SinkError, match=r"of beamline ID30, not demo.*ispyb\.beamline"):
        write(settings(ispyb=site.section))
    write(settings(ispyb={**site.section, "beamline": "ID30"}))
    assert site.counts()["DataCollection"] == 1


async def test_images_beyond_the_largest_image_number(
    settings: MakeSettings, mariadb_database: Database, tmp_path: Path, log_events: Any
) -> None:
    site = esrf_site(mariadb_database)
    mariadb_database.execute(
        "ALTER TABLE ImageQualityIndicators MODIFY imageNumber tinyint"
    )
    configured = settings(ispyb={**site.section, "image_rows": True})
    await record(settings(ispyb={"enabled": False}), tmp_path, announcement())
    with contextlib.closing(Journal(configured.journal_path)) as journal:
        (uid,) = journal.run_uids()
        journal.write(images=non_hits(uid, (126, 127)))
    write(configured)
    found = site.rows("SELECT imageNumber FROM ImageQualityIndicators")
    assert [row["imageNumber"] for row in found] == [1, 2, 3, 4, 127]
    (said,) = [e for e in log_events if e["event"] == "image_rows_left_out"]
    assert (said["images"], said["largest"]) == (1, 127)


def test_tls_checks_the_servers_certificate(
    settings: MakeSettings,
    tmp_path_factory: pytest.TempPathFactory,
    certificates: Certificates,
) -> None:
    with memory_folder(tmp_path_factory.mktemp("mariadb-tls")) as folder:
        server = MariaDB(folder, certificates=certificates).start()
        try:
            check_certificates(settings, server.create_database(), certificates)
        finally:
            server.stop()


def check_certificates(
    settings: MakeSettings, database: Database, certificates: Certificates
) -> None:
    esrf_site(database)
    user = f"{database.user}@'{HOST}'"
    database.execute(f"ALTER USER {user} REQUIRE SSL")
    trusting = database.section(tls=True, ca_file=str(certificates.ca))
    assert "writes runs" in check_ispyb(settings(ispyb=trusting))
    with pytest.raises(SinkUnavailableError, match="certificate verify failed"):
        check_ispyb(settings(ispyb=database.section(tls=True)))
    missing = database.section(tls=True, ca_file="/nowhere/ca.pem")
    with pytest.raises(ConfigError, match="ispyb: certificate or key cannot be"):
        check_ispyb(settings(ispyb=missing))


# -- a server that comes and goes ------------------------------------------------------


async def test_records_wait_for_a_server_that_starts_later(
    settings: MakeSettings,
    mariadb: MariaDB,
    mariadb_database: Database,
    tmp_path: Path,
    log_events: list[Event],
) -> None:
    site = esrf_site(mariadb_database)
    await record(settings(ispyb={"enabled": False}), tmp_path, announcement())
    mariadb.stop()
    async with running(settings(ispyb=site.section)) as runner:
        await logged(log_events, "sink_unavailable")
        assert "Can't connect" in runner.unavailable
        await asyncio.to_thread(mariadb.start)
        await all_written(runner)
        assert runner.unavailable == ""
    assert site.counts()["DataCollection"] == 1
    names = [event["event"] for event in log_events]
    assert (names.count("sink_unavailable"), names.count("sink_recovered")) == (1, 1)


@pytest.mark.parametrize("end", ["kill", "stop"])
async def test_a_server_that_goes_in_the_middle_gets_everything_once(
    settings: MakeSettings,
    mariadb: MariaDB,
    mariadb_database: Database,
    tmp_path: Path,
    log_events: list[Event],
    end: str,
) -> None:
    site = esrf_site(mariadb_database)
    journalled = settings(ispyb={"enabled": False})
    await record(journalled, tmp_path, announcement(run=1))
    async with running(settings(ispyb=site.section)) as runner:
        await all_written(runner)
        await asyncio.to_thread(getattr(mariadb, end))
        await record(journalled, tmp_path, announcement(run=2))
        runner.wake()
        await logged(log_events, "sink_unavailable")
        await asyncio.to_thread(mariadb.start)
        await all_written(runner)
    rows = site.rows("SELECT dataCollectionNumber, runStatus FROM DataCollection")
    done = "DataCollection Successful"
    assert [tuple(row.values()) for row in rows] == [(1, done), (2, done)]
    assert site.counts()["AutoProcProgramAttachment"] == 8
    assert site.counts()["DataCollectionGroup"] == 1


class LostAnswers(IspybSink):
    """Loses the answer to each first attempt, after the database committed."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._lost: set[int] = set()

    def apply(self, record: Record) -> Any:
        ids = super().apply(record)
        if record.seq not in self._lost:
            self._lost.add(record.seq)
            raise SinkUnavailableError("the answer to COMMIT was lost")
        return ids


async def test_a_commit_whose_answer_is_lost_is_not_doubled(
    settings: MakeSettings, mariadb_database: Database, tmp_path: Path
) -> None:
    site = esrf_site(mariadb_database)
    journalled = settings(ispyb={"enabled": False})
    await record(journalled, tmp_path, announcement(run=1), announcement(run=2))
    configured = settings(ispyb=site.section)
    journal = Journal(configured.journal_path)
    runner = SinkRunner(LostAnswers(configured), journal, 0.01)
    task = asyncio.create_task(runner.run())
    await asyncio.wait_for(runner.idle.wait(), TIMEOUT_S)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await runner.close()
    counts = site.counts()
    assert (counts["DataCollection"], counts["DataCollectionGroup"]) == (2, 1)
    assert (counts["EventChain"], counts["AutoProcProgramAttachment"]) == (4, 8)


def test_image_rows_whose_commit_was_not_answered_are_not_sent_again(
    settings: MakeSettings, tmp_path: Path
) -> None:
    """In mid-run, when the sink remembers what it has written."""
    configured = settings()
    journal = Journal(configured.journal_path)
    sink = IspybSink(configured)
    sink.open(journal)
    run = Run("u", 1, 10**18, announcement=announced(announcement(uid="u")))
    ids = sink.apply(Record(1, "u", "run", 10**18, run_record(run, "opened")))
    assert ids is not None
    answers = iter([True] * 3 + [False] + [True] * 100)
    # look what is there, write; look what fits, write

    @contextlib.contextmanager
    def begin() -> Iterator[Rows]:
        with sink._begin() as rows:
            yield rows
        if not next(answers):
            raise SinkUnavailableError("the answer to COMMIT was lost")

    rows = ImageRows(begin)
    first = PROVISIONAL  # those before wait for the seal
    journal.write(images=non_hits("u", range(first, first + 150)))
    rows.write(journal, "u", ids, None, last=False)
    journal.write(images=non_hits("u", range(first + 150, first + 300)))
    with pytest.raises(SinkUnavailableError):
        rows.write(journal, "u", ids, None, last=False)
    rows.write(journal, "u", ids, None, last=False)
    rows.write(journal, "u", ids, None, last=True)
    sink.close()
    journal.close()
    site = embedded_site(configured.state_directory / "ispyb.sqlite")
    found = site.rows("SELECT imageNumber AS n FROM ImageQualityIndicators")
    assert sorted(row["n"] for row in found) == list(range(first + 1, first + 301))


@pytest.mark.allow_error_log("record_parked")
async def test_a_refused_run_does_not_stop_the_next_and_is_written_once_it_can_be(
    settings: MakeSettings, mariadb_database: Database, tmp_path: Path
) -> None:
    site = esrf_site(mariadb_database)
    nobodys = announcement(run=1, visit=3)
    journalled = settings(ispyb={"enabled": False})
    await record(journalled, tmp_path, nobodys, announcement(run=2))
    configured = settings(ispyb=site.section)
    async with running(configured) as runner:
        await all_written(runner)
    assert site.one("SELECT * FROM DataCollection")["dataCollectionNumber"] == 2
    journal = Journal(configured.journal_path, read_only=True)
    assert "has no visit 3" in str(journal.sink_state("ispyb", nobodys["uid"]))
    journal.close()
    mariadb_database.execute(
        "INSERT INTO BLSession (proposalId, visit_number) VALUES (1, 3)"
    )
    async with running(configured) as runner:
        await all_written(runner)
    rows = site.rows("SELECT * FROM DataCollection ORDER BY dataCollectionNumber")
    assert [row["dataCollectionNumber"] for row in rows] == [1, 2]
    assert {row["runStatus"] for row in rows} == {"DataCollection Successful"}
    assert site.counts()["AutoProcProgramAttachment"] == 8


@pytest.mark.allow_error_log("sink_unavailable")
async def test_a_schema_that_is_mended_is_used(
    settings: MakeSettings,
    mariadb_database: Database,
    tmp_path: Path,
    log_events: list[Event],
) -> None:
    await record(settings(ispyb={"enabled": False}), tmp_path, announcement())
    database = mariadb_database
    account = f"{database.name}.* TO {database.user}@'{HOST}'"
    hidden = account.replace(" TO ", " FROM ")
    # sees the tables all at once: of half a schema the rest would be found missing
    database.execute(
        f"REVOKE ALL ON {hidden}", f"GRANT CREATE TEMPORARY TABLES ON {account}"
    )
    async with running(settings(ispyb=database.section())) as runner:
        await logged(log_events, "sink_unavailable")
        assert "is empty" in runner.unavailable
        site = await asyncio.to_thread(esrf_site, database)
        await asyncio.to_thread(database.execute, f"GRANT ALL ON {account}")
        await all_written(runner)
    assert site.counts()["DataCollection"] == 1


# -- announcements that hold anything --------------------------------------------------

ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**400), 10**400)
    | st.floats()
    | st.text(st.characters(), max_size=400),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=4,
)


def _some_of(*names: str) -> st.SearchStrategy[Any]:
    free = st.dictionaries(st.sampled_from(names), ANYTHING, max_size=len(names))
    return st.none() | free


@pytest.fixture(scope="module")
def embedded_sink(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IspybSink]:
    folder = tmp_path_factory.mktemp("embedded")
    journal = Journal(folder / "journal.sqlite")
    sink = IspybSink(Settings(state_directory=folder))
    sink.open(journal)
    yield sink
    sink.close()
    journal.close()


@hypothesis_settings(max_examples=examples(150))
@given(
    uid=st.text(st.characters(codec="utf-8"), min_size=1, max_size=255).filter(is_name),
    beam=_some_of(
        "wavelength", "energy", "flux", "transmission", "size", "energy_bandwidth"
    ),
    detector=_some_of("distance", "beam_center", "exposure_time"),
    ssx=_some_of("repetition_rate", "jet_speed", "laser_energy", "chip_model"),
    files=_some_of("directory", "template"),
    number=st.integers(0, 10**20),
)
def test_any_announcement_is_written_or_refused(
    embedded_sink: IspybSink,
    uid: str,
    beam: Any,
    detector: Any,
    ssx: Any,
    files: Any,
    number: int,
) -> None:
    body = announcement(uid=uid, beam=beam, detector=detector, ssx=ssx, files=files)
    run = Run(uid, number, 10**18, announcement=announced(body))
    entry = Record(1, uid, "run", 10**18, run_record(run, "opened"))
    try:
        ids = embedded_sink.apply(entry)
    except SinkError as error:
        refused = "dataCollectionNumber cannot hold", "characters, not"
        assert any(text in str(error) for text in refused)
    else:
        assert embedded_sink.apply(entry) == ids
