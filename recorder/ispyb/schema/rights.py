"""The groups of tables that are written, each with the rights and columns it needs."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from sqlalchemy import Table

from recorder.ispyb.schema import tables as t


class Capability(StrEnum):
    """A group of tables that is written as a whole, or not at all."""

    CORE = "runs"
    SSX = "serial runs"
    MEASURED = "measured chains"
    SAMPLE = "sample"
    COMPONENTS = "components"
    DETECTOR = "detector"
    EXPERIMENT_TYPES = "experiment types"
    PROGRAM = "program"
    INTEGRATION = "integration"
    ATTACHMENTS = "attachments"
    RESULTS = "processing results"
    IMAGE_ROWS = "image rows"
    GRID = "grids"
    POSITION = "positions"
    MOTORS = "motor positions"
    WORKFLOW = "workflows"
    ENERGY_SCAN = "energy scans"
    SCANNED_SAMPLES = "samples of energy scans"
    SPECTRUM = "fluorescence spectra"
    SAMPLES_COMPLETED = "samples completed"
    COMPONENTS_COMPLETED = "components completed"
    DETECTOR_COMPLETED = "detectors completed"
    CONCENTRATION_TYPES = "concentration types"
    BEAMLINE_SETUP = "beamline setup"


RIGHTS: Mapping[Capability, Mapping[Table, str]] = {
    Capability.CORE: {
        t.proposal: "S",
        t.session: "S",
        t.group: "SIU",
        t.collection: "SIU",
    },
    Capability.SSX: {
        t.event_type: "S",
        t.ssx_collection: "SIU",
        t.event_chain: "SI",
        t.event: "SI",
    },
    Capability.MEASURED: {t.event: "U"},
    Capability.SAMPLE: {t.protein: "SI", t.crystal: "SI", t.sample: "SI"},
    Capability.COMPONENTS: {
        t.component_type: "S",
        t.component: "SI",
        t.sample_composition: "SI",
        t.crystal_composition: "SI",
    },
    Capability.DETECTOR: {t.detector: "SI"},
    Capability.EXPERIMENT_TYPES: {t.experiment_type: "S"},
    Capability.PROGRAM: {t.program: "SIU"},
    Capability.INTEGRATION: {t.integration: "SIU"},
    Capability.ATTACHMENTS: {t.attachment: "SIU"},
    Capability.RESULTS: {t.result: "SIU", t.result_attachment: "SIU"},
    Capability.IMAGE_ROWS: {t.image_quality: "SI"},
    Capability.GRID: {t.grid_info: "SIU"},
    Capability.POSITION: {t.position: "SIU"},
    Capability.MOTORS: {t.motor_position: "SIU"},
    Capability.WORKFLOW: {t.workflow: "SIU"},
    Capability.ENERGY_SCAN: {t.energy_scan: "SIU"},
    Capability.SCANNED_SAMPLES: {t.sample_has_energy_scan: "SI"},
    Capability.SPECTRUM: {t.spectrum: "SIU"},
    Capability.SAMPLES_COMPLETED: {t.protein: "U", t.crystal: "U", t.sample: "U"},
    Capability.COMPONENTS_COMPLETED: {
        t.component: "U",
        t.sample_composition: "U",
        t.crystal_composition: "U",
    },
    Capability.DETECTOR_COMPLETED: {t.detector: "U"},
    Capability.CONCENTRATION_TYPES: {t.concentration_type: "S"},
    Capability.BEAMLINE_SETUP: {t.beamline_setup: "SIU", t.session: "U"},
}
"""Tables of each group with the rights it needs: S select, I insert, U update."""
NEEDS = {
    Capability.MEASURED: Capability.SSX,
    Capability.SCANNED_SAMPLES: Capability.ENERGY_SCAN,
    Capability.INTEGRATION: Capability.PROGRAM,
    Capability.ATTACHMENTS: Capability.PROGRAM,
    Capability.SAMPLES_COMPLETED: Capability.SAMPLE,
    Capability.COMPONENTS_COMPLETED: Capability.COMPONENTS,
    Capability.DETECTOR_COMPLETED: Capability.DETECTOR,
    Capability.CONCENTRATION_TYPES: Capability.COMPONENTS,
}
"""Groups that are of no use without another one."""
CHANGED = {t.group: ("endTime",), t.session: ("beamLineSetupId",)}
"""Columns that are changed, of tables of which others are not."""
NEEDED = {
    Capability.CORE: "Proposal.proposalId Proposal.proposalCode "
    "Proposal.proposalNumber BLSession.sessionId BLSession.proposalId "
    "BLSession.visit_number BLSession.beamLineName BLSession.startDate "
    "BLSession.endDate "
    "DataCollectionGroup.dataCollectionGroupId DataCollectionGroup.sessionId "
    "DataCollectionGroup.experimentType DataCollectionGroup.endTime "
    "DataCollection.dataCollectionId DataCollection.dataCollectionGroupId "
    "DataCollection.dataCollectionNumber DataCollection.startTime "
    "DataCollection.endTime DataCollection.runStatus DataCollection.numberOfImages "
    "DataCollection.comments",
    Capability.SSX: "EventType.eventTypeId EventType.name "
    "SSXDataCollection.dataCollectionId "
    "SSXDataCollection.experimentName EventChain.eventChainId "
    "EventChain.dataCollectionId EventChain.name Event.eventId Event.eventChainId "
    "Event.eventTypeId Event.name Event.offset Event.duration Event.period "
    "Event.repetition",
    Capability.SAMPLE: "Protein.proposalId Protein.acronym Crystal.proteinId "
    "Crystal.name BLSample.crystalId BLSample.name",
    Capability.COMPONENTS: "ComponentType.name Component.componentTypeId "
    "Component.proposalId Component.name SampleComposition.componentId "
    "SampleComposition.blSampleId CrystalComposition.componentId "
    "CrystalComposition.crystalId",
    Capability.DETECTOR: "Detector.detectorSerialNumber",
    Capability.EXPERIMENT_TYPES: "ExperimentType.name "
    "DataCollectionGroup.experimentTypeId",
    Capability.PROGRAM: "AutoProcProgram.processingEnvironment "
    "AutoProcProgram.processingStatus",
    Capability.INTEGRATION: "AutoProcIntegration.dataCollectionId "
    "AutoProcIntegration.autoProcProgramId",
    Capability.ATTACHMENTS: "AutoProcProgramAttachment.autoProcProgramId "
    "AutoProcProgramAttachment.fileName AutoProcProgramAttachment.filePath",
    Capability.RESULTS: "SSXProcessingResult.dataCollectionId "
    "SSXProcessingResult.comments "
    "SSXProcessingResultAttachment.ssxProcessingResultId "
    "SSXProcessingResultAttachment.fileName",
    Capability.IMAGE_ROWS: "ImageQualityIndicators.dataCollectionId "
    "ImageQualityIndicators.autoProcProgramId ImageQualityIndicators.imageNumber",
    Capability.GRID: "GridInfo.steps_x GridInfo.steps_y",
    Capability.POSITION: "Position.posX Position.posY Position.posZ",
    Capability.MOTORS: "MotorPosition.phiX MotorPosition.phiY MotorPosition.phiZ",
    Capability.ENERGY_SCAN: "EnergyScan.energyScanId EnergyScan.sessionId "
    "EnergyScan.element EnergyScan.comments",
    Capability.SCANNED_SAMPLES: "BLSample_has_EnergyScan.blSampleId "
    "BLSample_has_EnergyScan.energyScanId",
    Capability.SPECTRUM: "XFEFluorescenceSpectrum.xfeFluorescenceSpectrumId "
    "XFEFluorescenceSpectrum.sessionId XFEFluorescenceSpectrum.comments",
    Capability.WORKFLOW: "Workflow.workflowTitle DataCollectionGroup.workflowId",
    Capability.CONCENTRATION_TYPES: "ConcentrationType.name",
    Capability.BEAMLINE_SETUP: "BLSession.beamLineSetupId",
}
"""Columns without which a group is of no use; without those of the core, the sink."""
