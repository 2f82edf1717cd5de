"""What ``recorder check`` asks of the database."""

from __future__ import annotations

import time
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select

from recorder.config import Settings
from recorder.errors import SinkError
from recorder.ispyb.flavours.experiment_types import stored_type
from recorder.ispyb.schema import tables as t
from recorder.ispyb.schema.database import (
    connect,
    is_embedded,
    shown_url,
    transaction,
)
from recorder.ispyb.schema.rows import Rows
from recorder.ispyb.schema.values import local_time
from recorder.ispyb.sessions import MOST_NAMED, find_session
from recorder.ispyb.site import Site, look
from recorder.ispyb.technique_needs import require_tables
from recorder.runs.technique_names import name_of


def check_ispyb(settings: Settings) -> str:
    """Connect, compare the schema, try out the rights, look for sessions.

    Nothing is written.

    Raises:
        SinkUnavailableError: The database cannot be reached.
        SinkError: It is not what the recorder writes, or runs would be parked.
    """
    engine = connect(settings)
    try:
        embedded = settings.state_directory / "ispyb.sqlite"
        if is_embedded(settings) and not embedded.exists():
            return f"{shown_url(engine)}: embedded, made at the first start"
        site = look(engine, settings)
        text = f"{shown_url(engine)}: {site.describe()}"
        with transaction(engine) as connection:
            parked = what_parks(Rows(connection, site.live), site, settings)
    finally:
        engine.dispose()
    if parked:
        raise SinkError(f"{text}; but {'; '.join(parked)}")
    return text


def what_parks(rows: Rows, site: Site, settings: Settings) -> list[str]:
    """The runs that would not be written, and why."""
    beamline = settings.ispyb.beamline or settings.beamline
    query = select(t.session.c.beamLineName).distinct()
    names = [name for (name,) in rows.read(query)]
    if not any(name and name.casefold() == beamline.casefold() for name in names):
        return [
            f"every run will be parked: no session of beamline {beamline} is there "
            f"({_listed(names)}); set ispyb.beamline to its BLSession.beamLineName, or "
            "have the sessions synchronised from the user portal"
        ]
    zone = ZoneInfo(settings.timezone) if settings.timezone else None
    now = local_time(time.time_ns(), zone) or datetime.min  # noqa: DTZ901
    announced = settings.unannounced.announcement()
    try:
        find_session(rows, announced, beamline, now)
        stored_type(announced.experiment.type, site.flavour)
        require_tables(name_of(announced), site)
    except SinkError as error:
        return [f"runs that nobody announces will be parked now: {error}"]
    return []


def _listed(names: list[str | None]) -> str:
    there = sorted(name for name in names if name)
    if not there:
        return "no session of any"
    more = len(there) - MOST_NAMED
    return ", ".join(there[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
