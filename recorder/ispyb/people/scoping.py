"""Rights as conditions of queries: what nobody may see is not even read.

A condition never multiplies rows: :func:`visible` stands over a join that is there
anyway, :func:`session_visible` and :func:`proposal_visible` are ``EXISTS``.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    and_,
    exists,
    false,
    func,
    or_,
    select,
    true,
)

from recorder.ispyb.schema import people_tables as p
from recorder.records.access import Only, Rights, fold


def visible(
    rights: Rights,
    proposal: FromClause = p.proposal,
    session: FromClause = p.session,
) -> ColumnElement[bool]:
    """Whether a row of ``Proposal ⟕ BLSession`` may be seen.

    Use it with DISTINCT where sessions are joined for nothing else.

    Args:
        rights: Of the one who asks.
        proposal: ``Proposal`` of the query, or its alias.
        session: ``BLSession`` of the query, or its alias.
    """
    found = _by_rules(rights, proposal, session)
    if rights.only is None:
        return found
    return and_(found, _within(rights.only, proposal, session))


def _by_rules(
    rights: Rights, proposal: FromClause, session: FromClause
) -> ColumnElement[bool]:
    if rights.everything:
        return true()
    rules: list[ColumnElement[bool]] = []
    if names := sorted({fold(name) for name in rights.beamlines} - {""}):
        rules.append(func.lower(func.rtrim(session.c.beamLineName)).in_(names))
    if sessions := sorted(right.session_id for right in rights.sessions):
        rules.append(session.c.sessionId.in_(sessions))
    if rights.proposal_ids:
        rules.append(proposal.c.proposalId.in_(sorted(rights.proposal_ids)))
    return or_(false(), *rules)


def _within(
    only: Only, proposal: FromClause, session: FromClause
) -> ColumnElement[bool]:
    """Whether a row is within the limit of a token; NULL is not."""
    if only.beamline:
        beamline = func.lower(func.rtrim(session.c.beamLineName))
        return func.coalesce(beamline == fold(only.beamline), false())
    if only.proposal:
        name = proposal.c.proposalCode + proposal.c.proposalNumber
        name = func.lower(func.rtrim(name))
        return func.coalesce(name == fold(only.proposal), false())
    return func.coalesce(session.c.sessionId == only.session, false())


def session_visible(rights: Rights, session_id: Any) -> ColumnElement[bool]:
    """Whether the session of a row may be seen.

    Args:
        rights: Of the one who asks.
        session_id: Column or value that is its ``sessionId``.
    """
    proposal, session = p.proposal.alias(), p.session.alias()
    tables = session.join(proposal, proposal.c.proposalId == session.c.proposalId)
    return (
        exists()
        .select_from(tables)
        .where(session.c.sessionId == session_id, visible(rights, proposal, session))
    )


def proposal_visible(rights: Rights, proposal_id: Any) -> ColumnElement[bool]:
    """Whether the proposal of a row may be seen: it, or one of its sessions.

    It says nothing of the other sessions of the proposal, nor of what hangs on it.

    Args:
        rights: Of the one who asks.
        proposal_id: Column or value that is its ``proposalId``.
    """
    proposal, session = p.proposal.alias(), p.session.alias()
    tables = proposal.outerjoin(session, session.c.proposalId == proposal.c.proposalId)
    return (
        exists()
        .select_from(tables)
        .where(proposal.c.proposalId == proposal_id, visible(rights, proposal, session))
    )


def proposal_whole(rights: Rights, proposal_id: Any) -> ColumnElement[bool]:
    """Whether all of a proposal may be seen, not only what some sessions used.

    A token that is limited to a beamline or a session shows no proposal as a whole.

    Args:
        rights: Of the one who asks.
        proposal_id: Column or value that is its ``proposalId``.
    """
    only, ids = rights.only, sorted(rights.proposal_ids)
    theirs = true() if rights.everything else proposal_id.in_(ids) if ids else false()
    if only is None:
        return theirs
    if only.beamline or not only.proposal:
        return false()
    proposal, session = p.proposal.alias(), p.session.alias()
    within = select(proposal.c.proposalId).where(_within(only, proposal, session))
    return and_(theirs, proposal_id.in_(within))


def beamlines_whole(rights: Rights) -> list[str]:
    """Beamlines, folded, of which all sessions may be seen by the beamline's right."""
    names = {fold(name) for name in rights.beamlines} - {""}
    only = rights.only
    return sorted(names if only is None else names & {fold(only.beamline)})
