"""People of the demonstration, with proposals of their own, in its database."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, Table, insert

from recorder.authenticators.password_file import Account, line_of
from recorder.config import Settings
from recorder.ispyb.schema import people_tables as p
from recorder.ispyb.schema.database import connect, create_embedded, transaction

PASSWORDS = "passwords"
"""File of the demonstration with logins and hashes."""
PROPOSALS = ("mx1001", "mx1002")
"""Of its two runs."""
SESSION = timedelta(days=1)
"""How long before and after now its sessions are on."""
_SECRET_BYTES = 6
"""Of a password: twelve digits and letters, which a double click takes whole."""


@dataclass(frozen=True, slots=True)
class DemoPerson:
    """Somebody who can sign in."""

    login: str
    name: str
    proposal: str | None
    """Theirs; None: a person of both sessions, and of no proposal."""
    password: str

    @property
    def sees(self) -> str:
        """What they see, for people."""
        if self.proposal is None:
            return "local contact of both sessions, sees both runs"
        run = PROPOSALS.index(self.proposal) + 1
        return f"of proposal {self.proposal}, sees run {run}"


def demo_people() -> tuple[DemoPerson, ...]:
    """Two people with different proposals, and their local contact."""
    return tuple(
        DemoPerson(login, name, proposal, secrets.token_hex(_SECRET_BYTES))
        for login, name, proposal in (
            ("anna", "Anna Holm", PROPOSALS[0]),
            ("bert", "Bert Lind", PROPOSALS[1]),
            ("lena", "Lena Roos", None),
        )
    )


def sign_in_config(folder: Path) -> str:
    """What the configuration says of signing in."""
    return (
        f'\n[[web.authenticator]]\nkind = "local"\nname = "demo"\n'
        f'passwords_file = "{folder / PASSWORDS}"\n'
    )


def enter_people(
    settings: Settings, folder: Path, people: Sequence[DemoPerson]
) -> None:
    """Write the passwords, and the rows as a user office does.

    Args:
        settings: Name the embedded database.
        folder: Of the demonstration.
        people: Who is entered.

    Raises:
        MissingExtraError: Packages of the page are not installed.
    """
    from recorder.authenticators.password_hashes import password_hash

    accounts = [
        Account(one.login, password_hash(one.password), one.name) for one in people
    ]
    path = folder / PASSWORDS
    path.touch(mode=0o600)
    path.write_text("".join(f"{line_of(one)}\n" for one in accounts), encoding="utf-8")
    engine = connect(settings)
    create_embedded(engine, settings.unannounced.proposal, settings.beamline)
    with transaction(engine) as db:
        persons = {one: _person(db, one) for one in people}
        for name in PROPOSALS:
            _proposal(db, name, settings.beamline, persons)
    engine.dispose()


def _person(db: Connection, one: DemoPerson) -> int:
    given, _, family = one.name.partition(" ")
    return _entered(db, p.person, login=one.login, givenName=given, familyName=family)


def _proposal(
    db: Connection, name: str, beamline: str, persons: dict[DemoPerson, int]
) -> None:
    """A proposal with one session that is on; its people, and the local contact."""
    now = datetime.now().replace(microsecond=0)  # noqa: DTZ005 (as ISPyB has it)
    proposal = _entered(
        db,
        p.proposal,
        proposalCode=name[:2],
        proposalNumber=name[2:],
        title=f"Demonstration {name}",
        personId=next(n for one, n in persons.items() if one.proposal == name),
    )
    session = _entered(
        db,
        p.session,
        proposalId=proposal,
        visit_number=1,
        beamLineName=beamline,
        startDate=now - SESSION,
        endDate=now + SESSION,
    )
    for one, person in persons.items():
        if one.proposal == name:
            _entered(db, p.proposal_person, proposalId=proposal, personId=person)
        elif one.proposal is None:
            _entered(
                db,
                p.session_person,
                sessionId=session,
                personId=person,
                role="Local Contact",
            )


def _entered(db: Connection, table: Table, **values: object) -> int:
    made = db.execute(insert(table).values(**values))
    return int((made.inserted_primary_key or (0,))[0])
