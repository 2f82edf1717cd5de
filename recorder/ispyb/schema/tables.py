"""The tables and columns of ISPyB that the recorder writes, and no others.

They hold what any flavour has; what one of them lacks is left out when its live schema
is read (:mod:`recorder.ispyb.schema.live_schema`). They also create the embedded
database, which is of flavour ``esrf``. Names, types and lengths
follow the published schemas; see docs/reference/ispyb.md.
"""

from __future__ import annotations

from sqlalchemy import (
    Column,
    DateTime,
    Double,
    Float,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
)

metadata = MetaData()
"""Tables that every flavour has."""
optional = MetaData()
"""Tables that only some flavours have: nothing embedded."""

EVENT_TYPES = ("XrayDetection", "XrayExposure", "LaserExcitation", "ReactionTrigger")
COMPONENT_TYPES = (
    *("Protein", "DNA", "Small Molecule", "RNA"),
    *("Ligand", "Buffer", "JetMaterial"),
)
CELL = ("cell_a", "cell_b", "cell_c", "cell_alpha", "cell_beta", "cell_gamma")


def _key(name: str) -> Column[int]:
    return Column(name, Integer, primary_key=True, autoincrement=True)


def _ref(name: str, target: str, *, nullable: bool = True) -> Column[int]:
    return Column(name, Integer, ForeignKey(target), nullable=nullable)


