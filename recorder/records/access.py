"""Who may see what: rights as the site's tables give them, and the rules over them.

The four rules are those of py-ISPyB: a permission for all proposals; a permission that
a group of beamlines names; a person of the session; a person of the proposal. Whatever
none of them allows is denied.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from string import ascii_uppercase

ALL_PROPOSALS = "all_proposals"
"""The permission that lifts every restriction; py-ISPyB's name."""
MAX_LOGIN = 64
"""Characters of a login. Chosen, not tuned: ISPyB's column has 45."""
LOGIN = rf"[A-Za-z0-9._@-]{{1,{MAX_LOGIN}}}"
"""What a login may be: nothing that means something to a directory, a query or HTML."""

_LOWER = {ord(c): c.lower() for c in ascii_uppercase}


def fold(name: str) -> str:
    """A name as it is compared: A to Z as a to z, no blanks at its end.

    A database compares names without case too, but takes more for equal (accents, the
    Kelvin sign for k): what would be equal only there is not equal here.
    """
    return name.rstrip(" ").translate(_LOWER)


def same(one: str, other: str) -> bool:
    """Whether two names are one; see :func:`fold`."""
    return fold(one) == fold(other)


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
    """Code and number; empty where the name is none, or another proposal has the same:
    then the session is known by its id alone."""
    beamline: str | None = None
    visit: int | None = None
    """None or 0: it has none, as at the ESRF."""
    starts: datetime | None = None
    ends: datetime | None = None
    role: str | None = None
    proposal_id: int | None = None

    def holds(self, place: RunPlace) -> bool:
        """Whether a run belongs to it; what is not known speaks against it.

        By its id where that is known; else by proposal and visit; else by proposal,
        beamline and time. An announcement that contradicts the session is no proof.
        """
        ours = bool(self.proposal) and same(place.proposal, self.proposal)
        if place.session_id is not None:
            contradicted = place.proposal and self.proposal and not ours
            return place.session_id == self.session_id and not contradicted
        if not ours:
            return False
        if self.beamline is not None and not same(place.beamline, self.beamline):
            return False
        if place.visit:
            return place.visit == self.visit
        return self.beamline is not None and self._is_on(place.when)

    def _is_on(self, when: datetime | None) -> bool:
        """Whether it was on then; the second in which it ends is the next one's."""
        if when is None or self.starts is None or self.ends is None:
            return False
        if when.tzinfo is not None:  # not the facility's local time: no proof
            return False
        return self.starts <= when < self.ends


@dataclass(frozen=True, slots=True)
class Only:
    """What a token was limited to when it was made: one of these, for good.

    One that says nothing holds nothing.
    """

    beamline: str = ""
    proposal: str = ""
    """Code and number."""
    session: int | None = None
    """Of ``BLSession``."""

    @property
    def in_words(self) -> str:
        """For people."""
        what = self.beamline or self.proposal
        return what or (f"session {self.session}" if self.session else "nothing")

    def holds(self, place: RunPlace) -> bool:
        """Whether a run is within it; what is not known is not."""
        if self.beamline:
            return same(place.beamline, self.beamline)
        if self.proposal:
            return same(place.proposal, self.proposal)
        return self.session is not None and place.session_id == self.session


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
    """Rule 4: names (code and number) of proposals that they are a person of; a name
    that another proposal has too is not among them."""
    proposal_ids: frozenset[int] = frozenset()
    """Rule 4: the same by ``proposalId``."""
    reasons: tuple[str, ...] = field(default=(), compare=False)
    """For people: each right with the rows it comes from."""
    only: Only | None = None
    """Of a token that is limited: nothing outside it, whatever the rules allow."""
    _index: _Index = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_index", _index(self))

    def sees(self, place: RunPlace) -> bool:
        """Whether they may see a run; what no rule allows is denied."""
        return bool(self.why(place))

    def why(self, place: RunPlace) -> str:
        """The rule by which they may see a run, in words; empty if they may not."""
        if self.only is not None and not self.only.holds(place):
            return ""
        if self.everything:
            return "may see all proposals"
        if fold(place.beamline) in self._index.beamlines:
            return f"may see all sessions on {place.beamline}"
        for session in self._index.candidates(place):
            if session.holds(place):
                return f"is a person of session {session.session_id}"
        if place.proposal and fold(place.proposal) in self._index.proposals:
            return f"is a person of proposal {place.proposal}"
        return ""

    def may(self, permission: str) -> bool:
        """Whether one of their groups has a permission."""
        return permission in self.permissions


@dataclass(frozen=True, slots=True)
class _Index:
    """The same rights, quick to ask: some people have thousands of sessions."""

    beamlines: frozenset[str]
    proposals: frozenset[str]
    by_id: Mapping[int, Sequence[SessionRight]]
    by_proposal: Mapping[str, Sequence[SessionRight]]

    def candidates(self, place: RunPlace) -> Sequence[SessionRight]:
        """The sessions that may hold a run."""
        if place.session_id is not None:
            return self.by_id.get(place.session_id, ())
        return self.by_proposal.get(fold(place.proposal), ())


def _index(rights: Rights) -> _Index:
    by_id: dict[int, list[SessionRight]] = {}
    by_proposal: dict[str, list[SessionRight]] = {}
    for session in rights.sessions:
        by_id.setdefault(session.session_id, []).append(session)
        by_proposal.setdefault(fold(session.proposal), []).append(session)
    return _Index(
        frozenset(fold(name) for name in rights.beamlines if fold(name)),
        frozenset(fold(name) for name in rights.proposals if fold(name)),
        by_id,
        by_proposal,
    )


NOTHING = Rights("")
"""Of somebody whom no table knows."""


def joined(one: Rights, other: Rights) -> Rights:
    """What two sources give one person together; who they are, the first says.

    A limit of one of them holds for both.
    """
    limits = {limit for limit in (one.only, other.only) if limit is not None}
    return Rights(
        one.login,
        other.person_id if one.person_id is None else one.person_id,
        one.name or other.name,
        one.permissions | other.permissions,
        one.everything or other.everything,
        one.beamlines | other.beamlines,
        tuple(dict.fromkeys(one.sessions + other.sessions)),
        one.proposals | other.proposals,
        one.proposal_ids | other.proposal_ids,
        one.reasons + other.reasons,
        limits.pop() if len(limits) == 1 else Only() if limits else None,
    )
