"""What sites carry in a detector's free-form appendix."""

from __future__ import annotations

import json
from typing import Any

UID_KEY = "recorder_uid"


def parse_appendix(raw: bytes | str) -> Any:
    """The appendix as JSON if it is JSON, else as text."""
    text = raw if isinstance(raw, str) else raw.decode("utf-8", errors="replace")
    try:
        return json.loads(text)
    except ValueError:
        return text


def recorder_uid(appendix: Any, depth: int = 4) -> str | None:
    """Run uid in an appendix: key ``recorder_uid`` at any level, JSON text included."""
    if depth == 0:
        return None
    if isinstance(appendix, str) and appendix.lstrip().startswith("{"):
        appendix = parse_appendix(appendix)
    if not isinstance(appendix, dict):
        return None
    if isinstance(value := appendix.get(UID_KEY), str):
        return value
    for value in appendix.values():
        if (found := recorder_uid(value, depth - 1)) is not None:
            return found
    return None
