"""Flavour ``esrf``: statistics are two JSON files, attached to a program of the run."""

from __future__ import annotations

from recorder.config.ispyb import IspybSection
from recorder.ispyb.flavours.experiment_types import ESRF_TYPES
from recorder.ispyb.flavours.families import looks_like_diamond
from recorder.ispyb.flavours.flavour import Flavour
from recorder.ispyb.flavours.mx_dialect import PROGRAM_STATUS
from recorder.ispyb.flavours.programs import AttachedFiles
from recorder.ispyb.schema.capabilities import Capability
from recorder.ispyb.schema.live_schema import LiveSchema

ESRF = Flavour(
    name="esrf",
    chain_scope="collection",
    experiment_types=ESRF_TYPES,
    without=frozenset(
        {
            "BLSample.support",
            "DataCollectionGroup.experimentTypeId",
            "GridInfo.dataCollectionId",
            "GridInfo.snaked",
            "GridInfo.micronsPerPixelX",
            "GridInfo.micronsPerPixelY",
        }
    ),
    capabilities=frozenset(Capability)
    - {Capability.EXPERIMENT_TYPES, Capability.RESULTS},
    image_rows=False,
    # py-ISPyB sorts by end time, and NULL comes last
    provisional_end=True,
    statistics=AttachedFiles(PROGRAM_STATUS),
)


class EsrfPlugin:
    """See :class:`~recorder.ispyb.flavours.flavour.FlavourPlugin`."""

    name = "esrf"

    def make(self, section: IspybSection) -> Flavour:
        """The flavour; nothing of it can be set."""
        return ESRF

    def matches(self, schema: LiveSchema) -> int:
        """All that is not of the other family."""
        return 0 if looks_like_diamond(schema) else 1


PLUGIN = EsrfPlugin()
