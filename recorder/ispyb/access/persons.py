"""Persons, and the proposals and sessions that they are persons of."""

from __future__ import annotations

from dataclasses import dataclass, field

from recorder.errors import UsageError
from recorder.ispyb.access.change_log import Change
from recorder.ispyb.access.groups import logins, persons_of
from recorder.ispyb.access.names import check_length, check_login, near
from recorder.ispyb.access.writing import Writer
from recorder.ispyb.people.person_rows import proposal_name
from recorder.ispyb.schema import people_tables as p
from recorder.records.access import same


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be so of somebody."""

    login: str
    names: dict[str, str] = field(default_factory=dict)
    """``givenName``, ``familyName``, ``emailAddress``."""
    proposals: tuple[str, ...] = ()
    sessions: tuple[int, ...] = ()
    role: str | None = None
    """Of new links."""


@dataclass(frozen=True, slots=True)
class Persons:
    """Changes persons and what they are persons of.

    Args:
        rows: Of one transaction.
        changes: Gets what was changed.
    """

    rows: Writer
    changes: list[Change]

    def enter(self, wanted: Wanted, *, create: bool) -> None:
        """Have somebody be there, with names and links.

        Raises:
            UsageError: Nobody has the login, and it is not to be made; or there is no
                such proposal or session.
        """
        person = self._person(wanted, create=create)
        for name in wanted.proposals:
            proposal = self._proposal(name)
            link = {"proposalId": proposal, "personId": person}
            if not self.rows.where(p.proposal_person, "proposalId", **link):
                self.rows.insert(p.proposal_person, **link, **self._role(wanted))
                what = f"{wanted.login} to proposal {name} (proposalId {proposal})"
                self._note("person_added", what)
        for session in wanted.sessions:
            self._require_session(session)
            link = {"sessionId": session, "personId": person}
            if not self.rows.where(p.session_person, "sessionId", **link):
                self.rows.insert(p.session_person, **link, **self._role(wanted))
                self._note("person_added", f"{wanted.login} to session {session}")

    def leave(self, wanted: Wanted) -> None:
        """Have somebody be no person of proposals and sessions any more."""
        for person in persons_of(self.rows, wanted.login):
            for name in wanted.proposals:
                proposal = self._proposal(name)
                link = {"proposalId": proposal, "personId": person}
                if self.rows.delete(p.proposal_person, **link):
                    what = f"{wanted.login} from proposal {name}"
                    self._note("person_removed", f"{what} (proposalId {proposal})")
            for session in wanted.sessions:
                self._require_session(session)
                link = {"sessionId": session, "personId": person}
                if self.rows.delete(p.session_person, **link):
                    what = f"{wanted.login} from session {session}"
                    self._note("person_removed", what)

    def _person(self, wanted: Wanted, *, create: bool) -> int:
        for column, text in wanted.names.items():
            check_length(self.rows.live, "Person", column, text)
        try:
            number = persons_of(self.rows, wanted.login)[0]
        except UsageError as error:
            if not create:
                hint = near(wanted.login, logins(self.rows), "--create enters them")
                text = f"nobody has login {wanted.login!r}{hint}"
                raise UsageError(text) from error
            check_login(self.rows.live, wanted.login)
            number = self.rows.insert(p.person, login=wanted.login, **wanted.names)
            text = f"{wanted.login} (Person {number})"
            self._note("person_created", text)
            return number
        self._rename(number, wanted)
        return number

    def _rename(self, number: int, wanted: Wanted) -> None:
        if not wanted.names:
            return
        (there,) = self.rows.where(p.person, " ".join(wanted.names), personId=number)
        old = dict(zip(wanted.names, there, strict=True))
        changed = {k: v for k, v in wanted.names.items() if old[k] != v}
        if changed:
            self.rows.update(p.person, number, **changed)
            columns = ", ".join(changed)
            text = f"{columns} of {wanted.login} (Person {number})"
            self._note("person_changed", text)

    def _proposal(self, name: str) -> int:
        """The number of a proposal.

        Raises:
            UsageError: There is none of this name, or several.
        """
        columns = ("proposalId", "proposalCode", "proposalNumber")
        there = {
            number: proposal_name(code, digits)
            for number, code, digits in self.rows.all(p.proposal, *columns)
        }
        found = [number for number, other in there.items() if same(other, name)]
        if len(found) > 1:
            numbers = ", ".join(map(str, found))
            raise UsageError(f"several proposals have the name {name}: {numbers}")
        if not found:
            hint = near(name, there.values())
            raise UsageError(f"there is no proposal {name!r}{hint}")
        return int(found[0])

    def _require_session(self, session: int) -> None:
        if not self.rows.where(p.session, "sessionId", sessionId=session):
            raise UsageError(f"there is no session with sessionId {session}")

    def _role(self, wanted: Wanted) -> dict[str, str]:
        return {"role": wanted.role} if wanted.role else {}

    def _note(self, action: str, text: str) -> None:
        self.changes.append(Change(action, text))