proposal = Table(
    "Proposal",
    metadata,
    _key("proposalId"),
    Column("personId", Integer, nullable=False, server_default="0"),
    Column("title", String(200)),
    Column("proposalCode", String(45)),
    Column("proposalNumber", String(45)),
)
session = Table(
    "BLSession",
    metadata,
    _key("sessionId"),
    _ref("proposalId", "Proposal.proposalId", nullable=False),
    Column("beamLineName", String(45)),
    Column("visit_number", Integer, server_default="0"),
    Column("startDate", DateTime),
    Column("endDate", DateTime),
)
protein = Table(
    "Protein",
    metadata,
    _key("proteinId"),
    _ref("proposalId", "Proposal.proposalId", nullable=False),
    Column("name", String(255)),
    Column("acronym", String(45)),
)
crystal = Table(
    "Crystal",
    metadata,
    _key("crystalId"),
    _ref("proteinId", "Protein.proteinId", nullable=False),
    Column("name", String(255)),
    Column("spaceGroup", String(20)),
    *(Column(name, Double) for name in ("size_X", "size_Y", "size_Z")),
    *(Column(name, Double) for name in CELL),
)
sample = Table(
    "BLSample",
    metadata,
    _key("blSampleId"),
    _ref("crystalId", "Crystal.crystalId"),
    Column("name", String(100)),
    Column("comments", String(1024)),
    Column("support", String(50)),
)
component_type = Table(
    "ComponentType",
    metadata,
    _key("componentTypeId"),
    Column("name", String(31), nullable=False, unique=True),
)
component = Table(
    "Component",
    metadata,
    _key("componentId"),
    _ref("componentTypeId", "ComponentType.componentTypeId", nullable=False),
    _ref("proposalId", "Proposal.proposalId"),
    Column("name", String(255), nullable=False),
    Column("composition", String(255)),
)
sample_composition = Table(
    "SampleComposition",
    metadata,
    _key("sampleCompositionId"),
    _ref("componentId", "Component.componentId", nullable=False),
    _ref("blSampleId", "BLSample.blSampleId", nullable=False),
    Column("abundance", Float),
)
crystal_composition = Table(
    "CrystalComposition",
    metadata,
    _key("crystalCompositionId"),
    _ref("componentId", "Component.componentId", nullable=False),
    _ref("crystalId", "Crystal.crystalId", nullable=False),
    Column("abundance", Float),
)
group = Table(
    "DataCollectionGroup",
    metadata,
    _key("dataCollectionGroupId"),
    _ref("sessionId", "BLSession.sessionId", nullable=False),
    _ref("blSampleId", "BLSample.blSampleId"),
    Column("experimentType", String(45)),
    Column("experimentTypeId", Integer),
    Column("startTime", DateTime),
    Column("endTime", DateTime),
    Column("comments", String(1024)),
)
detector = Table(
    "Detector",
    metadata,
    _key("detectorId"),
    Column("detectorModel", String(255)),
    Column("detectorSerialNumber", String(30), unique=True),
    Column("detectorPixelSizeHorizontal", Float),
    Column("detectorPixelSizeVertical", Float),
)
collection = Table(
    "DataCollection",
    metadata,
    _key("dataCollectionId"),
    _ref(
        "dataCollectionGroupId",
        "DataCollectionGroup.dataCollectionGroupId",
        nullable=False,
    ),
    _ref("detectorId", "Detector.detectorId"),
    Column("dataCollectionNumber", Integer),
    Column("startTime", DateTime),
    Column("endTime", DateTime),
    Column("runStatus", String(45)),
    Column("numberOfImages", Integer),
    Column("startImageNumber", Integer),
    Column("imageDirectory", String(255)),
    Column("fileTemplate", String(255)),
    Column("imagePrefix", String(100)),
    Column("wavelength", Float),
    Column("resolution", Float),
    Column("detectorDistance", Float),
    Column("xBeam", Float),
    Column("yBeam", Float),
    Column("xBeamPix", Float),
    Column("yBeamPix", Float),
    Column("transmission", Float),
    Column("exposureTime", Float),
    Column("beamSizeAtSampleX", Float),
    Column("beamSizeAtSampleY", Float),
    Column("flux", Double),
    Column("comments", String(1024)),
)
ssx_collection = Table(
    "SSXDataCollection",
    metadata,
    Column(
        "dataCollectionId",
        Integer,
        ForeignKey("DataCollection.dataCollectionId"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("repetitionRate", Float),
    Column("energyBandwidth", Float),
    Column("jetSpeed", Float),
    Column("jetSize", Float),
    Column("laserEnergy", Float),
    Column("monoStripe", String(255)),
    Column("chipPattern", String(255)),
    Column("chipModel", String(255)),
    Column("experimentName", String(255)),
)
event_chain = Table(
    "EventChain",
    metadata,
    _key("eventChainId"),
    _ref("dataCollectionId", "DataCollection.dataCollectionId", nullable=False),
    Column("name", String(255)),
)
event_type = Table(
    "EventType",
    metadata,
    _key("eventTypeId"),
    Column("name", String(30), nullable=False, unique=True),
)
event = Table(
    "Event",
    metadata,
    _key("eventId"),
    _ref("eventChainId", "EventChain.eventChainId", nullable=False),
    _ref("eventTypeId", "EventType.eventTypeId", nullable=False),
    _ref("componentId", "Component.componentId"),
    Column("name", String(255)),
    Column("offset", Float, nullable=False),
    Column("duration", Float),
    Column("period", Float),
    Column("repetition", Float),
)
program = Table(
    "AutoProcProgram",
    metadata,
    _key("autoProcProgramId"),
    _ref("dataCollectionId", "DataCollection.dataCollectionId"),
    Column("processingPrograms", String(255)),
    Column("processingStatus", String(10)),
    Column("processingMessage", String(255)),
    Column("processingStartTime", DateTime),
    Column("processingEndTime", DateTime),
    Column("processingEnvironment", String(255)),
    Column("recordTimeStamp", DateTime),
)
attachment = Table(
    "AutoProcProgramAttachment",
    metadata,
    _key("autoProcProgramAttachmentId"),
    _ref("autoProcProgramId", "AutoProcProgram.autoProcProgramId", nullable=False),
    Column("fileType", String(10)),
    Column("fileName", String(255)),
    Column("filePath", String(255)),
    Column("recordTimeStamp", DateTime),
)
integration = Table(
    "AutoProcIntegration",
    metadata,
    _key("autoProcIntegrationId"),
    _ref("dataCollectionId", "DataCollection.dataCollectionId", nullable=False),
    _ref("autoProcProgramId", "AutoProcProgram.autoProcProgramId"),
    Column("startImageNumber", Integer),
    Column("endImageNumber", Integer),
    *(Column(name, Float) for name in CELL),
    Column("recordTimeStamp", DateTime),
)
image_quality = Table(
    "ImageQualityIndicators",
    metadata,
    _key("imageQualityIndicatorsId"),
    Column("dataCollectionId", Integer, index=True),
    _ref("autoProcProgramId", "AutoProcProgram.autoProcProgramId"),
    Column("imageNumber", Integer),
    Column("spotTotal", Integer),
    Column("goodBraggCandidates", Integer),
    Column("method1Res", Float),
    Column("method2Res", Float),
    Column("recordTimeStamp", DateTime),
)
experiment_type = Table(
    "ExperimentType",
    optional,
    _key("experimentTypeId"),
    Column("name", String(100)),
)
result = Table(
    "SSXProcessingResult",
    optional,
    _key("ssxProcessingResultId"),
    Column("dataCollectionId", Integer, nullable=False),
    Column("hitRate", Float),
    Column("indexingRate", Float),
    Column("indexingType", String(15)),
    Column("status", String(15)),
    Column("lastUpdate", DateTime),
    Column("comments", String(100)),
    Column("nbCrystals", Integer),
)
result_attachment = Table(
    "SSXProcessingResultAttachment",
    optional,
    _key("ssxProcessingResultAttachmentId"),
    Column("ssxProcessingResultId", Integer, nullable=False),
    Column("fileType", String(40), nullable=False),
    Column("fileName", String(255), nullable=False),
    Column("filePath", String(255), nullable=False),
    Column("lastUpdate", DateTime),
)
