"""Rights from rows: py-ISPyB's four rules, and SynchWeb's three."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from recorder.config import Settings
from recorder.ispyb.flavours.families import looks_like_diamond
from recorder.ispyb.people.beamline_groups import (
    BeamlineGroup,
    configured_groups,
    read_groups,
)
from recorder.ispyb.people.person_rows import (
    GroupRow,
    PersonRows,
    SessionRow,
    proposal_name,
)
from recorder.ispyb.schema.live_schema import LiveSchema
from recorder.records.access import ALL_PROPOSALS, Rights, SessionRight, fold

SUPER_ADMIN = "super_admin"
"""SynchWeb's permission for everything."""
STAFF = "_admin"
"""Ends SynchWeb's permissions for the staff of a type of beamlines: ``mx_admin``."""


class SiteKind(StrEnum):
    """Whose rules decide."""

    PYISPYB = "pyispyb"
    """ESRF, MAX IV: persons of proposals and of sessions, beamline groups."""
    SYNCHWEB = "synchweb"
    """Diamond: persons of sessions only; staff by type of beamline."""


@dataclass(frozen=True, slots=True)
class RightsOptions:
    """What the configuration adds to the tables."""

    rules: SiteKind | None = None
    """None: as the tables look."""
    beamline_groups: tuple[BeamlineGroup, ...] = ()
    beamline_types: dict[str, tuple[str, ...]] = field(default_factory=dict)


def rights_options(settings: Settings) -> RightsOptions:
    """Those of ``web.ispyb``; Diamond's flavour has SynchWeb's rules."""
    section = settings.web.ispyb
    rules = None if section.rules is None else SiteKind(section.rules)
    if rules is None and settings.ispyb.flavour == "diamond":
        rules = SiteKind.SYNCHWEB
    return RightsOptions(
        rules, configured_groups(section.beamline_group), section.beamline_types
    )


def site_kind(live: LiveSchema, options: RightsOptions) -> SiteKind:
    """Whose rules decide in a database: as configured, else as its tables look."""
    if options.rules is not None:
        return options.rules
    columns = live.column("BLSession", "archived"), live.column("Proposal", "endDate")
    diamond = looks_like_diamond(live) or None not in columns
    return SiteKind.SYNCHWEB if diamond else SiteKind.PYISPYB


def rights_of(
    rows: PersonRows, login: str, kind: SiteKind, options: RightsOptions
) -> Rights:
    """The rights that follow from rows; each of them only ever adds."""
    permissions = frozenset(row.permission for row in rows.groups if row.permission)
    everything = ALL_PROPOSALS in permissions
    reasons = [f"not read: {problem}" for problem in rows.problems]
    if len(rows.persons) > 1:
        numbers = ", ".join(str(row.person_id) for row in rows.persons)
        reasons.append(f"several persons have this login: {numbers}; all count")
    if kind is SiteKind.SYNCHWEB:
        everything = everything or SUPER_ADMIN in permissions
        opened = list(_by_type(rows, options))
    else:
        groups, wrong = read_groups(rows.beamline_groups)
        reasons += wrong
        opened = list(_by_group(rows, (*groups, *options.beamline_groups)))
    reasons += [reason for _, reason in opened]
    reasons += _through(rows, {ALL_PROPOSALS, *_super(kind)}, "all proposals")
    proposals = rows.proposals if kind is SiteKind.PYISPYB else ()
    names = {proposal_name(row.code, row.number) for row in proposals}
    first = rows.persons[0] if rows.persons else None
    return Rights(
        login,
        first.person_id if first else None,
        first.name if first else "",
        permissions,
        everything,
        frozenset(name for name, _ in opened),
        tuple(_session(row, rows.shared_names) for row in rows.sessions),
        frozenset(name for name in names if _is_own(name, rows.shared_names)),
        frozenset(row.proposal_id for row in proposals),
        tuple(reasons),
    )


def _super(kind: SiteKind) -> tuple[str, ...]:
    return (SUPER_ADMIN,) if kind is SiteKind.SYNCHWEB else ()


def _by_group(
    rows: PersonRows, groups: tuple[BeamlineGroup, ...]
) -> Iterator[tuple[str, str]]:
    """Beamlines that a permission opens, each with the reason."""
    for group in groups:
        for row in _holders(rows, group.permission):
            for beamline in group.beamlines:
                where = f"beamline group {group.name!r} of {group.origin}"
                yield beamline.name, _opened(beamline.name, row, where)


def _by_type(rows: PersonRows, options: RightsOptions) -> Iterator[tuple[str, str]]:
    """The same for the staff of a type of beamlines."""
    for kind, beamlines in options.beamline_types.items():
        for row in _holders(rows, f"{kind}{STAFF}"):
            for name in beamlines:
                where = f"type {kind!r} of web.ispyb.beamline_types"
                yield name, _opened(name, row, where)


def _holders(rows: PersonRows, permission: str) -> list[GroupRow]:
    return [row for row in rows.groups if row.permission == permission]


def _opened(beamline: str, row: GroupRow, where: str) -> str:
    return f"all sessions on {beamline}: {by_group(row)}; {where}"


def _through(rows: PersonRows, permissions: set[str], what: str) -> Iterator[str]:
    for row in rows.groups:
        if row.permission in permissions:
            yield f"{what}: {by_group(row)}"


def by_group(row: GroupRow) -> str:
    """A permission with the rows that it comes through."""
    return (
        f"permission {row.permission} (Permission {row.permission_id}) of group "
        f"{row.group} (UserGroup {row.group_id})"
    )


def _session(row: SessionRow, shared: frozenset[str]) -> SessionRight:
    name = proposal_name(row.code, row.number)
    return SessionRight(
        row.session_id,
        name if _is_own(name, shared) else "",
        row.beamline,
        row.visit,
        row.starts,
        row.ends,
        row.role,
        row.proposal_id,
    )


def _is_own(name: str, shared: frozenset[str]) -> bool:
    """Whether a name stands for one proposal alone."""
    return bool(name) and fold(name) not in shared
