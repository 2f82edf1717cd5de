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
    String,
    Table,
)

from recorder.ispyb.schema.columns import CELL, key, metadata, optional, ref
from recorder.ispyb.schema.mx_tables import (
    grid_info,
    motor_position,
    mx_columns,
    position,
    workflow,
)
from recorder.ispyb.schema.reading_tables import (
    energy_scan,
    sample_has_energy_scan,
    spectrum,
)
from recorder.ispyb.schema.sample_tables import (
    COMPONENT_TYPES,
    beamline_setup,
    component,
    component_type,
    concentration_type,
    crystal,
    crystal_composition,
    proposal,
    protein,
    sample,
    sample_composition,
    session,
)

__all__ = [
    "CELL",
    "COMPONENT_TYPES",
    "EVENT_TYPES",
    "attachment",
    "beamline_setup",
    "collection",
    "component",
    "component_type",
    "concentration_type",
    "crystal",
    "crystal_composition",
    "detector",
    "energy_scan",
    "event",
    "event_chain",
    "event_type",
    "experiment_type",
    "grid_info",
    "group",
    "image_quality",
    "integration",
    "metadata",
    "motor_position",
    "optional",
    "position",
    "program",
    "proposal",
    "protein",
    "result",
    "result_attachment",
    "sample",
    "sample_composition",
    "sample_has_energy_scan",
    "session",
    "spectrum",
    "ssx_collection",
    "workflow",
]

EVENT_TYPES = ("XrayDetection", "XrayExposure", "LaserExcitation", "ReactionTrigger")

group = Table(
    "DataCollectionGroup",
    metadata,
    key("dataCollectionGroupId"),
    ref("sessionId", "BLSession.sessionId", nullable=False),
    ref("blSampleId", "BLSample.blSampleId"),
    Column("experimentType", String(45)),
    Column("experimentTypeId", Integer),
    ref("workflowId", "Workflow.workflowId"),
    Column("startTime", DateTime),
    Column("endTime", DateTime),
    Column("comments", String(1024)),
)
detector = Table(
    "Detector",
    metadata,
    key("detectorId"),
    Column("detectorType", String(255)),
    Column("detectorManufacturer", String(255)),
    Column("detectorModel", String(255)),
    Column("detectorSerialNumber", String(30), unique=True),
    Column("detectorPixelSizeHorizontal", Float),
    Column("detectorPixelSizeVertical", Float),
)
collection = Table(
    "DataCollection",
    metadata,
    key("dataCollectionId"),
    ref(
        "dataCollectionGroupId",
        "DataCollectionGroup.dataCollectionGroupId",
        nullable=False,
    ),
    ref("detectorId", "Detector.detectorId"),
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
    Column("beamShape", String(45)),
    Column("polarisation", Float),
    Column("undulatorGap1", Float),
    Column("synchrotronMode", String(20)),
    Column("comments", String(1024)),
    *mx_columns(),
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
    key("eventChainId"),
    ref("dataCollectionId", "DataCollection.dataCollectionId", nullable=False),
    Column("name", String(255)),
)
event_type = Table(
    "EventType",
    metadata,
    key("eventTypeId"),
    Column("name", String(30), nullable=False, unique=True),
)
event = Table(
    "Event",
    metadata,
    key("eventId"),
    ref("eventChainId", "EventChain.eventChainId", nullable=False),
    ref("eventTypeId", "EventType.eventTypeId", nullable=False),
    ref("componentId", "Component.componentId"),
    Column("name", String(255)),
    Column("offset", Float, nullable=False),
    Column("duration", Float),
    Column("period", Float),
    Column("repetition", Float),
)
program = Table(
    "AutoProcProgram",
    metadata,
    key("autoProcProgramId"),
    ref("dataCollectionId", "DataCollection.dataCollectionId"),
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
    key("autoProcProgramAttachmentId"),
    ref("autoProcProgramId", "AutoProcProgram.autoProcProgramId", nullable=False),
    Column("fileType", String(10)),
    Column("fileName", String(255)),
    Column("filePath", String(255)),
    Column("recordTimeStamp", DateTime),
)
integration = Table(
    "AutoProcIntegration",
    metadata,
    key("autoProcIntegrationId"),
    ref("dataCollectionId", "DataCollection.dataCollectionId", nullable=False),
    ref("autoProcProgramId", "AutoProcProgram.autoProcProgramId"),
    Column("startImageNumber", Integer),
    Column("endImageNumber", Integer),
    *(Column(name, Float) for name in CELL),
    Column("recordTimeStamp", DateTime),
)
image_quality = Table(
    "ImageQualityIndicators",
    metadata,
    key("imageQualityIndicatorsId"),
    Column("dataCollectionId", Integer, index=True),
    ref("autoProcProgramId", "AutoProcProgram.autoProcProgramId"),
    Column("imageNumber", Integer),
    Column("spotTotal", Integer),
    Column("inResTotal", Integer),
    Column("goodBraggCandidates", Integer),
    Column("method1Res", Float),
    Column("method2Res", Float),
    Column("recordTimeStamp", DateTime),
)
experiment_type = Table(
    "ExperimentType",
    optional,
    key("experimentTypeId"),
    Column("name", String(100)),
)
result = Table(
    "SSXProcessingResult",
    optional,
    key("ssxProcessingResultId"),
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
    key("ssxProcessingResultAttachmentId"),
    Column("ssxProcessingResultId", Integer, nullable=False),
    Column("fileType", String(40), nullable=False),
    Column("fileName", String(255), nullable=False),
    Column("filePath", String(255), nullable=False),
    Column("lastUpdate", DateTime),
)
