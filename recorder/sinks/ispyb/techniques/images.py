"""Rows for images, whatever the technique; a run is closed without them, too."""

from __future__ import annotations

from recorder.errors import SinkError
from recorder.ispyb.schema.capabilities import Capability
from recorder.records import Json
from recorder.runtime.log import get_logger
from recorder.sinks.ispyb.image_rows import Found
from recorder.sinks.ispyb.step import Step

log = get_logger("ispyb")


def write_images(
    step: Step, ids: Json, *, last: bool, found: Found | None = None
) -> None:
    """Write the rows of a run's images that are not there yet.

    Args:
        step: The run.
        ids: Of its rows.
        last: It is sealed: none is left.
        found: Columns that an image's outcome fills; None: those of serial runs.
    """
    if not step.site.can.can(Capability.IMAGE_ROWS):
        return
    run, now = step.run, step.end()
    try:
        step.image_rows.write(step.journal, run.uid, ids, now, last=last, found=found)
    except SinkError as error:
        log.warning(
            "image_rows_refused",
            run=run.uid,
            error=str(error),
            hint="the run's other rows are written",
        )
