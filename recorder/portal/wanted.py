"""What a portal says, checked: records that the matching and the writing go by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from recorder.portal.texts import external_bytes

Values = Mapping[str, Any]
"""Values by column, of those that were given; None clears."""


@dataclass(frozen=True, slots=True)
class Refused:
    """An object of a body that cannot be used; the others are."""

    kind: str
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Laboratory:
    """Where somebody works."""

    values: Values
    number: int | None = None
    """Its number in the portal."""

    @property
    def place(self) -> tuple[str, str, str] | None:
        """Name, city and country, as they are compared; None if one is not given."""
        given = [self.values.get(key) for key in ("name", "city", "country")]
        if not all(given):
            return None
        name, city, country = (folded(str(text)) for text in given)
        return name, city, country

    @property
    def shown(self) -> str:
        """For people."""
        name = str(self.values.get("name") or "")
        return name or f"laboratoryExtPk {self.number}"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody, as one place of a body mentions them."""

    values: Values
    login: str | None = None
    external: int | None = None
    laboratory: Laboratory | None = None
    no_laboratory: bool = False
    """It says that there is none."""

    @property
    def shown(self) -> str:
        """For people."""
        return self.login or f"externalId {self.external}"


@dataclass(frozen=True, slots=True)
class Member:
    """A person of a session."""

    person: Person
    values: Values = field(default_factory=dict)
    """Role and remote, as far as they are given."""


@dataclass(frozen=True, slots=True)
class Session:
    """A session."""

    values: Values
    external: int | None = None
    number: int | None = None
    """``expSessionPk``."""
    members: tuple[Member, ...] | None = None
    """None: nothing is said of them."""
    whole: bool = True
    """Whether all of the members that were given could be used."""

    @property
    def shown(self) -> str:
        """For people."""
        if self.external is not None:
            return f"externalId {self.external}"
        return f"expSessionPk {self.number}"


@dataclass(frozen=True, slots=True)
class Contact:
    """A card for parcels."""

    card: str
    person: Person
    values: Values


@dataclass(frozen=True, slots=True)
class Protein:
    """A protein of a proposal."""

    acronym: str
    values: Values
    external: int | None = None
    person: Person | None = None
    no_person: bool = False
    """It says that there is none."""


@dataclass(frozen=True, slots=True)
class Body:
    """One proposal with everything."""

    where: str
    """Its place in what came, for people."""
    code: str
    number: str
    values: Values
    external: int | None = None
    persons: tuple[Person, ...] | None = None
    """None: nothing is said of them."""
    whole: bool = True
    """Whether all of the persons that were given could be used."""
    first: bool = True
    """Whether the first of them is the first that was given."""
    contacts: tuple[Contact, ...] = ()
    sessions: tuple[Session, ...] = ()
    proteins: tuple[Protein, ...] = ()
    refused: tuple[Refused, ...] = ()
    content: str = ""
    """Hash of what it says, whatever the order of its keys."""

    @property
    def name(self) -> str:
        """Code and number."""
        return self.code + self.number

    def mentions(self) -> Iterator[Person]:
        """Every person, as often as they are mentioned."""
        yield from self.persons or ()
        for session in self.sessions:
            yield from (member.person for member in session.members or ())
        yield from (contact.person for contact in self.contacts)
        yield from (p.person for p in self.proteins if p.person is not None)


def folded(text: str) -> str:
    """Text as the database compares it: without case and blanks at the end."""
    return text.rstrip().casefold()


def external_value(number: int | None) -> dict[str, bytes]:
    """The column of an external id; nothing where none is given."""
    return {} if number is None else {"externalId": external_bytes(number)}
