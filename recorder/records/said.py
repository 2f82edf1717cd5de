"""What people say on the page: of alarms, and how many images are wanted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError

from recorder.records.announcement import Target
from recorder.records.texts import Name
from recorder.records.units import Json

_Time = Annotated[int, Field(strict=True, ge=0, lt=2**63)]


@dataclass(frozen=True, slots=True)
class SeenSaid:
    """Somebody saw an alarm."""

    what: Literal["seen"]
    alarm: Name
    """Its id."""
    by: Name
    time_ns: _Time = 0
    """Unix ns."""


@dataclass(frozen=True, slots=True)
class NormalSaid:
    """Somebody takes the level of an alarm as the normal one from now on."""

    what: Literal["normal"]
    alarm: Name
    """Its id."""
    by: Name
    time_ns: _Time = 0
    """Unix ns."""


@dataclass(frozen=True, slots=True)
class TargetSaid:
    """Somebody wants so many indexed images of a time point."""

    what: Literal["target"]
    run: Name
    """Uid."""
    delay_s: Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]
    indexed: Annotated[int, Field(strict=True, ge=1)]
    by: Name
    time_ns: _Time = 0
    """Unix ns."""

    @property
    def target(self) -> Target:
        """The same as in an announcement."""
        return Target(self.delay_s, self.indexed)


Said = SeenSaid | NormalSaid | TargetSaid
_SAID: TypeAdapter[Said] = TypeAdapter(Annotated[Said, Field(discriminator="what")])


def read_said(text: bytes) -> Said:
    """What a file says.

    Raises:
        ValueError: It says nothing that can be used; the message is for people.
    """
    try:
        return _SAID.validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "it"
        raise ValueError(f"{where}: {first['msg']}") from error


def said_to_json(said: Said) -> Json:
    """As the file and the journal have it."""
    found: Json = _SAID.dump_python(said, mode="json")
    return found
