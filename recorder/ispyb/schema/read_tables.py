"""Tables of ISPyB that are read and never written: samples and what they travel in.

They are described with the columns that the API of py-ISPyB shows, also those of which
:mod:`recorder.ispyb.schema.tables` has what the sink writes. What a site's database
lacks is null, or nothing, in the answers. Nothing of this is embedded.
"""

from __future__ import annotations

from sqlalchemy import (
    Column,
    DateTime,
    Double,
    Float,
    Integer,
    MetaData,
    String,
    Table,
)

from recorder.ispyb.schema.columns import CELL, key

read_only = MetaData()
"""All of them."""


def whole(*names: str) -> list[Column[int]]:
    """Columns of whole numbers."""
    return [Column(name, Integer) for name in names]


def real(*names: str) -> list[Column[float]]:
    """Columns of numbers."""
    return [Column(name, Float) for name in names]


def text(*names: str) -> list[Column[str]]:
    """Columns of text; how much fits does not matter to one who reads."""
    return [Column(name, String(255)) for name in names]


def times(*names: str) -> list[Column[object]]:
    """Columns of dates and times."""
    return [Column(name, DateTime) for name in names]


protein = Table(
    "Protein",
    read_only,
    key("proteinId"),
    *whole("proposalId", "componentTypeId"),
    *text("name", "acronym", "sequence"),
    *text("containmentLevel", "hazardGroup", "safetyLevel"),
    *real("density", "molecularMass"),
)
crystal = Table(
    "Crystal",
    read_only,
    key("crystalId"),
    *whole("proteinId"),
    *text("name", "spaceGroup"),
    *(Column(name, Double) for name in ("size_X", "size_Y", "size_Z")),
    *(Column(name, Double) for name in CELL),
)
sample = Table(
    "BLSample",
    read_only,
    key("blSampleId"),
    *whole("crystalId", "containerId"),
    *text("name", "comments", "location", "loopType", "support"),
)
sub_sample = Table(
    "BLSubSample",
    read_only,
    key("blSubSampleId"),
    *whole("blSampleId", "positionId", "position2Id"),
    *text("type", "comments"),
)
position = Table("Position", read_only, key("positionId"), *real("posX", "posY"))
sample_image = Table(
    "BLSampleImage",
    read_only,
    key("blSampleImageId"),
    *whole("blSampleId", "offsetX", "offsetY"),
    *real("micronsPerPixelX", "micronsPerPixelY"),
    *text("imageFullPath"),
)
protein_pdb = Table(
    "Protein_has_PDB", read_only, key("proteinhaspdbid"), *whole("proteinid", "pdbid")
)
shipping = Table(
    "Shipping",
    read_only,
    key("shippingId"),
    *whole("proposalId", "sendingLabContactId", "returnLabContactId"),
    *text("shippingName", "shippingStatus", "safetyLevel", "comments"),
    *times("bltimeStamp"),
)
dewar = Table(
    "Dewar",
    read_only,
    key("dewarId"),
    *whole("shippingId", "firstExperimentId"),
    *text("code", "type", "dewarStatus", "storageLocation"),
)
container = Table(
    "Container",
    read_only,
    key("containerId"),
    *whole("dewarId", "sessionId", "capacity"),
    *text("code", "containerType", "containerStatus"),
    *text("sampleChangerLocation", "beamlineLocation"),
)
lab_contact = Table(
    "LabContact",
    read_only,
    key("labContactId"),
    *whole("personId", "proposalId"),
    *text("cardName", "defaultCourrierCompany", "courierAccount", "billingReference"),
    *whole("dewarAvgCustomsValue", "dewarAvgTransportValue"),
    *times("recordTimeStamp"),
)
activity = Table(
    "AdminActivity",
    read_only,
    key("adminActivityId"),
    *text("username", "action", "comments"),
    *times("dateTime"),
)
