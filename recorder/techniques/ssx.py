"""Serial crystallography: one image a crystal."""

from __future__ import annotations

from recorder.techniques.plain import PlainRuns


class SsxTechnique:
    """See :class:`~recorder.techniques.protocols.TechniquePlugin`."""

    name = "ssx"
    runs = PlainRuns(
        types=("SSX-Jet", "SSX-Chip", "Serial Jet", "Serial Fixed"),
    )


PLUGIN = SsxTechnique()
