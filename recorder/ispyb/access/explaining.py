"""What somebody sees and why, in words and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from recorder.ispyb.access.names import near
from recorder.ispyb.people.asking import Look
from recorder.ispyb.people.person_rows import ProposalRow, proposal_name
from recorder.ispyb.people.rights import SiteKind
from recorder.records import Json
from recorder.records.access import SessionRight, fold

RULES = {
    None: "no database was asked: the configuration alone",
    SiteKind.PYISPYB: "py-ISPyB's rules",
    SiteKind.SYNCHWEB: "SynchWeb's rules",
}


def in_words(look: Look, where: str, others: Iterable[str] = ()) -> Iterator[str]:
    """Lines for people.

    Args:
        look: Of the one who is asked about.
        where: The database, without password.
        others: Logins, to tell which are near to one that nobody has.
    """
    rights = look.rights
    persons = ", ".join(f"Person {row.person_id}" for row in look.rows.persons)
    about = ", ".join(filter(None, (rights.name, persons)))
    yield f"{rights.login}{f' ({about})' if about else ''}; {where}, {RULES[look.kind]}"
    seen = list(_seen(look))
    yield from seen or [f"  sees nothing{near(rights.login, others)}"]
    if rights.permissions:
        yield f"  permissions: {', '.join(sorted(rights.permissions))}"
    groups = dict.fromkeys(
        f"{r.group} (UserGroup {r.group_id})" for r in look.rows.groups
    )
    if groups:
        yield f"  groups: {', '.join(groups)}"
    yield from (f"  {reason}" for reason in rights.reasons if reason not in _told(look))


def _told(look: Look) -> frozenset[str]:
    return frozenset(r for r in look.rights.reasons if r.startswith(_SEES))


_SEES = ("all ", "proposal ")


def _seen(look: Look) -> Iterator[str]:
    rights = look.rights
    yield from (f"  sees {reason}" for reason in sorted(_told(look)))
    for row in look.rows.proposals:
        if row.proposal_id in rights.proposal_ids:
            yield f"  sees proposal {_proposal(look, row)}: ProposalHasPerson"
    for session in rights.sessions:
        role = f" as {session.role}" if session.role else ""
        yield f"  sees {_session(session)}: Session_has_Person{role}"


def _proposal(look: Look, row: ProposalRow) -> str:
    name = proposal_name(row.code, row.number)
    what = f"{name or 'without name'} (proposalId {row.proposal_id})"
    if fold(name) in look.rows.shared_names:
        return f"{what}, by the ids of its sessions only: others have this name"
    return what


def _session(session: SessionRight) -> str:
    known = {
        "of": session.proposal or "a proposal without a name of its own",
        "on": session.beamline,
        "visit": session.visit or None,
        "from": session.starts,
        "to": session.ends,
    }
    parts = (f"{word} {value}" for word, value in known.items() if value is not None)
    return f"session {session.session_id} {' '.join(parts)}"


def as_json(look: Look, where: str) -> Json:
    """The same for programs."""
    rights = look.rights
    return {
        "login": rights.login,
        "name": rights.name,
        "database": where,
        "rules": look.kind,
        "person_ids": [row.person_id for row in look.rows.persons],
        "everything": rights.everything,
        "beamlines": sorted(rights.beamlines),
        "proposals": _proposals(look),
        "sessions": [
            {
                "session_id": session.session_id,
                "proposal": session.proposal or None,
                "proposal_id": session.proposal_id,
                "beamline": session.beamline,
                "visit": session.visit,
                "starts": session.starts and session.starts.isoformat(),
                "ends": session.ends and session.ends.isoformat(),
                "role": session.role,
            }
            for session in rights.sessions
        ],
        "permissions": sorted(rights.permissions),
        "reasons": list(rights.reasons),
    }


def _proposals(look: Look) -> list[Json]:
    rows = {
        fold(name): row.proposal_id
        for row in look.rows.proposals
        if row.proposal_id in look.rights.proposal_ids
        and (name := proposal_name(row.code, row.number))
    }
    return [
        {"name": name, "proposal_id": rows.get(fold(name))}
        for name in sorted(look.rights.proposals)
    ]
