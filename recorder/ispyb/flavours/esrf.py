"""Flavour ``esrf``: statistics are two JSON files, attached to a program of the run."""

from __future__ import annotations

from recorder.ispyb.flavours.flavour import Flavour
from recorder.ispyb.flavours.programs import AttachedFiles
from recorder.ispyb.schema.capabilities import Capability

PROGRAM_STATUS = {
    "running": "RUNNING",
    "success": "SUCCESS",
    "aborted": "SUCCESS",
    "failed": "FAILED",
}


ESRF = Flavour(
    name="esrf",
    chain_scope="collection",
    experiment_types={"SSX-Jet": "SSX-Jet", "SSX-Chip": "SSX-Chip"},
    without=frozenset({"BLSample.support", "DataCollectionGroup.experimentTypeId"}),
    capabilities=frozenset(Capability)
    - {Capability.EXPERIMENT_TYPES, Capability.RESULTS},
    image_rows=False,
    statistics=AttachedFiles(PROGRAM_STATUS),
)
