"""Who may see what: rights as the site's tables give them, and the rules over them.

The four rules are those of py-ISPyB: a permission for all proposals; a permission that
a group of beamlines names; a person of the session; a person of the proposal. Whatever
none of them allows is denied.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

ALL_PROPOSALS = "all_proposals"
"""The permission that lifts every restriction; py-ISPyB's name."""
MAX_LOGIN = 64
"""Characters of a login. Chosen, not tuned: ISPyB's column has 45."""
LOGIN = rf"[A-Za-z0-9._@-]{{1,{MAX_LOGIN}}}"
"""What a login may be: nothing that means something to a directory, a query or HTML."""


class Scope(StrEnum):
    """What a token may be used for; a person at the page has all but ``SYNC``."""

    READ_LIVE = "read:live"
    READ_RUNS = "read:runs"
    READ_IMAGES = "read:images"
    WRITE_TARGETS = "write:targets"
    WRITE_ALARMS = "write:alarms"
    SPOOL = "spool"
    METRICS = "metrics"
    SYNC = "sync"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who somebody is, as an authenticator says; it says nothing of rights."""

    login: str
    groups: tuple[str, ...] = ()
    """Groups or roles that the directory or provider names."""
    name: str = ""
    mail: str = ""


@dataclass(frozen=True, slots=True)
class RunPlace:
    """What decides who may see a run."""

    beamline: str
    proposal: str = ""
    """Code and number; empty: nobody announced it, so the beamline's right decides."""
    visit: int | None = None
    session_id: int | None = None
    """Of ``BLSession``, where it is known."""
    when: datetime | None = None
    """Start, in the facility's local time, naive."""


@dataclass(frozen=True, slots=True)
class SessionRight:
    """A session that somebody is a person of."""

    session_id: int
    proposal: str
    beamline: str | None = None
    visit: int | None = None
    starts: datetime | None = None
    ends: datetime | None = None
    role: str | None = None

    def holds(self, place: RunPlace) -> bool:
        """Whether a run belongs to it.

        By its id where that is known; else by proposal and visit; else by proposal,
        beamline and time, which must lie within dates that are known.
        """
        if place.session_id is not None:
            return place.session_id == self.session_id
        if not place.proposal or not same(place.proposal, self.proposal):
            return False
        if self.beamline is not None and not same(place.beamline, self.beamline):
            return False
        if place.visit is not None and self.visit:
            return place.visit == self.visit
        if None in (place.when, self.starts, self.ends):
            return False
        return self.starts <= place.when <= self.ends  # type: ignore[operator]


@dataclass(frozen=True, slots=True)
class Rights:
    """What one person may see."""

    login: str
    person_id: int | None = None
    name: str = ""
    permissions: frozenset[str] = frozenset()
    """Types of ``Permission``, through all groups."""
    everything: bool = False
    """Rule 1: all proposals."""
    beamlines: frozenset[str] = frozenset()
    """Rule 2: beamlines as ``BLSession.beamLineName`` has them."""
    sessions: tuple[SessionRight, ...] = ()
    """Rule 3: sessions that they are a person of."""
    proposals: frozenset[str] = frozenset()
    """Rule 4: names (code and number) of proposals that they are a person of."""
    proposal_ids: frozenset[int] = frozenset()
    """Rule 4: the same by ``proposalId``."""
    reasons: tuple[str, ...] = field(default=(), compare=False)
    """For people: each right with the rows it comes from."""

    def sees(self, place: RunPlace) -> bool:
        """Whether they may see a run; what no rule allows is denied."""
        return bool(self.why(place))

    def why(self, place: RunPlace) -> str:
        """The rule by which they may see a run, in words; empty if they may not."""
        if self.everything:
            return "may see all proposals"
        if any(same(place.beamline, name) for name in self.beamlines):
            return f"may see all sessions on {place.beamline}"
        for session in self.sessions:
            if session.holds(place):
                return f"is a person of session {session.session_id}"
        if place.proposal and any(same(place.proposal, p) for p in self.proposals):
            return f"is a person of proposal {place.proposal}"
        return ""

    def may(self, permission: str) -> bool:
        """Whether one of their groups has a permission."""
        return permission in self.permissions


NOTHING = Rights("")
"""Of somebody whom no table knows."""


def same(one: str, other: str) -> bool:
    """Whether two names are one to a database that compares without case."""
    return one.rstrip().casefold() == other.rstrip().casefold()
