"""py-ISPyB's JSON of a proposal, key by key; what is absent is told from null.

Lists of objects are taken apart by :mod:`recorder.portal.bodies`, so that one that is
wrong costs itself only.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from recorder.portal.texts import (
    ExternalId,
    Flag,
    Line,
    Number,
    Prose,
    Role,
    State,
    When,
    Whole,
)


class Given(BaseModel):
    """An object as it came: ``model_fields_set`` tells which keys were there."""

    model_config = ConfigDict(
        extra="allow", frozen=True, allow_inf_nan=False, hide_input_in_errors=True
    )

    def present(self, *without: str) -> dict[str, Any]:
        """Values by key, of the keys that were there."""
        return {
            name: getattr(self, name)
            for name in type(self).model_fields
            if name in self.model_fields_set and name not in without
        }


class GivenBody(Given):
    """Everything of one proposal."""

    proposal: dict[str, Any]
    sessions: list[Any] | None = None
    proteins: list[Any] | None = None


class GivenProposal(Given):
    """``Proposal``."""

    proposalCode: Line = Field(min_length=1)
    proposalNumber: Line = Field(min_length=1)
    title: Prose | None = None
    proposalType: Line | None = None
    externalId: ExternalId | None = None
    state: State | None = None
    persons: list[Any] | None = Field(None, min_length=1)
    labcontacts: list[Any] | None = None


class GivenLaboratory(Given):
    """``Laboratory``."""

    name: Line | None = None
    address: Prose | None = None
    city: Line | None = None
    country: Line | None = None
    url: Line | None = None
    laboratoryExtPk: Whole | None = None


class GivenPerson(Given):
    """``Person``; ``passwd`` is read over, and never stored."""

    login: Line | None = None
    externalId: ExternalId | None = None
    givenName: Line | None = None
    familyName: Line | None = None
    title: Line | None = None
    emailAddress: Line | None = None
    phoneNumber: Line | None = None
    faxNumber: Line | None = None
    siteId: Whole | None = None
    personUUID: Line | None = None
    cache: Prose | None = None
    laboratory: dict[str, Any] | None = None
    session_options: dict[str, Any] | None = None


class GivenOptions(Given):
    """Of a person in a session: ``Session_has_Person``."""

    role: Role | None = None
    remote: Flag | None = None


class GivenContact(Given):
    """``LabContact``."""

    cardName: Line = Field(min_length=1)
    person: dict[str, Any]
    defaultCourrierCompany: Line | None = None
    courierAccount: Line | None = None
    billingReference: Line | None = None
    dewarAvgCustomsValue: Whole | None = None
    dewarAvgTransportValue: Whole | None = None


class GivenSession(Given):
    """``BLSession``; ``comments`` belong to those who measure, and are read over."""

    externalId: ExternalId | None = None
    expSessionPk: Whole | None = None
    startDate: When | None = None
    endDate: When | None = None
    lastUpdate: When | None = None
    beamLineName: Line | None = None
    beamLineSetupId: Whole | None = None
    projectCode: Line | None = None
    scheduled: Flag | None = None
    nbShifts: Whole | None = None
    beamLineOperator: Line | None = None
    visit_number: Whole | None = None
    usedFlag: Flag | None = None
    sessionTitle: Prose | None = None
    structureDeterminations: Number | None = None
    dewarTransport: Number | None = None
    databackupFrance: Number | None = None
    databackupEurope: Number | None = None
    operatorSiteNumber: Line | None = None
    protectedData: Prose | None = None
    nbReimbDewars: Whole | None = None
    persons: list[Any] | None = None


class GivenProtein(Given):
    """``Protein``."""

    acronym: Line = Field(min_length=1)
    person: dict[str, Any] | None = None
    externalId: ExternalId | None = None
    name: Line | None = None
    hazardGroup: Whole | None = None
    containmentLevel: Whole | None = None
    description: Prose | None = None
    safetyLevel: Line | None = None
    molecularMass: Number | None = None
    proteinType: Line | None = None
    sequence: Prose | None = None
    isCreatedBySampleSheet: Flag | None = None
    componentTypeId: Whole | None = None
    concentrationTypeId: Whole | None = None
    modId: Line | None = None
