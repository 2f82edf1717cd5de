"""Who asks: found out at the door, and known to everything that answers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus

from starlette.requests import Request

from recorder.records.access import Rights, RunPlace, Scope
from recorder.web.problems import ProblemError

KEY = "caller"
"""Where the door puts it: ``scope["state"][KEY]``."""


class Kind(StrEnum):
    """How somebody came in."""

    OPEN = "open"
    """No sign-in is configured: whoever reaches the page."""
    SESSION = "session"
    """Signed in, in a browser."""
    TOKEN = "token"
    KIOSK = "kiosk"
    """A screen at the beamline: live numbers, no names."""


@dataclass(frozen=True, slots=True)
class Caller:
    """One who asks."""

    kind: Kind
    rights: Rights
    scopes: frozenset[Scope]
    session: str = ""
    """Key by which the session or token is known and revoked; no secret."""

    @property
    def login(self) -> str:
        """For logs and ``by``."""
        return self.rights.login

    @property
    def names(self) -> bool:
        """Whether names of proposals, samples and people may be shown to them."""
        return self.kind is not Kind.KIOSK

    def may(self, scope: Scope) -> bool:
        """Whether this way in was made for that."""
        return scope in self.scopes

    def sees(self, place: RunPlace) -> bool:
        """Whether they may see a run."""
        return self.rights.sees(place)


ANYBODY = Caller(Kind.OPEN, Rights("page", everything=True), frozenset(Scope))
"""Whoever reaches the page where nobody signs in."""


def caller_of(request: Request) -> Caller:
    """Who asks.

    Raises:
        ProblemError: The door let nobody in: a defect, and so a refusal.
    """
    caller = request.scope.get("state", {}).get(KEY)
    if not isinstance(caller, Caller):
        text = "sign in first"
        raise ProblemError(HTTPStatus.UNAUTHORIZED, "sign-in", text)
    return caller
