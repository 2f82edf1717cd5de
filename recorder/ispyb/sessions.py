"""The session of a run: the user office's rows, read and never created."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from sqlalchemy import func, select

from recorder.errors import SinkError
from recorder.ispyb.schema import tables as t
from recorder.ispyb.schema.rows import Rows
from recorder.records import Announcement
from recorder.runtime.log import get_logger

log = get_logger("ispyb")

MOST_NAMED = 5
"""Sessions or beamlines that a message names: enough to see which, and one line."""


class _Fit(IntEnum):
    """How well the dates of a session fit to a time, best first."""

    ON = 0
    HALF_OPEN = 1
    """One date is known, and it does not speak against it."""
    UNDATED = 2
    OVER = 3
    AHEAD = 4


@dataclass(frozen=True, slots=True)
class Session:
    """A session, and the proposal that it belongs to."""

    session_id: int
    proposal_id: int
    proposal: str = ""
    """Code and number."""
    code: str = ""
    beamline: str | None = None
    visit: int | None = None
    """None or 0: it has none, as at the ESRF."""
    starts: datetime | None = None
    ends: datetime | None = None

    def fits(self, when: datetime) -> _Fit:
        """How well its dates fit; a date that is not there speaks for nothing."""
        if self.starts is not None and self.starts > when:
            return _Fit.AHEAD
        if self.ends is not None and self.ends < when:
            return _Fit.OVER
        known = (self.starts is not None) + (self.ends is not None)
        return (_Fit.UNDATED, _Fit.HALF_OPEN, _Fit.ON)[known]

    def of(self, beamline: str) -> bool:
        """Whether it is a session of a beamline; databases compare without case."""
        return self.beamline is not None and _same(self.beamline, beamline)


def _same(one: str, other: str) -> bool:
    return one.rstrip().casefold() == other.rstrip().casefold()


def find_session(
    rows: Rows, announced: Announcement, beamline: str, when: datetime
) -> Session:
    """The session of a run.

    It is the announced ``session_id``, else one of the announced visit, else one of
    the beamline: that is on, else the last that began. A run that nobody announced
    needs exactly one that is on, unless its visit is configured.

    Args:
        rows: The database.
        announced: The run as announced, or as ``[unannounced]`` says.
        beamline: Our beamline as ``BLSession.beamLineName`` has it.
        when: Local time of the run's start.

    Raises:
        SinkError: No such proposal, visit or session, which are the user office's to
            create; it is another beamline's; or several are possible.
    """
    found = _sessions(rows, announced)
    if announced.session_id is not None:
        chosen = _by_id(found, announced, beamline)
    else:
        chosen = _chosen(_possible(found, announced, beamline), announced, when)
    if chosen.fits(when) > _Fit.UNDATED:
        log.warning(
            "session_not_on",
            proposal=announced.proposal,
            visit=announced.visit,
            session=chosen.session_id,
            starts=str(chosen.starts),
            ends=str(chosen.ends),
            run=str(when),
            hint="the run is written there all the same: is the visit right, "
            "and timezone?",
        )
    return chosen


def _sessions(rows: Rows, announced: Announcement) -> list[Session]:
    """Sessions of the proposal, or the announced one.

    Raises:
        SinkError: There is no such proposal.
    """
    columns, proposal = t.session.c, t.proposal.c
    query = select(
        columns.sessionId,
        columns.proposalId,
        proposal.proposalCode,
        proposal.proposalNumber,
        columns.beamLineName,
        columns.visit_number,
        columns.startDate,
        columns.endDate,
    ).join(t.proposal, proposal.proposalId == columns.proposalId)
    if announced.session_id is not None:
        query = query.where(columns.sessionId == announced.session_id)
        return [_session(*row) for row in rows.read(query)]
    # as py-ISPyB: a code may hold digits and dashes, so the name is not taken apart
    name = func.lower(proposal.proposalCode + proposal.proposalNumber)
    named = name == announced.proposal.lower()
    found = [_session(*row) for row in rows.read(query.where(named))]
    found = [s for s in found if _same(s.proposal, announced.proposal)]
    if not found and not rows.read(select(proposal.proposalId).where(named)):
        raise SinkError(
            f"proposal {announced.proposal} is not in ISPyB; have it synchronised from "
            "the user portal, or announce the run with the right proposal"
        )
    return found


def _session(
    session_id: int,
    proposal_id: int,
    code: str | None,
    digits: str | None,
    beamline: str | None,
    visit: int | None,
    starts: datetime | None,
    ends: datetime | None,
) -> Session:
    return Session(
        session_id,
        proposal_id,
        f"{code or ''}{digits or ''}",
        (code or "").casefold(),
        beamline,
        visit,
        starts,
        ends,
    )


def _by_id(found: Sequence[Session], announced: Announcement, beamline: str) -> Session:
    """The announced session, if it is what the rest of the announcement says.

    Raises:
        SinkError: It is not there, or of another proposal, beamline or visit.
    """
    what = f"session_id {announced.session_id}"
    if not found:
        raise SinkError(
            f"{what} is not in ISPyB; have the session synchronised from the user "
            "portal, or announce the right one"
        )
    session = found[0]
    theirs = ""
    if not _same(session.proposal, announced.proposal):
        theirs = f"proposal {session.proposal}, not {announced.proposal}"
    elif session.beamline is not None and not session.of(beamline):
        theirs = f"beamline {session.beamline}, not {beamline}"
    elif session.visit and announced.visit and session.visit != announced.visit:
        theirs = f"visit {session.visit}, not {announced.visit}"
    if theirs:
        raise SinkError(f"{what} is a session of {theirs}; announce the right one")
    return session


def _possible(
    found: Sequence[Session], announced: Announcement, beamline: str
) -> list[Session]:
    """The sessions that it may be, whatever their dates.

    Raises:
        SinkError: There is none.
    """
    visit = announced.visit
    if visit is not None:
        found = [s for s in found if (s.visit or 0) == visit]
    ours = [s for s in found if s.of(beamline)]
    if visit is not None and not ours:
        ours = [s for s in found if s.beamline is None]
    if ours:
        return ours
    if visit is not None and found:
        raise SinkError(
            f"visit {visit} of proposal {announced.proposal} is a session of beamline "
            f"{found[-1].beamline}, not {beamline}; announce the right visit, or set "
            "ispyb.beamline"
        )
    what = f"visit {visit}" if visit is not None else f"session on {beamline}"
    raise SinkError(
        f"proposal {announced.proposal} has no {what} in ISPyB; have it synchronised "
        "from the user portal, or announce the run with the right visit or session_id"
    )


def _chosen(
    possible: Sequence[Session], announced: Announcement, when: datetime
) -> Session:
    """The one whose dates fit best.

    Raises:
        SinkError: Several proposals have this name; or nobody said which session.
    """
    best = min(session.fits(when) for session in possible)
    fitting = [session for session in possible if session.fits(when) == best]
    latest = max(
        fitting,
        key=lambda s: (s.starts or datetime.min, s.session_id),  # noqa: DTZ901
    )
    listed = ", ".join(str(s.session_id) for s in fitting[:MOST_NAMED])
    if len({session.code for session in fitting}) > 1:
        raise SinkError(
            f"proposal {announced.proposal} may be any of several with other codes "
            f"(sessions {listed}); announce session_id"
        )
    if not announced.announced and announced.visit is None:
        _require_one(fitting, best, announced, when)
    if len(fitting) > 1:
        log.warning(
            "session_ambiguous",
            proposal=announced.proposal,
            visit=announced.visit,
            sessions=listed,
            taken=latest.session_id,
            hint="announce session_id",
        )
    return latest


def _require_one(
    fitting: Sequence[Session], best: _Fit, announced: Announcement, when: datetime
) -> None:
    """Nobody said where the run belongs: it must be beyond doubt.

    Raises:
        SinkError: It is not.
    """
    if best > _Fit.UNDATED:
        which = "no session is on"
    elif len(fitting) > 1:
        listed = ", ".join(str(s.session_id) for s in fitting[:MOST_NAMED])
        which = f"several sessions are on ({listed})"
    else:
        return
    raise SinkError(
        f"unannounced run of {when}: {which} of proposal {announced.proposal} at this "
        "beamline; set unannounced.visit, or announce runs"
    )
