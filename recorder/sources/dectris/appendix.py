"""What sites carry in a detector's free-form appendix."""

from __future__ import annotations

from typing import Any

from recorder.errors import BadMessageError
from recorder.records.limits import MAX_NAME, MAX_PART_BYTES, load_json

UID_KEY = "recorder_uid"


def parse_appendix(raw: bytes | str) -> Any:
    """The appendix as JSON if it is JSON, else as text.

    Raises:
        BadMessageError: It is too long, or JSON with too many values or too deep.
    """
    text = raw if isinstance(raw, str) else raw.decode("utf-8", errors="replace")
    try:
        return load_json(text, "appendix", MAX_PART_BYTES)
    except BadMessageError as error:
        if error.kind == "json":
            return text
        raise


def recorder_uid(appendix: Any, depth: int = 4) -> str | None:
    """Run uid in an appendix: key ``recorder_uid`` at any level, JSON text included.

    Text that is too long or too deep for JSON has none, nor is a longer name a uid.
    """
    if depth == 0:
        return None
    if isinstance(appendix, str) and appendix[:100].lstrip().startswith("{"):
        try:
            appendix = parse_appendix(appendix)
        except BadMessageError:
            return None
    if not isinstance(appendix, dict):
        return None
    value = appendix.get(UID_KEY)
    if isinstance(value, str) and len(value) <= MAX_NAME:
        return value
    for value in appendix.values():
        if (found := recorder_uid(value, depth - 1)) is not None:
            return found
    return None
