"""The database as the web process reads it: an account that may only SELECT."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import NullPool

from recorder.config import Settings
from recorder.config.people import WebIspybSection
from recorder.errors import RecorderError
from recorder.ispyb.schema.database import shown_url
from recorder.ispyb.schema.live_schema import LiveSchema, read_live
from recorder.ispyb.schema.server_engine import server_engine, url_of
from recorder.ispyb.schema.server_errors import DENIED, error_code

POOL = 4
"""Connections that are kept, for as many threads that read. Chosen, not tuned."""
SCHEMA_S = 60.0
"""Seconds until the columns are looked at again, which takes 12 ms: a table that was
granted counts within a minute. Chosen, not tuned."""
_WHERE = "web.ispyb.url"


class DatabaseAwayError(RecorderError):
    """The database cannot be asked now; the text is for those who run the recorder."""


def reader(settings: Settings) -> Engine | None:
    """An engine that only reads; connects when first used. None: no database is named.

    The one of ``web.ispyb``; without it the recorder's own SQLite file, but never a
    server with the account that writes.

    Raises:
        ConfigError: The URL cannot be used.
    """
    section = settings.web.ispyb
    url = url_of(section.url or settings.ispyb_url, _WHERE)
    if url.get_backend_name() == "sqlite":
        return _file(Path(url.database or ""), section.timeout_s)
    return None if section.url is None else _server(url, section)


def is_own_file(settings: Settings) -> bool:
    """Whether rights are read from the recorder's embedded database."""
    return settings.web.ispyb.url is None and settings.ispyb.url is None


def _file(path: Path, timeout_s: float) -> Engine:
    """A SQLite file, opened so that nothing can be written."""
    address = f"{path.absolute().as_uri()}?mode=ro"

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(
            address, uri=True, timeout=timeout_s, check_same_thread=False
        )

    return create_engine(
        f"sqlite:///{path}", creator=connect, poolclass=NullPool, hide_parameters=True
    )


def _server(url: URL, section: WebIspybSection) -> Engine:
    arguments = {
        "connect_timeout": section.timeout_s,
        "read_timeout": section.timeout_s,
        "write_timeout": section.timeout_s,
        # should somebody have given the account more than SELECT
        "init_command": "SET SESSION TRANSACTION READ ONLY",
    }
    return server_engine(
        url,
        section.password,
        _WHERE,
        ("web.ispyb", section),
        arguments,
        pool_size=POOL,
        max_overflow=0,
        pool_timeout=section.timeout_s,
    )


class Reader:
    """Connections to a database, and its columns, which are looked at now and then.

    Args:
        engine: Of :func:`reader`.
        clock: Monotonic seconds.
    """

    def __init__(
        self, engine: Engine, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.engine = engine
        self._clock = clock
        self._live: LiveSchema | None = None
        self._looked = 0.0
        self._lock = threading.Lock()

    @contextmanager
    def reading(self) -> Iterator[tuple[Connection, LiveSchema]]:
        """One transaction, in which everything is as of one moment.

        Raises:
            DatabaseAwayError: It cannot be asked; so too if it answers something that
                nobody foresaw, and the columns are looked at anew.
        """
        try:
            live = self._columns()
            with self.engine.connect() as connection:
                yield connection, live
        except (SQLAlchemyError, OSError) as error:
            self._live = None
            raise DatabaseAwayError(what_is_wrong(self.engine, error)) from error

    def _columns(self) -> LiveSchema:
        with self._lock:
            now = self._clock()
            if self._live is None or now - self._looked > SCHEMA_S:
                self._live = read_live(self.engine)
                self._looked = now
            return self._live

    def close(self) -> None:
        """Let go of connections."""
        self.engine.dispose()


def what_is_wrong(engine: Engine, error: Exception) -> str:
    """An error of the database in words, with what to do; no secret."""
    where = shown_url(engine)
    origin = error.orig if isinstance(error, DBAPIError) else None
    said = str(origin if origin is not None else error).split("\n")[0]
    if error_code(origin) in DENIED:
        return (
            f"{where}: access denied ({said}); check the user of web.ispyb.url, the "
            "password and the rights (docs/how-to/rights.md)"
        )
    if isinstance(error, PoolTimeoutError):
        return f"{where}: every connection has been busy for too long"
    return f"{where}: {said}"


def is_denied(error: SQLAlchemyError) -> bool:
    """Whether a statement failed for want of a right."""
    return isinstance(error, DBAPIError) and error_code(error.orig) in DENIED
