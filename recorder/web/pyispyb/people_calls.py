"""Persons, addresses, and what samples travel in."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from recorder.ispyb.reading import listed_persons, parcels
from recorder.ispyb.reading.parcel_records import (
    Container,
    Dewar,
    LabContact,
    Shipping,
)
from recorder.ispyb.reading.tables import Tables
from recorder.web.problems import ProblemError
from recorder.web.pyispyb import parameters as given
from recorder.web.pyispyb.call import Asked, Call, Page, listing
from recorder.web.pyispyb.problems import missing
from recorder.web.pyispyb.sample_calls import ONE, PROPOSAL, page_of

ALL_PERSONS = "manage_persons"
"""The permission to list everybody; py-ISPyB's name."""


def list_persons(asked: Asked, tables: Tables) -> Page[listed_persons.Person]:
    """`GET /persons`."""
    everybody = bool(asked["showAll"])
    if everybody and not asked.rights.may(ALL_PERSONS):
        text = f"the permission {ALL_PERSONS} is needed for showAll"
        raise ProblemError(HTTPStatus.FORBIDDEN, "permission", text)
    wanted = listed_persons.PersonFilter(
        asked["proposal"], asked["sessionId"], everybody
    )
    found = listed_persons.persons(
        tables.described, asked.rights, page_of(asked), wanted
    )
    return asked.page(found.total, found.results)


def _calls(
    path: str, key: str, what: str, of: Any, find: Callable[..., Any], *more: Any
) -> tuple[Call, Call]:
    """A list of things that travel, and one of them."""

    def several(asked: Asked, tables: Tables) -> Page[Any]:
        wanted = parcels.ParcelFilter(
            proposal=asked["proposal"], shipping=asked.values.get("shippingId")
        )
        found = find(tables.described, asked.rights, page_of(asked), wanted)
        return asked.page(found.total, found.results)

    def one(asked: Asked, tables: Tables) -> Any:
        wanted = parcels.ParcelFilter(asked[key])
        found = find(tables.described, asked.rights, ONE, wanted)
        if not found.results:
            raise missing(what)
        return found.results[0]

    number = given.whole(key, "Its number.", place="path")
    return (
        listing(path, f"{what}s", of, several, (PROPOSAL, *more)),
        Call(f"{path}/{{{key}}}", what, of, one, parameters=(number,)),
    )


PEOPLE_CALLS = (
    listing(
        "/persons",
        "Persons of sessions and proposals",
        listed_persons.Person,
        list_persons,
        (
            PROPOSAL,
            given.whole("sessionId", "Number of a session; only then with roles."),
            given.flag("showAll", f"Everybody; needs the permission {ALL_PERSONS}."),
        ),
    ),
    *_calls(
        "/labcontacts",
        "labContactId",
        "Lab contact",
        LabContact,
        parcels.lab_contacts,
    ),
    *_calls("/shippings", "shippingId", "Shipment", Shipping, parcels.shippings),
    *_calls(
        "/dewars",
        "dewarId",
        "Dewar",
        Dewar,
        parcels.dewars,
        given.whole("shippingId", "Number of a shipment."),
    ),
    *_calls("/containers", "containerId", "Container", Container, parcels.containers),
)
