"""Serial runs: ``SSXDataCollection``, event chains, and statistics by flavour."""

from __future__ import annotations

from recorder.errors import SinkDeniedError, SinkError
from recorder.ispyb.schema import tables as t
from recorder.ispyb.schema.capabilities import Capability
from recorder.ispyb.schema.rows import Rows
from recorder.ispyb.sessions import Session
from recorder.records import Announcement, Beam, Json, SsxDelivery
from recorder.records.run_report import RunReport
from recorder.runtime.log import get_logger
from recorder.sinks.ispyb import collections, groups
from recorder.sinks.ispyb.chains import (
    commanded_chains,
    has_chains,
    measured_chains,
    write_chains,
)
from recorder.sinks.ispyb.samples import find_components
from recorder.sinks.ispyb.step import Step
from recorder.sinks.ispyb.techniques.images import write_images

log = get_logger("ispyb")


class SsxRows:
    """See :class:`~recorder.sinks.ispyb.techniques.rows.TechniqueRows`."""

    needs = (Capability.SSX,)

    def begin(self, step: Step) -> Json:
        """Group, run, chains, statistics: one transaction."""
        announced, site = step.run.announcement, step.site
        with step.begin() as rows:
            opened = collections.open_collection(rows, step)
            group_id = groups.place_run(rows, step, opened.session, opened.known)
            collections.place_collection(rows, step, opened, group_id)
            ssx = ssx_values(announced)
            ssx["experimentName"] = groups.experiment_name(rows, announced)
            run_id = collections.write_collection(rows, opened, {"numberOfImages": 0})
            _write_ssx(rows, run_id, ssx)
            _commanded_chains(rows, step, opened.session, run_id)
            ids = site.flavour.statistics.begin(rows, step.row(run_id))
        return {
            "data_collection_id": run_id,
            "data_collection_group_id": group_id,
            "session_id": opened.session.session_id,
            **ids,
        }

    def update(self, step: Step, ids: Json, report: RunReport) -> None:
        """Images and rates so far."""
        run = step.row(ids["data_collection_id"])
        _write_image_rows(step, ids, last=False)
        with step.begin() as rows:
            values = collections.going_on(step, report.images.received)
            rows.update(t.collection, run.collection_id, values)
            step.site.flavour.statistics.update(rows, run, ids, report)

    def end(self, step: Step, ids: Json, report: RunReport) -> Json:
        """The true end: counts, time and status."""
        run = step.row(ids["data_collection_id"], report.status)
        if report.measured:
            _write_measured(step, run.collection_id, report)
        statistics = step.site.flavour.statistics
        with step.begin() as rows:
            # an account may have got rights since the run began
            ids = {**ids, **statistics.begin(rows, run)}
        _write_image_rows(step, ids, last=True)
        audit = report.timeline.summary if report.measured else ""
        said = f"timeline: {audit}" if audit else ""
        with step.begin() as rows:
            values = collections.ended(step, report, said)
            values["resolution"] = report.resolution.median
            rows.update(t.collection, run.collection_id, values)
            statistics.end(rows, run, ids, report)
            groups.end_group(rows, ids["data_collection_group_id"], values["endTime"])
        return ids


ROWS = SsxRows()


def ssx_values(announcement: Announcement) -> Json:
    """Columns of SSXDataCollection, but for the experiment's name."""
    ssx, beam = announcement.ssx or SsxDelivery(), announcement.beam or Beam()
    return {
        "repetitionRate": ssx.repetition_rate,
        "energyBandwidth": beam.energy_bandwidth,
        "jetSpeed": ssx.jet_speed,
        "jetSize": ssx.jet_size,
        "laserEnergy": ssx.laser_energy,
        "monoStripe": ssx.mono_stripe,
        "chipPattern": ssx.chip_pattern,
        "chipModel": ssx.chip_model,
    }


def _write_ssx(rows: Rows, run_id: int, values: Json) -> None:
    """A run that was announced as another technique's first has none yet."""
    if rows.ids(t.ssx_collection, dataCollectionId=run_id):
        rows.update(t.ssx_collection, run_id, values)
    else:
        rows.insert(t.ssx_collection, {"dataCollectionId": run_id, **values})


def _commanded_chains(rows: Rows, step: Step, session: Session, run_id: int) -> None:
    announced, can = step.run.announcement, step.site.can
    components = find_components(
        step.completer(rows), session.proposal_id, announced.sample, can
    )
    if not has_chains(rows, run_id):
        chains = commanded_chains(announced, step.site.chain_scope)
        write_chains(rows, run_id, chains, components)


def _write_image_rows(step: Step, ids: Json, *, last: bool) -> None:
    """Rows for images, where the flavour's readers or the settings ask for them."""
    linked = step.site.flavour.image_rows or "program_id" in ids
    if step.site.image_rows and linked:
        write_images(step, ids, last=last)


def _write_measured(step: Step, run_id: int, report: RunReport) -> None:
    """Measured values into the event rows; a run is closed without them, too."""
    why = step.site.can.missing.get(Capability.MEASURED, "")
    if not why:
        try:
            with step.begin() as rows:
                chains = measured_chains(report, step.site.chain_scope)
                # links to components stand since the commanded chains were written
                write_chains(rows, run_id, chains, None)
        except (SinkError, SinkDeniedError) as error:
            why = str(error)
    if why:
        log.warning(
            "chains_left_commanded",
            run=step.run.uid,
            error=why,
            hint="the recorder needs UPDATE on Event",
        )
