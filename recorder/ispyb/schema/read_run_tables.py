"""Tables of ISPyB that are read and never written: collections, actions, programs."""

from __future__ import annotations

from sqlalchemy import Column, Double, Integer, Table

from recorder.ispyb.schema.columns import key
from recorder.ispyb.schema.read_tables import read_only, real, text, times, whole

group = Table(
    "DataCollectionGroup",
    read_only,
    key("dataCollectionGroupId"),
    *whole("sessionId", "blSampleId", "workflowId"),
    *text("experimentType"),
)
collection = Table(
    "DataCollection",
    read_only,
    key("dataCollectionId"),
    *whole("dataCollectionGroupId", "dataCollectionNumber", "blSubSampleId"),
    *times("startTime", "endTime"),
    *text("runStatus", "comments"),
    *real("wavelength", "exposureTime", "beamSizeAtSampleX", "beamSizeAtSampleY"),
    *real("chiStart", "kappaStart", "phiStart"),
)
robot = Table(
    "RobotAction",
    read_only,
    key("robotActionId"),
    *whole("blsessionId", "blsampleId"),
    *text("actionType", "status"),
    *times("startTimestamp", "endTimestamp"),
)
energy_scan = Table(
    "EnergyScan",
    read_only,
    key("energyScanId"),
    *whole("sessionId", "blSampleId"),
    *times("startTime", "endTime"),
)
xrf = Table(
    "XFEFluorescenceSpectrum",
    read_only,
    key("xfeFluorescenceSpectrumId"),
    *whole("sessionId", "blSampleId"),
    *times("startTime", "endTime"),
)
fault = Table(
    "BF_fault",
    read_only,
    key("faultId"),
    *whole("sessionId", "beamtimelost"),
    *times("beamtimelost_starttime", "beamtimelost_endtime"),
)
beamline_run = Table(
    "v_run",
    read_only,
    key("runId"),
    *text("run"),
    *times("startDate", "endDate"),
)
"""A view: the periods between shutdowns."""
file_attachment = Table(
    "DataCollectionFileAttachment",
    read_only,
    key("dataCollectionFileAttachmentId"),
    *whole("dataCollectionId"),
    *text("fileFullPath", "fileType"),
    *times("createTime"),
)
quality = Table(
    "ImageQualityIndicators",
    read_only,
    *whole("dataCollectionId", "imageNumber", "goodBraggCandidates"),
    *whole("spotTotal"),
    Column("totalIntegratedSignal", Double),
    *real("method2Res"),
)
workflow_step = Table(
    "WorkflowStep",
    read_only,
    key("workflowStepId"),
    *whole("workflowId"),
    *text("workflowStepType", "status", "comments"),
)
screening = Table(
    "Screening",
    read_only,
    key("screeningId"),
    *whole("dataCollectionId", "dataCollectionGroupId"),
    *text("programVersion"),
    *times("bltimeStamp"),
)
screening_output = Table(
    "ScreeningOutput",
    read_only,
    key("screeningOutputId"),
    *whole("screeningId", "indexingSuccess", "strategySuccess"),
)
program = Table(
    "AutoProcProgram",
    read_only,
    key("autoProcProgramId"),
    *whole("dataCollectionId", "processingJobId"),
    *text("processingCommandLine", "processingPrograms", "processingStatus"),
    *text("processingMessage", "processingEnvironment"),
    *times("processingStartTime", "processingEndTime", "recordTimeStamp"),
)
program_message = Table(
    "AutoProcProgramMessage",
    read_only,
    key("autoProcProgramMessageId"),
    *whole("autoProcProgramId"),
    *text("severity"),
)
program_attachment = Table(
    "AutoProcProgramAttachment",
    read_only,
    key("autoProcProgramAttachmentId"),
    *whole("autoProcProgramId"),
)
job = Table(
    "ProcessingJob",
    read_only,
    key("processingJobId"),
    *whole("dataCollectionId", "automatic"),
)
integration = Table(
    "AutoProcIntegration",
    read_only,
    key("autoProcIntegrationId"),
    *whole("dataCollectionId", "autoProcProgramId"),
)
scaling_integration = Table(
    "AutoProcScaling_has_Int",
    read_only,
    key("autoProcScaling_has_IntId"),
    *whole("autoProcScalingId", "autoProcIntegrationId"),
)
scaling_statistics = Table(
    "AutoProcScalingStatistics",
    read_only,
    key("autoProcScalingStatisticsId"),
    Column("autoProcScalingId", Integer),
    *real("resolutionLimitHigh"),
)
