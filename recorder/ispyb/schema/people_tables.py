"""The tables of ISPyB that say who people are and what is theirs.

The user office writes them (at some sites through ``recorder sync``), rights are read
from them. ``Proposal``, ``BLSession`` and ``Protein`` are described once more here,
with the columns that a portal fills: :mod:`recorder.ispyb.schema.tables` has only what
the sink writes, and names what of that a database lacks. They also create the embedded
database. What one flavour lacks is left out when its live schema is read. Names, types
and lengths follow the published schemas; see docs/reference/ispyb.md.
"""

from __future__ import annotations

from sqlalchemy import (
    Column,
    DateTime,
    Double,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

from recorder.ispyb.schema.columns import key

people = MetaData()
"""All of them."""
EXTERNAL_ID_BYTES = 16
"""Length of ``externalId``: a number of the portal, most significant byte first."""


def _external_id() -> Column[bytes]:
    return Column("externalId", LargeBinary(EXTERNAL_ID_BYTES))


def _link(name: str) -> Column[int]:
    """Half of the primary key of a table of links."""
    return Column(name, Integer, primary_key=True, autoincrement=False)


def _number(name: str) -> Column[int]:
    return Column(name, Integer)


def _text(name: str, length: int) -> Column[str]:
    return Column(name, String(length))


laboratory = Table(
    "Laboratory",
    people,
    key("laboratoryId"),
    _text("name", 45),
    _text("address", 255),
    _text("city", 45),
    _text("country", 45),
    _text("url", 255),
    _number("laboratoryExtPk"),
)
person = Table(
    "Person",
    people,
    key("personId"),
    _number("laboratoryId"),
    _number("siteId"),
    _text("personUUID", 45),
    _text("familyName", 100),
    _text("givenName", 45),
    _text("title", 45),
    _text("emailAddress", 60),
    _text("phoneNumber", 45),
    _text("login", 45),
    _text("faxNumber", 45),
    _external_id(),
    Column("cache", Text),
)
proposal = Table(
    "Proposal",
    people,
    key("proposalId"),
    Column("personId", Integer, nullable=False, server_default="0"),
    _text("title", 200),
    _text("proposalCode", 45),
    _text("proposalNumber", 45),
    _text("proposalType", 2),
    _external_id(),
    Column("state", String(9), server_default="Open"),
)
session = Table(
    "BLSession",
    people,
    key("sessionId"),
    _number("expSessionPk"),
    _number("beamLineSetupId"),
    Column("proposalId", Integer, nullable=False),
    _text("projectCode", 45),
    Column("startDate", DateTime),
    Column("endDate", DateTime),
    _text("beamLineName", 45),
    _number("scheduled"),
    _number("nbShifts"),
    _text("comments", 2000),
    _text("beamLineOperator", 255),
    Column("visit_number", Integer, server_default="0"),
    _number("usedFlag"),
    _text("sessionTitle", 255),
    Column("structureDeterminations", Float),
    Column("dewarTransport", Float),
    Column("databackupFrance", Float),
    Column("databackupEurope", Float),
    _text("operatorSiteNumber", 10),
    Column("lastUpdate", DateTime),
    _text("protectedData", 1024),
    _external_id(),
    _number("nbReimbDewars"),
    Column("bltimeStamp", DateTime),
)
protein = Table(
    "Protein",
    people,
    key("proteinId"),
    Column("proposalId", Integer, nullable=False),
    _text("name", 255),
    _text("acronym", 45),
    Column("description", Text),
    Column("hazardGroup", Integer, server_default="1"),
    Column("containmentLevel", Integer, server_default="1"),
    _text("safetyLevel", 6),
    Column("molecularMass", Double),
    _text("proteinType", 45),
    Column("sequence", Text),
    _number("personId"),
    _number("isCreatedBySampleSheet"),
    _external_id(),
    _number("componentTypeId"),
    _text("modId", 20),
    _number("concentrationTypeId"),
)
lab_contact = Table(
    "LabContact",
    people,
    key("labContactId"),
    Column("personId", Integer, nullable=False),
    Column("cardName", String(40), nullable=False),
    Column("proposalId", Integer, nullable=False),
    _text("defaultCourrierCompany", 45),
    _text("courierAccount", 45),
    _text("billingReference", 45),
    Column("dewarAvgCustomsValue", Integer, server_default="0"),
    Column("dewarAvgTransportValue", Integer, server_default="0"),
)
proposal_person = Table(
    "ProposalHasPerson",
    people,
    key("proposalHasPersonId"),
    Column("proposalId", Integer, nullable=False, index=True),
    Column("personId", Integer, nullable=False, index=True),
    _text("role", 22),
)
session_person = Table(
    "Session_has_Person",
    people,
    _link("sessionId"),
    _link("personId"),
    _text("role", 22),
    Column("remote", Integer, server_default="0"),
)
user_group = Table(
    "UserGroup",
    people,
    key("userGroupId"),
    Column("name", String(31), nullable=False, unique=True),
)
permission = Table(
    "Permission",
    people,
    key("permissionId"),
    Column("type", String(15), nullable=False),
    _text("description", 100),
)
group_person = Table(
    "UserGroup_has_Person", people, _link("userGroupId"), _link("personId")
)
group_permission = Table(
    "UserGroup_has_Permission", people, _link("userGroupId"), _link("permissionId")
)
option = Table(
    "AdminVar",
    people,
    key("varId"),
    _text("name", 32),
    _text("value", 1024),
)
"""Options of py-ISPyB, one row a key, the value as JSON."""
