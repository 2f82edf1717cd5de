"""One synchronisation of a database at a time, whoever begins it, and from where."""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from recorder.errors import SinkUnavailableError
from recorder.ispyb.schema.database import explain

WAIT_S = 60
"""Seconds to wait for another synchronisation: what 1000 new proposals may take.
Chosen, not tuned."""
_STEP_S = 0.1
"""Seconds between two looks at a file that another process holds."""
_GOING_ON = "another synchronisation of this database is going on; try again later"


@contextmanager
def one_at_a_time(engine: Engine, wait_s: float = WAIT_S) -> Iterator[None]:
    """Hold the lock of a database.

    On a server it is one of its named locks, which ends with the connection; of a
    SQLite file it is a file beside it.

    Args:
        engine: The database.
        wait_s: How long to wait for another one.

    Raises:
        SinkUnavailableError: Another one goes on, or the database is away.
    """
    if engine.dialect.name == "sqlite":
        with _file_lock(engine.url.database, wait_s):
            yield
        return
    with _named_lock(engine, wait_s):
        yield


@contextmanager
def _named_lock(engine: Engine, wait_s: float) -> Iterator[None]:
    whole = hashlib.sha256((engine.url.database or "").encode()).hexdigest()
    name = f"recorder-sync-{whole[:32]}"  # names end at 64 characters
    try:
        connection = engine.connect()
        try:
            query = text("SELECT GET_LOCK(:name, :wait)")
            got = connection.execute(query, {"name": name, "wait": wait_s}).scalar()
            connection.rollback()
        except SQLAlchemyError:
            connection.invalidate()
            connection.close()
            raise
    except SQLAlchemyError as error:
        raise explain(engine, error) from error
    try:
        if got != 1:
            raise SinkUnavailableError(_GOING_ON)
        yield
    finally:
        connection.invalidate()  # the lock ends with it
        connection.close()


@contextmanager
def _file_lock(database: str | None, wait_s: float) -> Iterator[None]:
    if not database or database == ":memory:":
        yield
        return
    path = Path(database)
    place = os.open(
        path.with_name(f"{path.name}.sync"),
        os.O_RDWR | os.O_CREAT | os.O_CLOEXEC,
        0o640,
    )
    try:
        deadline = time.monotonic() + wait_s
        while True:
            try:
                fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() > deadline:
                    raise SinkUnavailableError(_GOING_ON) from error
                time.sleep(_STEP_S)
        yield
    finally:
        os.close(place)
