"""What ``recorder check`` asks of the account that synchronises."""

from __future__ import annotations

from datetime import UTC, datetime

from recorder.config import Settings
from recorder.errors import RecorderError
from recorder.ispyb.schema.database import shown_url
from recorder.portal.account import opened
from recorder.portal.place import look
from recorder.portal.sync import Wish
from recorder.records import CheckLine


def check_account(settings: Settings) -> CheckLine:
    """Connect with the account of ``sync`` and try out its rights; nothing is written.

    Args:
        settings: With ``sync.url``.
    """
    now = datetime.now(UTC).replace(tzinfo=None)
    try:
        with opened(settings, Wish("check", "check", apply=False)) as engine:
            place = look(engine, now, writing=True, closing=False)
            text = f"{shown_url(engine)}: writes proposals, people and sessions"
    except RecorderError as error:
        return CheckLine("sync", False, str(error))
    if place.left_out:
        text += f"; not: {'; '.join(place.left_out.values())}"
    return CheckLine("sync", True, text)
