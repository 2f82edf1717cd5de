"""The account that may write people and sessions: another one than the recorder's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from sqlalchemy import Engine, create_engine

from recorder.config import Settings
from recorder.errors import ConfigError
from recorder.ispyb.schema.database import connect, connect_as, create_embedded


class Asked(Protocol):
    """What decides whether anything is written."""

    @property
    def apply(self) -> bool:
        """Whether anything is written."""


def has_account(settings: Settings) -> bool:
    """Whether there is a database that may be synchronised."""
    return settings.sync.url is not None or settings.ispyb.url is None


@contextmanager
def opened(settings: Settings, wish: Asked) -> Iterator[Engine]:
    """The database, with the account of ``sync``; the embedded one is made if new.

    Raises:
        ConfigError: There is no such account.
        SinkUnavailableError: The embedded database cannot be opened.
    """
    engine = _engine(settings, wish)
    try:
        yield engine
    finally:
        engine.dispose()


def _engine(settings: Settings, wish: Asked) -> Engine:
    section = settings.sync
    if section.url is not None:
        return connect_as(settings, "sync", section.url, section.password)
    if settings.ispyb.url is not None:
        raise ConfigError(
            "sync.url is not set: name the database and an account that may write "
            "people and sessions (docs/how-to/portal-sync.md); that of ispyb.url is "
            "not used for it"
        )
    there = (settings.state_directory / "ispyb.sqlite").exists()
    # what would be written is looked for without making a file
    engine = connect(settings) if there or wish.apply else create_engine("sqlite://")
    if wish.apply or not there:
        beamline = settings.ispyb.beamline or settings.beamline
        create_embedded(engine, settings.ispyb.demo_proposal, beamline)
    return engine
