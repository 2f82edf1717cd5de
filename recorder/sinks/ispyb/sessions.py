"""The session of a run: the user office's rows, read and never written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import case, select

from recorder.errors import SinkError
from recorder.ispyb.schema import tables as t
from recorder.ispyb.schema.rows import Rows
from recorder.ispyb.schema.values import split_proposal
from recorder.runtime.log import get_logger

log = get_logger("ispyb")


@dataclass(frozen=True, slots=True)
class Session:
    """A session, and the proposal that it belongs to."""

    session_id: int
    proposal_id: int


def find_session(
    rows: Rows, proposal: str, visit: int | None, beamline: str, when: Any
) -> Session:
    """The session of an announced run: one that is on, else the last that began.

    Args:
        rows: The database.
        proposal: Code and number.
        visit: Number of the visit; None takes the beamline's session.
        beamline: Our beamline as ``BLSession.beamLineName`` has it.
        when: Local time of the run's start.

    Raises:
        SinkError: No such proposal or visit, which are the user office's to create;
            or the visit is another beamline's.
    """
    code, digits = split_proposal(proposal)
    proposals = rows.ids(t.proposal, proposalCode=code, proposalNumber=digits)
    if not proposals:
        raise SinkError(
            f"proposal {proposal} is not in ISPyB; have it synchronised from the user "
            "portal, or announce the run with the right proposal"
        )
    columns = t.session.c
    sessions = select(
        columns.sessionId,
        columns.proposalId,
        columns.beamLineName,
        columns.startDate,
        columns.endDate,
    )
    sessions = sessions.where(columns.proposalId.in_(proposals))
    if visit is not None:
        sessions = sessions.where(columns.visit_number == visit)
    else:
        sessions = sessions.where(columns.beamLineName == beamline)
    begun = columns.startDate <= when
    on = begun & (columns.endDate >= when)
    ours = columns.beamLineName == beamline
    rank = case((on, 0), (begun, 1), else_=2)
    ranked = sessions.order_by(case((ours, 0), else_=1), rank, columns.sessionId.desc())
    found = rows.execute(ranked).first()
    if found is None:
        what = f"visit {visit}" if visit is not None else f"session on {beamline}"
        raise SinkError(
            f"proposal {proposal} has no {what} in ISPyB; have it synchronised from "
            "the user portal, or announce the run with the right visit"
        )
    session_id, proposal_id, there, starts, ends = found
    if there is not None and there.lower() != beamline.lower():
        raise SinkError(
            f"visit {visit} of proposal {proposal} is a session of beamline {there}, "
            f"not {beamline}; announce the right visit, or set ispyb.beamline"
        )
    if (starts and starts > when) or (ends and ends < when):
        log.warning(
            "session_not_on",
            proposal=proposal,
            visit=visit,
            starts=str(starts),
            ends=str(ends),
            run=str(when),
            hint="the run is written there all the same: is the visit right, "
            "and timezone?",
        )
    return Session(int(session_id), int(proposal_id))
