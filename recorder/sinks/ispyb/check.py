"""What ``recorder check`` asks of the database."""

from __future__ import annotations

from sqlalchemy import make_url

from recorder.config import Settings
from recorder.sinks.ispyb.database import connect, is_embedded, verify


def check_ispyb(settings: Settings) -> str:
    """Connect and compare the schema; nothing is written.

    Raises:
        SinkUnavailableError: The database cannot be reached.
        SinkError: It is not what the recorder writes.
    """
    url = make_url(settings.ispyb_url)
    shown = url.render_as_string(hide_password=True)
    if (
        is_embedded(settings)
        and not (settings.state_directory / "ispyb.sqlite").exists()
    ):
        return f"{shown}: embedded, made at the first start"
    engine = connect(settings)
    try:
        return f"{shown}: {verify(engine)}"
    finally:
        engine.dispose()
