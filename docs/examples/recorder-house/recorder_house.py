"""The ISPyB of our house: flavour ``house``.

The tables are ESRF's, but a column was renamed, and the readers of the event chains
take them position by position.
"""

from __future__ import annotations

from dataclasses import replace

from recorder.config.ispyb import IspybSection
from recorder.ispyb.flavours.esrf import ESRF
from recorder.ispyb.flavours.esrf import PLUGIN as ESRF_PLUGIN
from recorder.ispyb.flavours.flavour import Flavour
from recorder.ispyb.schema.live_schema import LiveSchema

HOUSE = replace(
    ESRF,
    name="house",
    chain_scope="position",
    without=ESRF.without | {"DataCollection.flux"},
)


class HousePlugin:
    """What the entry point names."""

    name = "house"

    def make(self, section: IspybSection) -> Flavour:
        """The flavour; nothing of it can be set."""
        return HOUSE

    def matches(self, schema: LiveSchema) -> int:
        """ESRF's tables, but without the column that we renamed."""
        if not ESRF_PLUGIN.matches(schema):
            return 0
        return 1 if schema.column("DataCollection", "flux") else 2


PLUGIN = HousePlugin()
