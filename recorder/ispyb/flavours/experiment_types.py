"""Types of experiments: which are serial, and which the recorder does not write yet."""

from __future__ import annotations

from recorder.errors import SinkError
from recorder.ispyb.flavours.flavour import Flavour
from recorder.ispyb.schema import tables as t
from recorder.ispyb.schema.live_schema import LiveSchema
from recorder.runtime.log import get_logger

log = get_logger("ispyb")

DEFAULT_TYPE = "SSX-Jet"
OTHERS = (
    *("SAD", "SAD - Inverse Beam", "OSC", "Collect - Multiwedge", "MAD", "Helical"),
    *("Multi-positional", "Mesh", "Burn", "MAD - Inverse Beam", "Characterization"),
    *("Dehydration", "Still", "EM", "LineScan", "GphNative", "tomo", "experiment"),
    *("PDF", "PDF+Bragg", "Bragg", "single particle", "Standard", "Time Resolved"),
    *("Diamond Anvil High Pressure", "Custom", "XRF map", "Energy scan"),
    *("XRF spectrum", "XRF map xas", "Mesh3D", "Screening", "Metal ID"),
)
"""Types of ISPyB that are not serial crystallography, of all flavours."""


def stored_type(kind: str, flavour: Flavour, live: LiveSchema) -> str:
    """The flavour's name of an announced type; clients write it in any case.

    What no ISPyB knows is stored as a jet, and logged.

    Raises:
        SinkError: It is a type of ISPyB, but not of serial crystallography: stored as
            a jet it would be a lie.
    """
    wanted = kind.strip().casefold()
    for name, stored in flavour.experiment_types.items():
        if name.casefold() == wanted:
            return stored
    column = live.column(t.group.name, "experimentType")
    there = column.choices if column else ()
    serial = {"ssx-jet", "ssx-chip", "serial jet", "serial fixed"}
    if wanted in {name.casefold() for name in (*OTHERS, *there)} - serial:
        raise SinkError(
            f"experiment.type {kind!r} is not serial crystallography, and the recorder "
            "does not write such runs into ISPyB yet; announce one of "
            f"{', '.join(sorted(flavour.experiment_types))}, or have another program "
            "write the run (its files are made all the same)"
        )
    stored = flavour.experiment_types[DEFAULT_TYPE]
    log.warning(
        "experiment_type_replaced",
        type=kind,
        by=stored,
        known=sorted(flavour.experiment_types),
    )
    return stored
