"""The database as the web process reads it: an account that may only SELECT."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    NoSuchModuleError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import NullPool

from recorder.config import Settings
from recorder.config.people import WebIspybSection
from recorder.errors import ConfigError, RecorderError
from recorder.ispyb.schema.database import shown_url
from recorder.ispyb.schema.live_schema import LiveSchema, read_live
from recorder.ispyb.schema.server_errors import DENIED, error_code
from recorder.runtime.tls import tls_context

POOL = 4
"""Connections that are kept, for as many threads that read. Chosen, not tuned."""
SCHEMA_S = 60.0
"""Seconds until the columns are looked at again, which takes 12 ms: a table that was
granted counts within a minute. Chosen, not tuned."""
_URL = "web.ispyb.url: {}; write mariadb+pymysql://user@host/database"


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
    text = section.url or settings.ispyb_url
    try:
        url = make_url(text)
    except ArgumentError as error:
        raise ConfigError(_URL.format("is no database URL")) from error
    if url.get_backend_name() == "sqlite":
        return _file(Path(url.database or ""), section.timeout_s)
    return None if section.url is None else _server(section)


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


def _server(section: WebIspybSection) -> Engine:
    url = make_url(section.url or "")
    if section.password is not None:
        url = url.set(password=section.password.get_secret_value())
    arguments: dict[str, Any] = {
        "charset": "utf8mb4",
        "connect_timeout": section.timeout_s,
        "read_timeout": section.timeout_s,
        "write_timeout": section.timeout_s,
        # should somebody have given the account more than SELECT
        "init_command": "SET SESSION TRANSACTION READ ONLY",
    }
    if section.tls:
        arguments["ssl"] = tls_context(
            "web.ispyb", section.ca_file, section.cert_file, section.key_file
        )
    try:
        return create_engine(
            url,
            pool_size=POOL,
            max_overflow=0,
            pool_timeout=section.timeout_s,
            pool_pre_ping=True,
            pool_recycle=3600,
            hide_parameters=True,
            connect_args=arguments,
        )
    except (NoSuchModuleError, ModuleNotFoundError, TypeError) as error:
        raise ConfigError(_URL.format(error)) from error


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
