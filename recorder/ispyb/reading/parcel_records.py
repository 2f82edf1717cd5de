"""What samples travel in, as py-ISPyB's API names it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import Field


@dataclass(frozen=True, slots=True)
class LaboratoryOf:
    """Where somebody works."""

    laboratoryId: int
    name: str | None
    address: str | None
    city: str | None
    country: str | None
    url: str | None
    laboratoryExtPk: int | None


@dataclass(frozen=True, slots=True)
class ContactPerson:
    """Whom a parcel goes to."""

    givenName: str | None
    familyName: str | None
    emailAddress: str | None
    phoneNumber: str | None
    Laboratory: LaboratoryOf | None = None


@dataclass(frozen=True, slots=True)
class LabContact:
    """An address of a proposal, for parcels."""

    labContactId: int
    personId: int
    proposalId: int
    cardName: str | None
    defaultCourrierCompany: str | None
    courierAccount: str | None
    billingReference: str | None
    dewarAvgCustomsValue: int | None
    dewarAvgTransportValue: int | None
    recordTimeStamp: datetime | None
    Person: ContactPerson


@dataclass(frozen=True, slots=True)
class ShippingPerson:
    """Whom a parcel goes to, in short."""

    givenName: str | None
    familyName: str | None


@dataclass(frozen=True, slots=True)
class ShippingContact:
    """Where a parcel goes to, in short."""

    cardName: str | None
    Person: ShippingPerson


@dataclass(frozen=True, slots=True)
class ShippingNumbers:
    """What is in a shipment."""

    dewars: int = 0


@dataclass(frozen=True, slots=True)
class Shipping:
    """A shipment."""

    shippingId: int
    proposalId: int
    shippingName: str | None
    sendingLabContactId: int | None
    returnLabContactId: int | None
    safetyLevel: str | None
    comments: str | None
    bltimeStamp: datetime | None
    LabContact: ShippingContact | None = None
    """Where it goes back to."""
    LabContact1: ShippingContact | None = None
    """Where it comes from."""
    metadata: Annotated[ShippingNumbers, Field(serialization_alias="_metadata")] = (
        ShippingNumbers()
    )


@dataclass(frozen=True, slots=True)
class DewarShipping:
    """The shipment of a dewar."""

    proposalId: int | None
    shippingName: str | None


@dataclass(frozen=True, slots=True)
class Dewar:
    """A dewar."""

    dewarId: int
    shippingId: int | None
    code: str | None
    dewarType: str | None
    dewarStatus: str | None
    Shipping: DewarShipping


@dataclass(frozen=True, slots=True)
class ContainerDewar:
    """The dewar of a container."""

    code: str | None
    Shipping: DewarShipping


@dataclass(frozen=True, slots=True)
class Container:
    """A puck or plate."""

    containerId: int
    dewarId: int | None
    code: str | None
    containerType: str | None
    capacity: int | None
    sampleChangerLocation: str | None
    beamlineLocation: str | None
    Dewar: ContainerDewar
