"""Connections to the database, and what went wrong with them in words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import (
    Connection,
    Engine,
    MetaData,
    create_engine,
    event,
    insert,
    inspect,
    select,
    text,
)
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from recorder.config import Settings
from recorder.errors import (
    SinkDeniedError,
    SinkError,
    SinkUnavailableError,
)
from recorder.ispyb.schema import tables as t
from recorder.ispyb.schema.people_tables import people
from recorder.ispyb.schema.server_engine import server_engine, url_of
from recorder.ispyb.schema.server_errors import (
    DENIED,
    NO_DATABASE,
    SQLITE_TRANSIENT,
    TRANSIENT,
    error_code,
)
from recorder.ispyb.schema.values import split_proposal

CONCENTRATIONS = (
    ("Molar", "M"),
    ("Percentage weight / volume", "%(w/v)"),
    ("Percentage volume / volume", "%(v/v)"),
    ("Milligrams / millilitre", "mg/ml"),
    ("Grams", "g"),
    ("Microlitre", "uL"),
    ("Millilitre", "ml"),
)
"""Concentration types of the embedded database, name and symbol: those of Diamond."""
_ACCOUNT = "recorder_account"
"""Section of the configuration that an engine's account is from."""
STATEMENT_S = 60
"""Seconds that one statement may take: a busy server's longest. Chosen, not tuned."""
SQL_MODE = "STRICT_ALL_TABLES,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO"


def connect(settings: Settings) -> Engine:
    """An engine for the configured database; connects when first used.

    Raises:
        ConfigError: The URL cannot be used.
    """
    return connect_as(settings, "ispyb", settings.ispyb_url, settings.ispyb.password)


def connect_as(
    settings: Settings, account: str, database: str, password: SecretStr | None
) -> Engine:
    """As :func:`connect`, with another account.

    Args:
        settings: The whole configuration; TLS and timeout are those of ``ispyb``.
        account: Section that it is from, for messages.
        database: Its URL.
        password: Its password.

    Raises:
        ConfigError: The URL cannot be used.
    """
    url = url_of(database, f"{account}.url")
    if url.get_backend_name() == "sqlite":
        if url.database:
            Path(url.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(url, connect_args={"timeout": 30})
        event.listen(engine, "connect", _sqlite_pragmas)
        return engine
    section = settings.ispyb
    arguments = {
        "sql_mode": SQL_MODE,
        "connect_timeout": max(1, round(section.connect_timeout_s)),
        "read_timeout": STATEMENT_S,
        "write_timeout": STATEMENT_S,
    }
    return server_engine(
        url,
        password,
        f"{account}.url",
        ("ispyb", section),
        arguments,
        execution_options={_ACCOUNT: account},
    )


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
    said = str(origin if origin is not None else error).split("\n")[0]
    code = error_code(origin)
    account = engine.get_execution_options().get(_ACCOUNT, "ispyb")
    if code in DENIED:
        return SinkDeniedError(
            f"{where}: access denied ({said}); check {account}.url's user, the "
            f"password (credential {account}__password or "
            f"RECORDER_{account.upper()}__PASSWORD) and its rights"
        )
    broken = isinstance(error, PoolTimeoutError) or (
        isinstance(error, DBAPIError) and error.connection_invalidated
    )
    later = any(phrase in said for phrase in SQLITE_TRANSIENT)
    if broken or later or code in TRANSIENT:
        return SinkUnavailableError(f"{where}: {said}")
    if code == NO_DATABASE:
        return SinkUnavailableError(f"{where}: no such database; check {account}.url")
    return SinkError(f"{where}: {said}")


def create_embedded(engine: Engine, demo_proposal: str, beamline: str) -> None:
    """Create the embedded database: tables, types, and one proposal with a visit.

    Args:
        engine: The SQLite file.
        demo_proposal: Code and number, such as ``mx2345``.
        beamline: Beamline of the visit.
    """
    code, digits = split_proposal(demo_proposal)
    with transaction(engine) as db:
        for metadata in (t.metadata, people):
            metadata.create_all(db)
            _add_columns(db, metadata)
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


def _add_columns(db: Connection, metadata: MetaData) -> None:
    """Columns that an earlier recorder did not know; SQLite adds them at no cost."""
    there = inspect(db)
    quote = db.dialect.identifier_preparer.quote
    for table in metadata.sorted_tables:
        known = {column["name"].lower() for column in there.get_columns(table.name)}
        for column in table.columns:
            if column.name.lower() not in known:
                kind = column.type.compile(db.dialect)
                name = f"{quote(table.name)} ADD COLUMN {quote(column.name)}"
                db.execute(text(f"ALTER TABLE {name} {kind}"))


def _seed(db: Connection) -> None:
    if not db.execute(select(t.concentration_type.c.name).limit(1)).first():
        db.execute(
            insert(t.concentration_type),
            [{"name": name, "symbol": symbol} for name, symbol in CONCENTRATIONS],
        )
    for table, names in (
        (t.event_type, t.EVENT_TYPES),
        (t.component_type, t.COMPONENT_TYPES),
    ):
        known = set(db.execute(select(table.c.name)).scalars())
        for name in names:
            if name not in known:
                db.execute(insert(table).values(name=name))
