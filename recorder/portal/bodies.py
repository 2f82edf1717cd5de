"""Documents into bodies: each object is checked by itself, and the rest goes on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any, TypeVar

from pydantic import ValidationError

from recorder.errors import shown
from recorder.portal import format as given
from recorder.portal.json_text import Document
from recorder.portal.texts import Reading
from recorder.portal.wanted import (
    Body,
    Contact,
    Laboratory,
    Member,
    Person,
    Protein,
    Refused,
    Session,
    external_value,
)

_G = TypeVar("_G", bound=given.Given)
_T = TypeVar("_T")
_NAMES = ("login", "externalId", "acronym", "cardName", "expSessionPk", "familyName")
"""Keys that tell people which object is meant."""


class BodyError(Exception):
    """An object that cannot be used; the text says why."""


def body_of(document: Document, reading: Reading) -> Body:
    """The body of a document; objects in it that cannot be used are named in it.

    Args:
        document: As it came.
        reading: How values are read.

    Raises:
        BodyError: Nothing of it can be used.
    """
    if document.error:
        raise BodyError(document.error)
    return _Taken(document, reading).body()


def content_of(data: Any) -> str:
    """A hash of what a body says, whatever the order of its keys."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


class _Taken:
    """One document while it is taken apart."""

    def __init__(self, document: Document, reading: Reading) -> None:
        self._document = document
        self._reading = reading
        self._refused: list[Refused] = []

    def body(self) -> Body:
        outer = self._read(given.GivenBody, self._document.data, "body")
        proposal = self._read(given.GivenProposal, outer.proposal, "proposal")
        persons, wrong = self._several("person", proposal.persons, self._person)
        contacts, _ = self._several("lab contact", proposal.labcontacts, self._contact)
        sessions, _ = self._several("session", outer.sessions, self._session)
        proteins, _ = self._several("protein", outer.proteins, self._protein)
        values = proposal.present(
            "persons", "labcontacts", "proposalCode", "proposalNumber", "externalId"
        )
        return Body(
            where=self._document.where,
            code=proposal.proposalCode,
            number=proposal.proposalNumber,
            values={**values, **external_value(proposal.externalId)},
            external=proposal.externalId,
            persons=None if proposal.persons is None else persons,
            whole=not wrong,
            first=0 not in wrong,
            contacts=contacts,
            sessions=sessions,
            proteins=proteins,
            refused=tuple(self._refused),
            content=content_of(self._document.data),
        )

    # -- the objects of a body -------------------------------------------------------

    def _person(self, data: Any) -> Person:
        found = self._read(given.GivenPerson, data, "person")
        login = found.login or None
        if login is None and found.externalId is None:
            raise BodyError("person: has neither login nor externalId")
        values = found.present("login", "externalId", "laboratory", "session_options")
        given_laboratory = found.laboratory
        laboratories, _ = self._several(
            "laboratory",
            None if given_laboratory is None else [given_laboratory],
            self._laboratory,
        )
        return Person(
            values={
                **values,
                **({} if login is None else {"login": login}),
                **external_value(found.externalId),
            },
            login=login,
            external=found.externalId,
            laboratory=next(iter(laboratories), None),
            no_laboratory=given_laboratory is None
            and "laboratory" in found.model_fields_set,
        )

    def _laboratory(self, data: Any) -> Laboratory:
        found = self._read(given.GivenLaboratory, data, "laboratory")
        number = found.laboratoryExtPk
        key = {} if number is None else {"laboratoryExtPk": number}
        made = Laboratory({**found.present("laboratoryExtPk"), **key}, number)
        if number is None and made.place is None:
            raise BodyError(
                "laboratory: has neither laboratoryExtPk nor name, city and country"
            )
        return made

    def _contact(self, data: Any) -> Contact:
        found = self._read(given.GivenContact, data, "lab contact")
        values = found.present("person")
        return Contact(found.cardName, self._person(found.person), values)

    def _session(self, data: Any) -> Session:
        found = self._read(given.GivenSession, data, "session")
        if found.externalId is None and found.expSessionPk is None:
            raise BodyError("session: has neither externalId nor expSessionPk")
        starts, ends = found.startDate, found.endDate
        if starts is not None and ends is not None and ends < starts:
            raise BodyError("session: endDate lies before startDate")
        number = found.expSessionPk
        members, wrong = self._several("session person", found.persons, self._member)
        return Session(
            values={
                **found.present("externalId", "expSessionPk", "persons"),
                **external_value(found.externalId),
                **({} if number is None else {"expSessionPk": number}),
            },
            external=found.externalId,
            number=number,
            members=None if found.persons is None else members,
            whole=not wrong,
        )

    def _member(self, data: Any) -> Member:
        person = self._person(data)
        options = data.get("session_options")
        if options is None:
            return Member(person)
        found = self._read(given.GivenOptions, options, "session_options")
        return Member(person, found.present())

    def _protein(self, data: Any) -> Protein:
        found = self._read(given.GivenProtein, data, "protein")
        person = None if found.person is None else self._person(found.person)
        return Protein(
            acronym=found.acronym,
            values={
                **found.present("person", "externalId"),
                **external_value(found.externalId),
            },
            external=found.externalId,
            person=person,
            no_person=person is None and "person" in found.model_fields_set,
        )

    # -- how they are read -----------------------------------------------------------

    def _read(self, kind: type[_G], data: Any, what: str) -> _G:
        """An object by its model; keys that it does not have are noted.

        Raises:
            BodyError: A value is none that the key may have.
        """
        if not isinstance(data, dict):
            raise BodyError(f"{what}: is no object but {shown(data)}")
        try:
            found = kind.model_validate(data, context=self._reading)
        except ValidationError as error:
            items = error.errors(include_url=False, include_input=False)
            raise BodyError("; ".join(_said(what, item) for item in items)) from error
        extra = found.model_extra or {}
        self._reading.ignored.update(f"{what}.{key}" for key in extra)
        return found

    def _several(
        self, kind: str, data: list[Any] | None, read: Callable[[Any], _T]
    ) -> tuple[tuple[_T, ...], frozenset[int]]:
        """Those objects of a list that can be used, and the places of the others."""
        found, wrong = [], []
        for n, item in enumerate(data or ()):
            try:
                found.append(read(item))
            except BodyError as error:
                wrong.append(n)
                self._refused.append(Refused(kind, _name(item, n), str(error)))
        return tuple(found), frozenset(wrong)


def _said(what: str, item: Any) -> str:
    place = ".".join(str(part) for part in item["loc"])
    message = str(item["msg"]).removeprefix("Value error, ")
    if item["type"] == "missing":
        message = "is needed"
    return f"{what}.{place}: {message}" if place else f"{what}: {message}"


def _name(data: Any, place: int) -> str:
    """Which object of a list it is, for people."""
    if isinstance(data, dict):
        for key in _NAMES:
            value = data.get(key)
            if isinstance(value, str | int) and value != "":
                return f"{key} {shown(value)}"
    return f"number {place + 1} of its list"
