"""Flavour ``diamond``: no statistics columns, so rows for images and a message."""

from __future__ import annotations

from recorder.config.ispyb import IspybSection
from recorder.ispyb.flavours import programs
from recorder.ispyb.flavours.experiment_types import DIAMOND_TYPES
from recorder.ispyb.flavours.families import looks_like_diamond
from recorder.ispyb.flavours.flavour import Flavour, RunRow
from recorder.ispyb.flavours.mx_dialect import DIAMOND_MX
from recorder.ispyb.flavours.programs import AttachedFiles
from recorder.ispyb.flavours.reading_dialect import DIAMOND_READINGS
from recorder.ispyb.schema import tables as t
from recorder.ispyb.schema.capabilities import Capability
from recorder.ispyb.schema.live_schema import LiveSchema
from recorder.ispyb.schema.rows import Rows
from recorder.records import Json
from recorder.records.run_report import RunReport

PROGRAM_STATUS = {"running": None, "success": 1, "aborted": 1, "failed": 0}


class DiamondStatistics(AttachedFiles):
    """The files, and a message that goes on with the run."""

    def update(self, rows: Rows, run: RunRow, ids: Json, report: RunReport) -> None:
        """See :class:`~recorder.ispyb.flavours.flavour.Statistics`."""
        if "program_id" in ids:
            message = {"processingMessage": programs.message(report)}
            rows.update(t.program, ids["program_id"], message)


DIAMOND = Flavour(
    name="diamond",
    chain_scope="position",
    experiment_types=DIAMOND_TYPES,
    without=frozenset(
        {
            "DataCollection.xBeamPix",
            "DataCollection.yBeamPix",
            "AutoProcProgram.dataCollectionId",
            "ImageQualityIndicators.imageQualityIndicatorsId",
            "DataCollectionGroup.workflowId",
            "GridInfo.dataCollectionGroupId",
            "GridInfo.pixelspermicronX",
            "GridInfo.pixelspermicronY",
            "EnergyScan.remoteEnergy",
            "EnergyScan.remoteFPrime",
            "EnergyScan.remoteFDoublePrime",
        }
    ),
    capabilities=frozenset(Capability)
    - {Capability.RESULTS, Capability.WORKFLOW, Capability.SCANNED_SAMPLES},
    image_rows=True,
    statistics=DiamondStatistics(PROGRAM_STATUS),
    mx=DIAMOND_MX,
    readings=DIAMOND_READINGS,
)


class DiamondPlugin:
    """See :class:`~recorder.ispyb.flavours.flavour.FlavourPlugin`."""

    name = "diamond"

    def make(self, section: IspybSection) -> Flavour:
        """The flavour; nothing of it can be set."""
        return DIAMOND

    def matches(self, schema: LiveSchema) -> int:
        """By what only Diamond's tables have, or lack."""
        return 2 if looks_like_diamond(schema) else 0


PLUGIN = DiamondPlugin()
