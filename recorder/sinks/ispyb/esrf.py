"""Flavour ``esrf``: statistics are two JSON files, attached to a program of the run."""

from __future__ import annotations

from recorder.sinks.ispyb.capabilities import Capability
from recorder.sinks.ispyb.flavour import Flavour
from recorder.sinks.ispyb.programs import AttachedFiles

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
