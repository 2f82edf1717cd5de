"""People as the configuration has them, for sites whose tables do not."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce

from recorder.config import Settings
from recorder.config.people import StatedSection
from recorder.ispyb.people.person_rows import RowReader, proposal_name
from recorder.records.access import ALL_PROPOSALS, Identity, Rights, fold, joined


def stated_rights(settings: Settings) -> Callable[[Identity], Rights | None]:
    """What the configuration says of somebody; None where it names them nowhere."""
    people = {fold(login): section for login, section in settings.web.people.items()}
    groups = settings.web.directory_group

    def of(identity: Identity) -> Rights | None:
        found = []
        if (own := people.get(fold(identity.login))) is not None:
            found.append(_rights(identity, own, "web.people"))
        for group in identity.groups:
            if (section := groups.get(group)) is not None:
                where = f"web.directory_group, as one of {group}"
                found.append(_rights(identity, section, where))
        return reduce(joined, found) if found else None

    return of


def _rights(identity: Identity, section: StatedSection, where: str) -> Rights:
    permissions = frozenset(section.permissions)
    everything = section.all_proposals or ALL_PROPOSALS in permissions
    reasons = ["all proposals"] if everything else []
    reasons += [f"all sessions on {name}" for name in section.beamlines]
    reasons += [f"proposal {name}" for name in section.proposals]
    return Rights(
        identity.login,
        name=identity.name,
        permissions=permissions,
        everything=everything,
        beamlines=frozenset(section.beamlines),
        proposals=frozenset(section.proposals),
        reasons=tuple(f"{reason}: {where}" for reason in reasons),
    )


def with_ids(rights: Rights, rows: RowReader) -> Rights:
    """The same with the numbers of its proposals, where a name has only one.

    Args:
        rights: As stated.
        rows: The database that the numbers are of.
    """
    if not rights.proposals:
        return rights
    numbers: dict[str, list[int]] = {}
    for row in rows.named(rights.proposals):
        name = fold(proposal_name(row.code, row.number))
        numbers.setdefault(name, []).append(row.proposal_id)
    shared = {name for name, found in numbers.items() if len(found) > 1}
    reasons = [
        f"proposal {name}: several have this name, none counts" for name in shared
    ]
    return Rights(
        rights.login,
        rights.person_id,
        rights.name,
        rights.permissions,
        rights.everything,
        rights.beamlines,
        rights.sessions,
        frozenset(name for name in rights.proposals if fold(name) not in shared),
        frozenset(n for found in numbers.values() if len(found) == 1 for n in found),
        rights.reasons + tuple(reasons),
    )
