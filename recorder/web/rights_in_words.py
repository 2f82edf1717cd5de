"""What somebody may see, in words that they understand: for their page."""

from __future__ import annotations

from collections.abc import Iterator

from recorder.records.access import Rights, SessionRight

MAX_TOLD = 20
"""Sessions and proposals that are named, each; some people have thousands, and a person
reads a screen at most. Chosen, not tuned."""


def in_words(rights: Rights) -> tuple[str, ...]:
    """Each right with what it comes from; empty if they have none.

    Args:
        rights: Of one person. Rights for a beamline or for all have their reasons with
            them; those of a person of a proposal or session are told here.
            Those of a limited token name nothing outside its limit.
    """
    if rights.only is not None:
        return (f"what its owner may see of {rights.only.in_words}",)
    told = {reason.partition(":")[0] for reason in rights.reasons}
    proposals = sorted(
        name for name in rights.proposals if f"proposal {name}" not in told
    )
    sessions = sorted(rights.sessions, key=lambda one: -one.session_id)
    return (
        *rights.reasons,
        *_some(
            [f"proposal {name}: as a person of it" for name in proposals], "proposals"
        ),
        *_some([_session(one) for one in sessions], "sessions"),
    )


def _some(lines: list[str], what: str) -> Iterator[str]:
    yield from lines[:MAX_TOLD]
    if len(lines) > MAX_TOLD:
        yield f"and {len(lines) - MAX_TOLD} more {what}"


def _session(session: SessionRight) -> str:
    known = {
        "of": session.proposal or None,
        "on": session.beamline,
        "from": session.starts and session.starts.date(),
        "to": session.ends and session.ends.date(),
    }
    parts = (f" {word} {value}" for word, value in known.items() if value is not None)
    role = f"as {session.role}" if session.role else "as a person of it"
    return f"session {session.session_id}{''.join(parts)}: {role}"
