"""Names that administrators type: what is not known is refused, with what is near."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

from recorder.errors import UsageError
from recorder.ispyb.schema.live_schema import LiveSchema
from recorder.ispyb.schema.values import latin1
from recorder.records.access import LOGIN

WELL_KNOWN = {
    "all_proposals": "Sees all proposals",
    "manage_options": "Manages the options of the web application",
    "manage_groups": "Manages groups",
    "manage_perms": "Manages permissions",
    "manage_persons": "Manages persons",
    "view_activity": "Sees what administrators did",
    "uportal_sync": "Synchronises the user portal",
    "ssx_sync": "Writes SSX collections",
    "super_admin": "Sees all proposals (SynchWeb)",
}
"""Permissions that programs ask for, with what they mean; the SQL of a schema brings
only a few of them, the others are entered when they are granted first."""
NEAR = 3
"""Names that a refusal offers."""
ALIKE = 0.6
"""How alike they must be, of 1: one or two letters of a short name. Difflib's own
default."""


A_SLIP = 0.9
"""How alike a name is that differs by a letter: `all_proposal` and `all_proposals`,
0.96; `mx_admin` and `super_admin`, 0.63."""


def near(name: str, known: Iterable[str], hint: str = "") -> str:
    """The end of a refusal: what is near, and what else to do."""
    folded = {other.lower(): other for other in known}
    found = get_close_matches(name.lower(), folded, NEAR, ALIKE)
    meant = f"did you mean {' or '.join(folded[f] for f in found)}?" if found else ""
    return "".join(f"; {part}" for part in (meant, hint) if part)


def unknown(what: str, name: str, known: Iterable[str], hint: str) -> UsageError:
    """The refusal of a name."""
    return UsageError(f"there is no {what} {name!r}{near(name, known, hint)}")


def check_meant(permission: str) -> None:
    """See that a new permission is no slip of one that programs ask for.

    Raises:
        UsageError: It is.
    """
    if slip := get_close_matches(permission.lower(), WELL_KNOWN, 1, A_SLIP):
        raise UsageError(
            f"no program asks for permission {permission!r}; write {slip[0]}"
        )


def check_length(live: LiveSchema, table: str, column: str, name: str) -> None:
    """See that a name can be held: a lax server would cut it to another one.

    Raises:
        UsageError: It cannot, or is empty.
    """
    found = live.column(table, column)
    most = found.length if found else None
    if not name.strip() or name != name.strip():
        raise UsageError(f"{name!r} is empty, or has blanks at its ends")
    if most is not None and len(name) > most:
        raise UsageError(
            f"{name!r} has {len(name)} characters, {table}.{column} holds {most}"
        )
    charset = found.charset if found else ""
    if charset == "latin1" and latin1(name) != name:
        raise UsageError(f"{name!r}: {table}.{column} holds letters of latin1 only")


def check_login(live: LiveSchema, login: str) -> None:
    """See that somebody could sign in with it.

    Raises:
        UsageError: Nobody could.
    """
    if re.fullmatch(LOGIN, login) is None:
        raise UsageError(
            f"{login!r} is no login: letters and digits without accents, and . _ @ -"
        )
    check_length(live, "Person", "login", login)
