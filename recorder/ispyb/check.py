"""What ``recorder check`` asks of the database."""

from __future__ import annotations

from recorder.config import Settings
from recorder.ispyb.schema.database import connect, is_embedded, shown_url
from recorder.ispyb.site import look


def check_ispyb(settings: Settings) -> str:
    """Connect, compare the schema and try out the rights; nothing is written.

    Raises:
        SinkUnavailableError: The database cannot be reached.
        SinkError: It is not what the recorder writes.
    """
    engine = connect(settings)
    try:
        embedded = settings.state_directory / "ispyb.sqlite"
        if is_embedded(settings) and not embedded.exists():
            return f"{shown_url(engine)}: embedded, made at the first start"
        site = look(engine, settings)
        return f"{shown_url(engine)}: {site.describe()}"
    finally:
        engine.dispose()
