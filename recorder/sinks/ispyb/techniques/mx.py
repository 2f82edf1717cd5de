"""Rotations, characterisations and grids: what is planned, then what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from recorder.ispyb.flavours import programs
from recorder.ispyb.schema import tables as t
from recorder.ispyb.schema.capabilities import Capability
from recorder.ispyb.schema.rows import Rows
from recorder.records import Classification, ImageOutcome, Json
from recorder.records.run_report import RunReport
from recorder.runtime.log import get_logger
from recorder.sinks.ispyb import collections, groups
from recorder.sinks.ispyb.chains import has_chains
from recorder.sinks.ispyb.image_rows import spots_found
from recorder.sinks.ispyb.step import Step
from recorder.sinks.ispyb.techniques.grid import write_grid
from recorder.sinks.ispyb.techniques.images import write_images
from recorder.sinks.ispyb.techniques.mx_group import place_in_group
from recorder.sinks.ispyb.techniques.mx_values import (
    differences,
    final_values,
    planned_values,
)
from recorder.sinks.ispyb.techniques.positions import write_positions

log = get_logger("ispyb")


@dataclass(frozen=True)
class MxRows:
    """See :class:`~recorder.sinks.ispyb.techniques.rows.TechniqueRows`.

    There is no ``AutoProcIntegration``: pages would show it as a processing result.
    """

    needs: tuple[Capability, ...] = ()

    def begin(self, step: Step) -> Json:
        """Group, run, positions, grid, program: one transaction."""
        with step.begin() as rows:
            opened = collections.open_collection(rows, step)
            group_id = place_in_group(rows, step, opened)
            collections.place_collection(rows, step, opened, group_id)
            opened.values.update(planned_values(step))
            opened.values.update(write_positions(rows, step, opened.known))
            first = {"numberOfImages": opened.values.get("numberOfImages", 0)}
            run_id = collections.write_collection(rows, opened, first)
            if opened.known is not None:
                _name_serial_rows(rows, step, run_id)
            ids: Json = {
                "data_collection_id": run_id,
                "data_collection_group_id": group_id,
                "session_id": opened.session.session_id,
            }
            ids |= write_grid(rows, step, group_id, run_id)
            status = step.site.flavour.mx.program_status
            if status is not None:
                row = step.row(run_id)
                ids |= programs.begin_program(rows, row, status["running"])
        return ids

    def update(self, step: Step, ids: Json, report: RunReport) -> None:
        """The number of images stays as planned, where there is a plan."""
        _write_image_rows(step, ids, last=False)
        values = collections.going_on(step, report.images.received)
        if step.run.declared_images is not None:
            del values["numberOfImages"]
        with step.begin() as rows:
            rows.update(t.collection, ids["data_collection_id"], values)

    def end(self, step: Step, ids: Json, report: RunReport) -> Json:
        """The true number of images, where the last one ended, time and status."""
        run = step.row(ids["data_collection_id"], report.status)
        status = step.site.flavour.mx.program_status
        with step.begin() as rows:
            if status is not None:  # an account may have got rights since
                ids = {**ids, **programs.begin_program(rows, run, status["running"])}
        _write_image_rows(step, ids, last=True)
        with step.begin() as rows:
            values = collections.ended(step, report, differences(report))
            values |= final_values(step, report)
            rows.update(t.collection, run.collection_id, values)
            if status is not None:
                programs.end(rows, run, ids, report, status[run.status])
            groups.end_group(rows, ids["data_collection_group_id"], values["endTime"])
        return ids


ROWS = MxRows()
GRID_ROWS = MxRows(needs=(Capability.GRID,))


def _name_serial_rows(rows: Rows, step: Step, run_id: int) -> None:
    """Say once which rows a run keeps that began as a serial one: none is deleted."""
    can, mine = step.site.can, {"dataCollectionId": run_id}
    if not can.can(Capability.SSX) or not rows.ids(t.ssx_collection, **mine):
        return
    if not step.told.first(t.ssx_collection, run_id, "", ""):
        return
    left = [t.ssx_collection.name]
    if has_chains(rows, run_id):
        left.append(t.event_chain.name)
    if can.can(Capability.INTEGRATION) and rows.ids(t.integration, **mine):
        left.append(t.integration.name)
    log.warning(
        "serial_rows_left",
        run=step.run.uid,
        technique=step.run.technique,
        row=run_id,
        tables=left,
        hint="announce runs before their first image; delete these rows by hand if "
        "pages should not show the run as a serial one",
    )


def _write_image_rows(step: Step, ids: Json, *, last: bool) -> None:
    """Rows for images; where they hang on a program, only with it."""
    if step.site.flavour.mx.program_status is None or "program_id" in ids:
        write_images(step, ids, last=last, found=all_spots)


def all_spots(image: ImageOutcome) -> dict[str, Any]:
    """Columns of an image: all its spots, and those that are on no ring of ice."""
    found = spots_found(image)
    if isinstance(image.result, Classification):
        found["spotTotal"] = image.result.spots + image.result.rings
    return {**found, "inResTotal": found["spotTotal"]}
