"""Tables of ISPyB that are read and never written: collections, actions, programs."""

from __future__ import annotations

from sqlalchemy import Column, Double, Integer, MetaData, Table

from recorder.ispyb.schema.columns import key
from recorder.ispyb.schema.read_tables import real, text, times, whole

read_runs = MetaData()
"""All of them."""
group = Table(
    "DataCollectionGroup",
    read_runs,
    key("dataCollectionGroupId"),
    *whole("sessionId", "blSampleId", "workflowId"),
    *text("experimentType"),
)
collection = Table(
    "DataCollection",
    read_runs,
    key("dataCollectionId"),
    *whole("dataCollectionGroupId", "dataCollectionNumber", "blSubSampleId"),
    *times("startTime", "endTime"),
    *text("runStatus", "comments"),
    *real("wavelength", "exposureTime", "beamSizeAtSampleX", "beamSizeAtSampleY"),
    *real("chiStart", "kappaStart", "phiStart"),
)
robot = Table(
    "RobotAction",
    read_runs,
    key("robotActionId"),
    *whole("blsessionId", "blsampleId"),
    *text("actionType", "status"),
    *times("startTimestamp", "endTimestamp"),
)
energy_scan = Table(
    "EnergyScan",
    read_runs,
    key("energyScanId"),
    *whole("sessionId", "blSampleId"),
    *times("startTime", "endTime"),
)
xrf = Table(
    "XFEFluorescenceSpectrum",
    read_runs,
    key("xfeFluorescenceSpectrumId"),
    *whole("sessionId", "blSampleId"),
    *times("startTime", "endTime"),
)
fault = Table(
    "BF_fault",
    read_runs,
    key("faultId"),
    *whole("sessionId", "beamtimelost"),
    *times("beamtimelost_starttime", "beamtimelost_endtime"),
)
beamline_run = Table(
    "v_run",
    read_runs,
    key("runId"),
    *text("run"),
    *times("startDate", "endDate"),
)
"""A view: the periods between shutdowns."""
file_attachment = Table(
    "DataCollectionFileAttachment",
    read_runs,
    key("dataCollectionFileAttachmentId"),
    *whole("dataCollectionId"),
    *text("fileFullPath", "fileType"),
    *times("createTime"),
)
quality = Table(
    "ImageQualityIndicators",
    read_runs,
    *whole("dataCollectionId", "imageNumber", "goodBraggCandidates"),
    *whole("spotTotal"),
    Column("totalIntegratedSignal", Double),
    *real("method2Res"),
)
workflow_step = Table(
    "WorkflowStep",
    read_runs,
    key("workflowStepId"),
    *whole("workflowId"),
    *text("workflowStepType", "status", "comments"),
)
screening = Table(
    "Screening",
    read_runs,
    key("screeningId"),
    *whole("dataCollectionId", "dataCollectionGroupId"),
    *text("programVersion", "comments", "shortComments"),
    *times("bltimeStamp"),
)
screening_output = Table(
    "ScreeningOutput",
    read_runs,
    key("screeningOutputId"),
    *whole("screeningId", "indexingSuccess", "strategySuccess"),
)
program = Table(
    "AutoProcProgram",
    read_runs,
    key("autoProcProgramId"),
    *whole("dataCollectionId", "processingJobId"),
    *text("processingCommandLine", "processingPrograms", "processingStatus"),
    *text("processingMessage", "processingEnvironment"),
    *times("processingStartTime", "processingEndTime", "recordTimeStamp"),
)
program_message = Table(
    "AutoProcProgramMessage",
    read_runs,
    key("autoProcProgramMessageId"),
    *whole("autoProcProgramId"),
    *text("severity"),
)
program_attachment = Table(
    "AutoProcProgramAttachment",
    read_runs,
    key("autoProcProgramAttachmentId"),
    *whole("autoProcProgramId"),
)
job = Table(
    "ProcessingJob",
    read_runs,
    key("processingJobId"),
    *whole("dataCollectionId", "automatic"),
)
integration = Table(
    "AutoProcIntegration",
    read_runs,
    key("autoProcIntegrationId"),
    *whole("dataCollectionId", "autoProcProgramId"),
)
scaling_integration = Table(
    "AutoProcScaling_has_Int",
    read_runs,
    key("autoProcScaling_has_IntId"),
    *whole("autoProcScalingId", "autoProcIntegrationId"),
)
scaling_statistics = Table(
    "AutoProcScalingStatistics",
    read_runs,
    key("autoProcScalingStatisticsId"),
    Column("autoProcScalingId", Integer),
    *real("resolutionLimitHigh"),
)
