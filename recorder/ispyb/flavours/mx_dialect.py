"""What flavours differ in where a run is no serial one: angles, programs, folders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

PROGRAM_STATUS: Mapping[str, str | int | None] = {
    "running": "RUNNING",
    "success": "SUCCESS",
    "aborted": "SUCCESS",
    "failed": "FAILED",
}
"""``processingStatus`` of ESRF's family by the run's status."""


@dataclass(frozen=True, slots=True)
class MxDialect:
    """How the readers of a flavour take rotations and grids."""

    signed_range: bool = True
    """``axisRange`` has the sign of the turning. Else it is a width, as zocalo, which
    takes only positive ones for rotations, and the end alone tells the direction."""
    folder_ends_with_slash: bool = False
    """``imageDirectory`` does."""
    program_status: Mapping[str, str | int | None] | None = None
    """``processingStatus`` by the run's status; None: a program would hang on nothing,
    and the rows for images need none."""


ESRF_MX = MxDialect(program_status=PROGRAM_STATUS)
DIAMOND_MX = MxDialect(signed_range=False, folder_ends_with_slash=True)
