"""Who is who: mentions of one person become one, and never two persons one.

A person is known by login and by the portal's number (``externalId``). All mentions of
one call that share one of these are of the same person. What they say together is
written once; what they contradict each other in is left alone, so that no order of
proposals or persons matters.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from recorder.portal.rows import Row
from recorder.portal.texts import external_bytes, external_number
from recorder.portal.wanted import Laboratory, Person, Values, folded


@dataclass(slots=True)
class Said:
    """Values by column that several mentions give."""

    values: dict[str, Any] = field(default_factory=dict)
    differing: set[str] = field(default_factory=set)
    """Columns of which they say different things: left alone."""

    def add(self, values: Values) -> None:
        """One more mention."""
        for name, value in values.items():
            if self.values.setdefault(name, value) != value:
                self.differing.add(name)

    def join(self, other: Said) -> None:
        """Mentions that turned out to be of the same."""
        self.add(other.values)
        self.differing |= other.differing

    @property
    def agreed(self) -> dict[str, Any]:
        """What none contradicts."""
        return {k: v for k, v in self.values.items() if k not in self.differing}


@dataclass(slots=True, eq=False)
class Someone:
    """One person of a call, with all that is said of them."""

    logins: dict[str, str] = field(default_factory=dict)
    """As they were given, by how they are compared."""
    externals: set[int] = field(default_factory=set)
    said: Said = field(default_factory=Said)
    laboratories: list[Laboratory] = field(default_factory=list)
    no_laboratory: bool = False
    row: Row | None = None
    """Of the database; None: there is none yet."""
    problem: str = ""
    """Why nothing can be written of them."""
    done: bool = False
    """Whether row and mentions agree, in this call."""
    keys: set[tuple[str, str | int]] = field(default_factory=set)
    """By which it is looked up."""

    def add(self, mention: Person) -> None:
        """One more mention."""
        if mention.login is not None:
            self._spell(folded(mention.login), mention.login)
        if mention.external is not None:
            self.externals.add(mention.external)
        self.said.add({k: v for k, v in mention.values.items() if k != "login"})
        if mention.laboratory is not None:
            self.laboratories.append(mention.laboratory)
        self.no_laboratory |= mention.no_laboratory

    def join(self, other: Someone) -> None:
        """Take over what is said of one who is the same."""
        for key, login in other.logins.items():
            self._spell(key, login)
        self.externals |= other.externals
        self.said.join(other.said)
        self.laboratories += other.laboratories
        self.no_laboratory |= other.no_laboratory
        self.problem = self.problem or other.problem

    def _spell(self, key: str, login: str) -> None:
        """Of several spellings one that no order decides."""
        self.logins[key] = min(login, self.logins.get(key, login))

    def forget(self, row: Row | None) -> None:
        """What was written was undone: it has the row that it had before."""
        self.row, self.done = row, False

    @property
    def values(self) -> dict[str, Any]:
        """What is to be written; of a row that has a login it stays as it is."""
        values = self.said.agreed
        if not folded((self.row or {}).get("login") or ""):
            values.update(("login", login) for login in self.logins.values())
        return values

    @property
    def login_kept(self) -> str:
        """Why a login is not written; empty if it is, or is there already.

        Whoever has a login has the rights of the groups of its row, which are not the
        portal's to give: a new one would hand them to somebody else.
        """
        there = (self.row or {}).get("login") or ""
        other = [self.logins[key] for key in self.logins if key != folded(there)]
        if not folded(there) or not other:
            return ""
        return (
            f"login: person {(self.row or {})['personId']} is {there} here, {other[0]} "
            "there: left alone, rights of groups would go with it; change Person.login "
            "by hand if they are the same person"
        )

    @property
    def shown(self) -> str:
        """For people."""
        if self.logins:
            return "login " + ", ".join(sorted(self.logins.values()))
        listed = ", ".join(str(n) for n in sorted(self.externals))
        return f"externalId {listed}"


class Identities:
    """All persons of a call."""

    def __init__(self, mentions: Iterable[Person]) -> None:
        self._by_key: dict[tuple[str, str | int], Someone] = {}
        for mention in mentions:
            self._add(mention)
        for someone in self.all():
            someone.problem = _contradiction(someone)

    def _add(self, mention: Person) -> None:
        keys = _keys(mention)
        found = list({id(s): s for k in keys if (s := self._by_key.get(k))}.values())
        someone = found[0] if found else Someone()
        for other in found[1:]:
            self._join(someone, other)
        someone.add(mention)
        someone.keys.update(keys)
        self._by_key.update((key, someone) for key in keys)

    def _join(self, kept: Someone, other: Someone) -> None:
        kept.join(other)
        kept.keys |= other.keys
        self._by_key.update((key, kept) for key in other.keys)

    def all(self) -> list[Someone]:
        """Each once."""
        return list({id(s): s for s in self._by_key.values()}.values())

    def of(self, mention: Person) -> Someone:
        """Who is mentioned."""
        return self._by_key[_keys(mention)[0]]

    @property
    def logins(self) -> set[str]:
        """All logins, as they are compared."""
        return {login for someone in self.all() for login in someone.logins}

    @property
    def externals(self) -> set[int]:
        """All numbers of the portal."""
        return {number for someone in self.all() for number in someone.externals}

    def settle(self, rows: Iterable[Row]) -> None:
        """Find the row of each.

        Args:
            rows: Of ``Person``, all with one of our logins or numbers.
        """
        by_login: dict[str, dict[int, Row]] = {}
        by_external: dict[bytes, dict[int, Row]] = {}
        for row in rows:
            key = int(row["personId"])
            if row.get("login"):
                by_login.setdefault(folded(row["login"]), {})[key] = row
            if row.get("externalId") is not None:
                by_external.setdefault(row["externalId"], {})[key] = row
        claimed: dict[int, Someone] = {}
        for someone in self.all():
            if not someone.problem:
                someone.row, someone.problem = _match(someone, by_login, by_external)
            if someone.row is None:
                continue
            other = claimed.setdefault(int(someone.row["personId"]), someone)
            if other is not someone:
                self._join(other, someone)
                other.problem = other.problem or _contradiction(other)


def _keys(mention: Person) -> list[tuple[str, str | int]]:
    keys: list[tuple[str, str | int]] = []
    if mention.login is not None:
        keys.append(("login", folded(mention.login)))
    if mention.external is not None:
        keys.append(("external", mention.external))
    return keys


def _contradiction(someone: Someone) -> str:
    """Why the mentions cannot be of one person; empty if they can."""
    if len(someone.externals) > 1:
        listed = ", ".join(str(n) for n in sorted(someone.externals))
        return f"several persons in this call: {someone.shown} with externalId {listed}"
    if len(someone.logins) > 1:
        number = next(iter(someone.externals), None)
        return f"several persons in this call: {someone.shown} with externalId {number}"
    return ""


def _match(
    someone: Someone,
    by_login: dict[str, dict[int, Row]],
    by_external: dict[bytes, dict[int, Row]],
) -> tuple[Row | None, str]:
    """The row of a person, or why none can be told."""
    login = next(iter(someone.logins), None)
    external = next(iter(someone.externals), None)
    theirs = by_login.get(login, {}) if login is not None else {}
    numbered = (
        by_external.get(external_bytes(external), {}) if external is not None else {}
    )
    for what, found in ((someone.shown, theirs), (f"externalId {external}", numbered)):
        if len(found) > 1:
            return None, f"{what} is that of several persons: {_listed(found)}"
    if theirs and numbered and theirs.keys() != numbered.keys():
        return None, (
            f"{someone.shown} is person {_listed(theirs)}, externalId {external} is "
            f"person {_listed(numbered)}: they are never merged"
        )
    row = next(iter({**theirs, **numbered}.values()), None)
    if row is None or external is None or numbered:
        return row, ""
    if row.get("externalId") is not None:
        return None, (
            f"{someone.shown} is person {row['personId']} with externalId "
            f"{external_number(row['externalId'])}, not {external}"
        )
    return row, ""


def _listed(found: dict[int, Row]) -> str:
    return ", ".join(str(number) for number in sorted(found))
