"""Shipments, dewars, containers, and the addresses they go to.

They belong to proposals, so those who may see only some sessions of one see what was
assigned to one of these, or waits at their beamline, and nothing else of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, false, func, or_, select

from recorder.ispyb.reading.parcel_records import (
    ContactPerson,
    Container,
    ContainerDewar,
    Dewar,
    DewarShipping,
    LabContact,
    LaboratoryOf,
    Shipping,
    ShippingContact,
    ShippingNumbers,
    ShippingPerson,
)
from recorder.ispyb.reading.parts import (
    Found,
    Page,
    Part,
    apart,
    column,
    columns,
    has,
    named,
    paged,
)
from recorder.ispyb.reading.sight import Sight
from recorder.ispyb.schema import read_tables as p
from recorder.ispyb.schema.live_schema import LiveSchema
from recorder.ispyb.schema.people_tables import laboratory, person, proposal
from recorder.ispyb.schema.read_tables import lab_contact
from recorder.ispyb.schema.rows import Rows
from recorder.records.access import Rights

_SHIPPING = Part(
    p.shipping,
    (
        *("shippingId", "proposalId", "shippingName", "sendingLabContactId"),
        *("returnLabContactId", "safetyLevel", "comments", "bltimeStamp"),
    ),
)
_DEWAR = Part(p.dewar, ("dewarId", "shippingId", "code", "type", "dewarStatus"))
_CONTAINER = Part(
    p.container,
    (
        *("containerId", "dewarId", "code", "containerType", "capacity"),
        *("sampleChangerLocation", "beamlineLocation"),
    ),
)
_OF_SHIPPING = Part(p.shipping, ("proposalId", "shippingName"))
_OF_DEWAR = Part(p.dewar, ("code",))
_CONTACT = Part(
    lab_contact,
    (
        *("labContactId", "personId", "proposalId", "cardName"),
        *("defaultCourrierCompany", "courierAccount", "billingReference"),
        *("dewarAvgCustomsValue", "dewarAvgTransportValue", "recordTimeStamp"),
    ),
)
_PERSON = Part(person, ("givenName", "familyName", "emailAddress", "phoneNumber"))
_LABORATORY = Part(
    laboratory,
    (
        *("laboratoryId", "name", "address", "city", "country", "url"),
        "laboratoryExtPk",
    ),
)


@dataclass(frozen=True, slots=True)
class ParcelFilter:
    """Which ones are wanted; None wants all."""

    key: int | None = None
    """Its own id."""
    proposal: str | None = None
    shipping: int | None = None
    """For dewars: that of a shipment."""


def lab_contacts(
    rows: Rows, rights: Rights, page: Page, wanted: ParcelFilter = ParcelFilter()
) -> Found[LabContact]:
    """Addresses of the proposals that somebody may see as a whole."""
    live, sight, c = rows.live, Sight(rows.live, rights), lab_contact.c
    if not has(live, lab_contact, person):
        return Found(0)
    source: Any = lab_contact.join(
        proposal, proposal.c.proposalId == c.proposalId
    ).outerjoin(person, person.c.personId == c.personId)
    parts: tuple[Part, ...] = (_CONTACT, _PERSON)
    if has(live, laboratory):
        of = laboratory.c.laboratoryId == person.c.laboratoryId
        source, parts = source.outerjoin(laboratory, of), (*parts, _LABORATORY)
    query = (
        select(*columns(live, parts))
        .select_from(source)
        .where(sight.proposals(c.proposalId))
        .order_by(c.labContactId)
    )
    total, found = paged(rows, _narrowed(query, live, c.labContactId, wanted), page)
    return Found(total, tuple(_lab_contact(*apart(row, parts)) for row in found))


def _lab_contact(
    own: dict[str, Any], who: dict[str, Any], where: dict[str, Any] | None = None
) -> LabContact:
    known = where is not None and where["laboratoryId"] is not None
    lab = LaboratoryOf(**where) if where and known else None
    return LabContact(**own, Person=ContactPerson(**who, Laboratory=lab))


def shippings(
    rows: Rows, rights: Rights, page: Page, wanted: ParcelFilter = ParcelFilter()
) -> Found[Shipping]:
    """Shipments that somebody may see."""
    live, sight, c = rows.live, Sight(rows.live, rights), p.shipping.c
    if not has(live, p.shipping):
        return Found(0)
    query = (
        select(*_SHIPPING.columns(live))
        .select_from(p.shipping.join(proposal, proposal.c.proposalId == c.proposalId))
        .where(or_(sight.proposals(c.proposalId), c.shippingId.in_(_sent(sight))))
        .order_by(c.shippingId)
    )
    total, found = paged(rows, _narrowed(query, live, c.shippingId, wanted), page)
    bare = [apart(row, (_SHIPPING,))[0] for row in found]
    dewars = _dewars_in(rows, [one["shippingId"] for one in bare])
    ends = [one[key] for one in bare for key in ("returnLabContactId", _SENDING)]
    contacts = _contacts(rows, [number for number in ends if number is not None])
    return Found(
        total,
        tuple(
            Shipping(
                **one,
                LabContact=contacts.get(one["returnLabContactId"]),
                LabContact1=contacts.get(one[_SENDING]),
                metadata=ShippingNumbers(dewars.get(one["shippingId"], 0)),
            )
            for one in bare
        ),
    )


_SENDING = "sendingLabContactId"


def _dewars_in(rows: Rows, ids: list[int]) -> dict[int, int]:
    if not ids or not has(rows.live, p.dewar):
        return {}
    c = p.dewar.c
    query = select(c.shippingId, func.count()).where(c.shippingId.in_(ids))
    return dict(rows.read(query.group_by(c.shippingId)))


def _contacts(rows: Rows, ids: list[int]) -> dict[int | None, ShippingContact]:
    if not ids or not has(rows.live, lab_contact, person):
        return {}
    c = lab_contact.c
    query = (
        select(c.labContactId, c.cardName, person.c.givenName, person.c.familyName)
        .select_from(lab_contact.outerjoin(person, person.c.personId == c.personId))
        .where(c.labContactId.in_(ids))
    )
    return {
        number: ShippingContact(card, ShippingPerson(given, family))
        for number, card, given, family in rows.read(query)
    }


def _sent(sight: Sight) -> Select[Any]:
    """Shipments with a dewar for one of their sessions or beamlines."""
    return select(p.dewar.c.shippingId).where(_here(sight, p.dewar.c.dewarId))


def _here(sight: Sight, number: ColumnElement[Any]) -> ColumnElement[bool]:
    """That a dewar, by its id, is for one of their sessions or beamlines."""
    live = sight.live
    found: list[ColumnElement[bool]] = [false()]
    if not has(live, p.dewar):
        return false()
    if live.column("Dewar", "firstExperimentId"):
        first = p.dewar.alias("first_used").c
        query = select(first.dewarId).where(sight.session(first.firstExperimentId))
        found.append(number.in_(query))
    waiting = sight.containers()
    if waiting is not None:
        found.append(number.in_(select(p.container.c.dewarId).where(waiting)))
    return or_(*found)


def dewars(
    rows: Rows, rights: Rights, page: Page, wanted: ParcelFilter = ParcelFilter()
) -> Found[Dewar]:
    """Dewars that somebody may see."""
    live, sight, c = rows.live, Sight(rows.live, rights), p.dewar.c
    if not has(live, p.shipping, p.dewar):
        return Found(0)
    parts = (_DEWAR, _OF_SHIPPING)
    query = (
        select(*columns(live, parts))
        .select_from(_shipped(p.dewar))
        .where(or_(sight.proposals(p.shipping.c.proposalId), _here(sight, c.dewarId)))
        .order_by(c.dewarId)
    )
    if wanted.shipping is not None:
        query = query.where(c.shippingId == wanted.shipping)
    total, found = paged(rows, _narrowed(query, live, c.dewarId, wanted), page)
    return Found(total, tuple(_dewar(*apart(row, parts)) for row in found))


def _dewar(own: dict[str, Any], of: dict[str, Any]) -> Dewar:
    kind = own.pop("type")
    return Dewar(**own, dewarType=kind, Shipping=DewarShipping(**of))


def _shipped(source: Any) -> Any:
    """A dewar with its shipment and proposal."""
    return source.outerjoin(
        p.shipping, p.shipping.c.shippingId == p.dewar.c.shippingId
    ).outerjoin(proposal, proposal.c.proposalId == p.shipping.c.proposalId)


def containers(
    rows: Rows, rights: Rights, page: Page, wanted: ParcelFilter = ParcelFilter()
) -> Found[Container]:
    """Containers that somebody may see."""
    live, sight, c = rows.live, Sight(rows.live, rights), p.container.c
    if not has(live, p.shipping, p.dewar, p.container):
        return Found(0)
    parts = (_CONTAINER, _OF_DEWAR, _OF_SHIPPING)
    source = p.container.outerjoin(
        p.dewar, p.dewar.c.dewarId == column(live, p.container, "dewarId")
    )
    waiting = sight.containers()
    query = (
        select(*columns(live, parts))
        .select_from(_shipped(source))
        .where(
            or_(
                sight.proposals(p.shipping.c.proposalId),
                false() if waiting is None else waiting,
            )
        )
        .order_by(c.containerId)
    )
    total, found = paged(rows, _narrowed(query, live, c.containerId, wanted), page)
    return Found(total, tuple(_container(*apart(row, parts)) for row in found))


def _container(
    own: dict[str, Any], dewar: dict[str, Any], of: dict[str, Any]
) -> Container:
    return Container(**own, Dewar=ContainerDewar(**dewar, Shipping=DewarShipping(**of)))


def _narrowed(
    query: Select[Any], live: LiveSchema, key: ColumnElement[Any], wanted: ParcelFilter
) -> Select[Any]:
    if wanted.key is not None:
        query = query.where(key == wanted.key)
    if wanted.proposal is not None:
        code, digits = proposal.c.proposalCode, proposal.c.proposalNumber
        query = query.where(named(live, code, digits, wanted.proposal))
    return query
