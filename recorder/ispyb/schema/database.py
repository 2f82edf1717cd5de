"""Connections to the database, and what went wrong with them in words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Connection,
    Engine,
    create_engine,
    event,
    insert,
    make_url,
    select,
)
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from recorder.config import Settings
from recorder.errors import (
    ConfigError,
    SinkDeniedError,
    SinkError,
    SinkUnavailableError,
)
from recorder.ispyb.schema import tables as t
from recorder.ispyb.schema.values import split_proposal
from recorder.runtime.tls import tls_context

# MariaDB error numbers that pass by themselves: trying again is right. Changed by
# another, disk errors and full, too many connections, shutting down, Galera not ready,
# host blocked, connection lost, locks, time limit, read-only.
TRANSIENT = {
    1020,
    1021,
    1026,
    1030,
    1036,
    1040,
    1041,
    1047,
    1053,
    1077,
    1079,
    1080,
    1114,
    1129,
    1152,
    1158,
    1159,
    1160,
    1161,
    1203,
    1205,
    1213,
    1226,
    1290,
    1317,
    1792,
    1836,
    1927,
    1969,
    2002,
    2003,
    2006,
    2013,
    2014,
    2055,
}
# SQLite's words for what passes: another writer, no space, a read-only file system.
SQLITE_TRANSIENT = (
    "database is locked",
    "unable to open",
    "disk is full",
    "disk I/O error",
    "readonly database",
)
DENIED = {1044, 1045, 1130, 1142, 1143, 1370, 1698, 1820, 1862, 4151}
SQL_MODE = "STRICT_ALL_TABLES,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO"


def connect(settings: Settings) -> Engine:
    """An engine for the configured database; connects when first used.

    Raises:
        ConfigError: The URL cannot be used.
    """
    try:
        url = make_url(settings.ispyb_url)
    except ArgumentError as error:
        raise ConfigError(
            "ispyb.url is no database URL; write mariadb+pymysql://user@host/database"
        ) from error
    if url.get_backend_name() == "sqlite":
        if url.database:
            Path(url.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(url, connect_args={"timeout": 30})
        event.listen(engine, "connect", _sqlite_pragmas)
        return engine
    section = settings.ispyb
    if section.password is not None:
        url = url.set(password=section.password.get_secret_value())
    arguments: dict[str, Any] = {
        "charset": "utf8mb4",
        "sql_mode": SQL_MODE,
        "connect_timeout": max(1, round(section.connect_timeout_s)),
        "read_timeout": 60,
        "write_timeout": 60,
    }
    if section.tls:
        arguments["ssl"] = tls_context(
            "ispyb", section.ca_file, section.cert_file, section.key_file
        )
    try:
        return create_engine(
            url,
            pool_pre_ping=True,
            pool_recycle=3600,
            hide_parameters=True,
            connect_args=arguments,
        )
    except (NoSuchModuleError, ModuleNotFoundError, TypeError) as error:
        raise ConfigError(
            f"ispyb.url: {error}; write mariadb+pymysql://user@host/database"
        ) from error


def _sqlite_pragmas(connection: object, _: object) -> None:
    cursor = connection.cursor()  # type: ignore[attr-defined]
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.close()


def shown_url(engine: Engine) -> str:
    """The database's URL for people: without its password."""
    return engine.url.render_as_string(hide_password=True)


def is_embedded(settings: Settings) -> bool:
    """Whether the database is the recorder's own SQLite file."""
    return settings.ispyb.url is None


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """One transaction; database errors become ours.

    Raises:
        SinkUnavailableError: It will work again later.
        SinkError: It will not.
    """
    try:
        with engine.begin() as connection:
            yield connection
    except SQLAlchemyError as error:
        raise explain(engine, error) from error


def explain(engine: Engine, error: SQLAlchemyError) -> Exception:
    """Our error for one of the database's, with what to do."""
    where = shown_url(engine)
    origin = error.orig if isinstance(error, DBAPIError) else None
    text = str(origin if origin is not None else error).split("\n")[0]
    code = error_code(origin)
    if code in DENIED:
        return SinkDeniedError(
            f"{where}: access denied ({text}); check ispyb.url's user, the password "
            "(credential ispyb__password or RECORDER_ISPYB__PASSWORD) and its rights"
        )
    broken = isinstance(error, DBAPIError) and error.connection_invalidated
    later = any(phrase in text for phrase in SQLITE_TRANSIENT)
    if broken or later or code in TRANSIENT:
        return SinkUnavailableError(f"{where}: {text}")
    if code == 1049:
        return SinkUnavailableError(f"{where}: no such database; check ispyb.url")
    return SinkError(f"{where}: {text}")


def error_code(origin: object) -> int | None:
    """MariaDB's number of an error, None if it has none."""
    arguments = getattr(origin, "args", ())
    return arguments[0] if arguments and isinstance(arguments[0], int) else None


def create_embedded(engine: Engine, demo_proposal: str, beamline: str) -> None:
    """Create the embedded database: tables, types, and one proposal with a visit.

    Args:
        engine: The SQLite file.
        demo_proposal: Code and number, such as ``mx2345``.
        beamline: Beamline of the visit.
    """
    code, digits = split_proposal(demo_proposal)
    with transaction(engine) as db:
        t.metadata.create_all(db)
        _seed(db)
        found = db.execute(
            select(t.proposal.c.proposalId).where(
                t.proposal.c.proposalCode == code, t.proposal.c.proposalNumber == digits
            )
        ).scalar()
        if found is None:
            made = db.execute(
                insert(t.proposal).values(
                    proposalCode=code, proposalNumber=digits, title="Demo", personId=0
                )
            )
            (proposal_id,) = made.inserted_primary_key or (None,)
            db.execute(
                insert(t.session).values(
                    proposalId=proposal_id, visit_number=1, beamLineName=beamline
                )
            )


def _seed(db: Connection) -> None:
    for table, names in (
        (t.event_type, t.EVENT_TYPES),
        (t.component_type, t.COMPONENT_TYPES),
    ):
        known = set(db.execute(select(table.c.name)).scalars())
        for name in names:
            if name not in known:
                db.execute(insert(table).values(name=name))
