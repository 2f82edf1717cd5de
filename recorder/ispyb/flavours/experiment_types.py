"""Types of experiments: how each flavour stores them, and none that it lacks."""

from __future__ import annotations

from collections.abc import Mapping

from recorder.errors import SinkError, shown
from recorder.ispyb.flavours.flavour import Flavour

_ALIKE = (
    *("OSC", "SAD", "SAD - Inverse Beam", "MAD", "MAD - Inverse Beam"),
    *("Collect - Multiwedge", "Helical", "Multi-positional", "Burn", "Still"),
    *("Characterization", "Mesh"),
)
"""Types that every flavour stores as they are announced."""
_ESRF_MX = {
    **{kind: kind for kind in _ALIKE},
    "Characterisation": "Characterization",
    "Screening": "Characterization",
    "LineScan": "Mesh",
    "Mesh3D": "Mesh",
}
ESRF_TYPES: Mapping[str, str] = {
    "SSX-Jet": "SSX-Jet",
    "SSX-Chip": "SSX-Chip",
    "Serial Jet": "SSX-Jet",
    "Serial Fixed": "SSX-Chip",
    **_ESRF_MX,
}
MAXIV_TYPES: Mapping[str, str] = {**ESRF_TYPES, "LineScan": "LineScan"}
# zocalo and SynchWeb know only these two of the serial ones
DIAMOND_TYPES: Mapping[str, str] = {
    "SSX-Jet": "Serial Jet",
    "SSX-Chip": "Serial Fixed",
    "Serial Jet": "Serial Jet",
    "Serial Fixed": "Serial Fixed",
    **_ESRF_MX,
    "Screening": "Screening",
    "Mesh3D": "Mesh3D",
}


def stored_type(kind: str, flavour: Flavour) -> str:
    """The flavour's name of an announced type; clients write it in any case.

    Args:
        kind: As announced.
        flavour: Names the types.

    Raises:
        SinkError: It has none for it: under any other name the row would be false.
    """
    wanted = kind.strip().casefold()
    for name, stored in flavour.experiment_types.items():
        if name.casefold() == wanted:
            return stored
    raise SinkError(
        f"experiment.type {shown(kind)} is none that flavour {flavour.name} stores, "
        "and under another one its row would be false; announce one of "
        f"{', '.join(sorted(flavour.experiment_types))}, or have another program write "
        "the run (its files are made all the same)"
    )
