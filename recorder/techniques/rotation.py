"""Rotation of one crystal: one sweep or several, helical or not, and stills."""

from __future__ import annotations

from recorder.techniques.plain import PlainRuns


class RotationTechnique:
    """See :class:`~recorder.techniques.protocols.TechniquePlugin`."""

    name = "mx-rotation"
    runs = PlainRuns(
        types=(
            *("OSC", "SAD", "SAD - Inverse Beam", "MAD", "MAD - Inverse Beam"),
            *("Collect - Multiwedge", "Helical", "Multi-positional", "Burn", "Still"),
        ),
        index_every=10,
        parted_by="sweeps",
    )


PLUGIN = RotationTechnique()
