"""Serial crystallography: one image a crystal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recorder.techniques.plain import PlainRuns

if TYPE_CHECKING:
    from recorder.sinks.ispyb.techniques.rows import TechniqueRows


class SsxTechnique:
    """See :class:`~recorder.techniques.protocols.TechniquePlugin`."""

    name = "ssx"
    runs = PlainRuns(
        types=("SSX-Jet", "SSX-Chip", "Serial Jet", "Serial Fixed"),
    )

    @property
    def rows(self) -> TechniqueRows:
        """What it writes into ISPyB; imported where that is asked."""
        from recorder.sinks.ispyb.techniques.ssx import ROWS

        return ROWS


PLUGIN = SsxTechnique()
