"""The daemon's live state as JSON, written and read again."""

from __future__ import annotations

from functools import cache

from pydantic import TypeAdapter, ValidationError

from recorder.errors import ReportError
from recorder.records.live import LiveState
from recorder.records.units import Json


def live_to_json(state: LiveState) -> bytes:
    """As the file has it, UTF-8."""
    return _adapter().dump_json(state)


def live_from_json(text: bytes | str) -> LiveState:
    """The reverse, also for what other versions wrote: unknown keys are left out.

    Raises:
        ReportError: It is none, or a value cannot be what it should be.
    """
    try:
        return _adapter().validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"])) or "it"
        raise ReportError(
            f"the live state cannot be read: {where}: {first['msg']}"
        ) from error


def live_schema() -> Json:
    """Its JSON schema."""
    return _adapter().json_schema(mode="serialization")


@cache
def _adapter() -> TypeAdapter[LiveState]:
    return TypeAdapter(LiveState)
