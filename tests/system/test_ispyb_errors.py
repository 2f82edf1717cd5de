"""MariaDB's own errors: which are tried again, and which park the record."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Connection, Engine, text

from recorder.config import Settings
from recorder.errors import SinkDeniedError, SinkError, SinkUnavailableError
from recorder.ispyb.schema.database import connect, transaction
from recorder.ispyb.schema.server_errors import DENIED, TRANSIENT
from tests.ispyb import esrf_site
from tests.servers import Database

UPDATE = "UPDATE Proposal SET title = 'ours' WHERE proposalId = {}"


@pytest.fixture
def database(mariadb_database: Database) -> Iterator[Database]:
    esrf_site(mariadb_database)
    mariadb_database.execute(
        "INSERT INTO Proposal (proposalId, personId) VALUES (101, 1), (102, 1)",
        "INSERT INTO Proposal (proposalId, personId) VALUES (103, 1)",
        "SET GLOBAL innodb_lock_wait_timeout = 1",
    )
    yield mariadb_database
    mariadb_database.execute("SET GLOBAL read_only = 0", inside=False)


@pytest.fixture
def engine(database: Database, settings: Callable[..., Settings]) -> Iterator[Engine]:
    engine = connect(settings(ispyb=database.section()))
    yield engine
    engine.dispose()


def attempt(engine: Engine, *statements: str) -> None:
    with transaction(engine) as db:
        for statement in statements:
            db.execute(text(statement))


def test_a_row_that_another_holds(database: Database, engine: Engine) -> None:
    with database.server.connect(database.name) as other:
        other.begin()
        with other.cursor() as cursor:
            cursor.execute(UPDATE.format(101))
            with pytest.raises(SinkUnavailableError, match="1205"):
                attempt(engine, UPDATE.format(101))
        other.rollback()
    attempt(engine, UPDATE.format(101))


def test_a_deadlock(database: Database, engine: Engine) -> None:
    """We have changed less, so it is us whom the server gives up."""
    database.execute("SET GLOBAL innodb_lock_wait_timeout = 20")
    with database.server.connect(database.name) as other:
        other.begin()
        with other.cursor() as cursor:
            cursor.execute("UPDATE Proposal SET title = 'x' WHERE proposalId > 101")

            def crossing(db: Connection) -> None:
                db.execute(text(UPDATE.format(101)))
                wait = threading.Thread(
                    target=cursor.execute, args=(UPDATE.format(101),)
                )
                wait.start()
                _until_waiting(database)
                try:
                    db.execute(text(UPDATE.format(102)))
                finally:
                    wait.join()

            with (
                pytest.raises(SinkUnavailableError, match="1213"),
                transaction(engine) as db,
            ):
                crossing(db)
        other.rollback()


def _until_waiting(database: Database) -> None:
    query = (
        "SELECT COUNT(*) AS n FROM information_schema.innodb_trx "
        "WHERE trx_state = 'LOCK WAIT'"
    )
    while not database.rows(query)[0]["n"]:
        continue


def test_a_server_that_is_read_only(database: Database, engine: Engine) -> None:
    database.execute("SET GLOBAL read_only = 1", inside=False)
    with pytest.raises(SinkUnavailableError, match="read-only"):
        attempt(engine, UPDATE.format(101))


def test_a_connection_that_is_killed_in_a_transaction(
    database: Database, engine: Engine
) -> None:
    with pytest.raises(SinkUnavailableError), transaction(engine) as db:
        db.execute(text(UPDATE.format(101)))
        number = db.execute(text("SELECT CONNECTION_ID()")).scalar()
        database.execute(f"KILL {number}", inside=False)
        db.execute(text(UPDATE.format(102)))
    titles = database.rows("SELECT title FROM Proposal WHERE title = 'ours'")
    assert list(titles) == []


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("INSERT INTO EventType (name) VALUES (REPEAT('x', 31))", "1406"),
        ("INSERT INTO EventType (nam) VALUES ('x')", "1054"),
        ("INSERT INTO Protein (proposalId) VALUES (99999)", "1452"),
        ("INSERT INTO EventType (name) VALUES ('XrayDetection')", "1062"),
        ("UPDATE DataCollectionGroup SET experimentType = 'Serial Jet'", ""),
        ("SELECT * FROM NoSuchTable", "1146"),
    ],
)
def test_what_no_repetition_would_mend(
    database: Database, engine: Engine, statement: str, code: str
) -> None:
    if not code:
        database.execute(
            "INSERT INTO DataCollectionGroup (sessionId, experimentType) "
            "VALUES (1, 'SSX-Jet')"
        )
        code = "1265"
    with pytest.raises(SinkError, match=code):
        attempt(engine, statement)


def test_a_right_that_is_missing_may_be_granted(
    database: Database, engine: Engine
) -> None:
    user = f"{database.user}@'127.0.0.1'"
    database.execute(
        f"REVOKE ALL ON {database.name}.* FROM {user}",
        f"GRANT SELECT ON {database.name}.* TO {user}",
    )
    with pytest.raises(SinkDeniedError, match="access denied"):
        attempt(engine, UPDATE.format(101))


@pytest.mark.parametrize(
    ("codes", "kind"),
    [
        (TRANSIENT, SinkUnavailableError),
        (DENIED, SinkDeniedError),
        ({1054, 1062, 1146, 1264, 1265, 1366, 1406, 1452, 1064, 1305}, SinkError),
    ],
    ids=["pass", "may-be-granted", "park"],
)
def test_every_number_by_what_is_to_be_done(
    engine: Engine, codes: set[int], kind: type[Exception]
) -> None:
    """The server itself raises them, so that the driver sees what it would see."""
    for code in sorted(codes):
        signal = f"SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = {code}"
        with pytest.raises((SinkError, SinkUnavailableError), match=str(code)) as found:
            attempt(engine, signal)
        assert type(found.value) is kind, code


def test_a_table_that_is_changed_meanwhile(database: Database, engine: Engine) -> None:
    """Another adds a column while our transaction has its view of the database."""
    with (
        pytest.raises(SinkUnavailableError, match="1412"),
        transaction(engine) as db,
    ):
        db.execute(text("SELECT * FROM EventType"))
        database.execute("ALTER TABLE Proposal ADD COLUMN c int, ALGORITHM=COPY")
        db.execute(text("SELECT * FROM Proposal"))
    attempt(engine, UPDATE.format(101))
