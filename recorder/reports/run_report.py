"""The report of a run, from its images, events and labels."""

from __future__ import annotations

from typing import Any

import numpy as np

from recorder.records import Evidence, RunState, WorkLevel
from recorder.records.image_outcome import INDEXED, NON_INDEXED_HIT
from recorder.records.image_report import (
    CellHistogram,
    CellParameter,
    ClassCounts,
    ClassificationReport,
    ClassifiedBy,
    DelayCounts,
    EvidenceCounts,
    ImageCounts,
    LeftOut,
    MultiLattice,
    PumpCounts,
    Rates,
    Resolutions,
    TargetReport,
    UnitCells,
)
from recorder.records.run_report import LedgerReport, RunReport
from recorder.records.runs import SERIAL
from recorder.records.scan_report import ScanReport
from recorder.records.times import iso
from recorder.reports.about import about_of
from recorder.reports.by_pump import pump_classes
from recorder.reports.line import line_report
from recorder.reports.statistics import (
    RESOLUTION_EDGES,
    cell_histograms,
    delay_bins,
    expected_multi,
    fraction,
    histogram,
    median_cell,
)
from recorder.reports.timeline_report import chains_report, timeline_report
from recorder.runs.ledger import Ledger, ledger_of
from recorder.runs.run import Run
from recorder.runs.technique import open_sums, technique_of
from recorder.runs.timeline.chip import chip_of
from recorder.runs.timeline.live_timeline import LiveTimeline
from recorder.runs.timeline.measurement import Measurement, measure
from recorder.runs.timeline.of_run import timeline_of
from recorder.ssx.alarms.wilson import wilson
from recorder.ssx.labels.timeline import EVIDENCES, Labels, Timeline
from recorder.ssx.scan.summary import scan_report

PARAMETERS: tuple[CellParameter, ...] = ("a", "b", "c", "alpha", "beta", "gamma")


def run_report(run: Run, live: LiveTimeline | None = None) -> RunReport:
    """The report of one run, without what only sinks know.

    Args:
        run: The run.
        live: What is settled of its labels, of a run that goes on.
    """
    timeline = timeline_of(run, live)
    return report_of(run, timeline, measure(run, timeline))


def report_of(run: Run, timeline: Timeline, measurement: Measurement) -> RunReport:
    """The same of a run whose labels are known.

    Args:
        run: The run.
        timeline: Its labels.
        measurement: What its events amount to.
    """
    labels = timeline.labels
    ledger = ledger_of(run, timeline)
    technique = technique_of(run.announcement)
    part = technique.report(run, timeline)
    differences: tuple[str, ...] = ()
    if run.state is RunState.SEALED:
        differences = (*ledger.differences(), *open_sums(technique.sums(run, part)))
    known = described(run)
    if timeline.assignment.conflict and run.technique == SERIAL:
        said = f"labels are unknown: {timeline.assignment.conflict}"
        known["notes"] = (*known["notes"], said)
    return RunReport(
        **known,
        images=_images(run, ledger),
        classes=ClassCounts(
            indexed=ledger.indexed,
            non_indexed_hits=ledger.non_indexed_hits,
            non_hits=ledger.non_hits,
            lattices=run.images.lattice_count,
        ),
        rates=_rates(run, ledger),
        pump=PumpCounts(ledger.light, ledger.dark, ledger.unknown),
        pump_classes=pump_classes(run.images, labels),
        evidence=_evidence(labels),
        delays=_delays(run, labels),
        scan=_scan(run, timeline),
        targets=tuple(TargetReport(t.delay, t.indexed) for t in run.targets),
        line=line_report(run.images.column("outcome")),
        event_chains=chains_report(run, measurement),
        timeline=timeline_report(run, timeline, measurement),
        unit_cell=UnitCells(
            median=median_cell(run.images.lattices.cells),
            images=ledger.indexed,
            histograms=_cell_histograms(run),
        ),
        resolution=_resolution(run),
        classification=_classification(run, ledger),
        ledger=LedgerReport(ledger.closed and not differences, differences),
        counts={name: int(n) for name, n in run.counts.items() if n},
        events=dict(run.events.counts),
        contradictions=sum(timeline.contradictions.values()),
        alarms=tuple(run.alarms.values()),
        mx=part.mx,
        energy_scan=part.energy_scan,
        spectrum=part.spectrum,
        other=part.other,
    )


def described(run: Run) -> dict[str, Any]:
    """What a report says of a run without looking at its images and events."""
    started_ns = run.shown_ns(run.opened_ns)
    ended_ns = None if run.ended_ns is None else run.shown_ns(run.ended_ns)
    return {
        "run": run.number,
        "uid": run.uid,
        "state": run.state,
        "status": run.status,
        "reason": run.reason,
        "provisional": run.state is not RunState.SEALED,
        "revision": run.revision,
        "announced": run.announced,
        "technique": run.technique,
        "about": None if run.technique == SERIAL else about_of(run.announcement),
        "space_group": run.announcement.space_group,
        "start_time": iso(started_ns) or "",
        "end_time": iso(ended_ns),
        "notes": tuple(run.notes),
        "experiment": run.experiment,
        "started_ns": started_ns,
        "ended_ns": ended_ns,
    }


def _images(run: Run, ledger: Ledger) -> ImageCounts:
    size = ledger.expected or run.images.size
    ranges = run.images.lost_ranges(size) if ledger.lost else []
    return ImageCounts(
        declared=run.declared_images,
        expected=ledger.expected,
        received=ledger.received,
        lost=ledger.lost or 0,
        missed_triggers=ledger.missed,
        classified=ledger.classified,
        unprocessed=dict(ledger.unprocessed),
        pending=ledger.pending,
        triggers=ledger.triggers,
        lost_ranges=tuple((first, last) for first, last in ranges),
    )


def _hits(ledger: Ledger) -> int:
    return ledger.indexed + ledger.non_indexed_hits


def _rates(run: Run, ledger: Ledger) -> Rates:
    hits, classified = _hits(ledger), ledger.classified
    interval = wilson(hits, classified)
    tried = hits - run.images.hits_not_tried
    return Rates(
        hit=_round(fraction(hits, classified)),
        hit_ci95=interval and (round(interval[0], 6), round(interval[1], 6)),
        indexed_of_hits=_round(fraction(ledger.indexed, tried)),
        indexed_of_images=_round(fraction(ledger.indexed, classified)),
    )


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


def _cell_histograms(run: Run) -> tuple[CellHistogram, ...]:
    return tuple(
        CellHistogram(name, item.first, item.last, tuple(item.counts))
        for name, item in zip(
            PARAMETERS, cell_histograms(run.images.lattices.cells), strict=False
        )
    )


def _resolution(run: Run) -> Resolutions:
    """Of images with a crystal; of serial runs also what blanks seem to reach."""
    limits = run.images.column("resolution")
    if run.technique != SERIAL:
        hit = np.isin(run.images.column("outcome"), (INDEXED, NON_INDEXED_HIT))
        limits = limits[hit]
    limits = limits[np.isfinite(limits)]
    return Resolutions(
        median=round(float(np.median(limits)), 3) if limits.size else None,
        edges=RESOLUTION_EDGES,
        counts=tuple(histogram(limits, np.array(RESOLUTION_EDGES))),
    )


def _classification(run: Run, ledger: Ledger) -> ClassificationReport:
    """How the classes came about, and how well the lattices fit."""
    images = run.images
    several = int((images.column("lattices") > 1).sum())
    residuals = images.lattices.residuals
    solvent = images.column("solvent")
    solvent = solvent[np.isfinite(solvent)]
    expected = expected_multi(_hits(ledger), ledger.classified, ledger.indexed)
    return ClassificationReport(
        by=ClassifiedBy(ledger.classified - images.upstream, images.upstream),
        left_out=LeftOut(
            no_retry=images.reduced[WorkLevel.NO_RETRY],
            one_lattice=images.reduced[WorkLevel.ONE_LATTICE],
            no_indexing=images.reduced[WorkLevel.NO_INDEXING],
        ),
        multi_lattice=MultiLattice(
            images=several,
            of_indexed=_round(fraction(several, ledger.indexed)),
            expected=_round(expected),
        ),
        residual=round(float(residuals.mean()), 7) if residuals.size else None,
        solvent=round(float(np.median(solvent)), 4) if solvent.size else None,
        gain=run.gain,
        pedestal=run.pedestal,
        tried=_hits(ledger) - images.hits_not_tried,
        rings=int(np.count_nonzero(images.column("rings"))),
        calibrations=tuple(run.calibrations),
        drift=tuple(run.drift),
    )


def _evidence(labels: Labels) -> EvidenceCounts:
    counts = np.bincount(labels.evidence, minlength=len(EVIDENCES))
    found = dict(zip(EVIDENCES, counts.tolist(), strict=True))
    return EvidenceCounts(**{str(name): found[name] for name in Evidence})


def _scan(run: Run, timeline: Timeline) -> ScanReport | None:
    chip = chip_of(run, timeline)
    if chip is None:
        return None
    return scan_report(chip.walk, chip.by, chip.seen, chip.states(), chip.moved)


def _delays(run: Run, labels: Labels) -> tuple[DelayCounts, ...]:
    chains = run.chains
    outcome = run.images.column("outcome")[run.images.ids]
    indexed = outcome == INDEXED
    hit = indexed | (outcome == NON_INDEXED_HIT)
    return tuple(
        DelayCounts(
            chain=chains[item.chain].name if item.chain >= 0 else None,
            slot=item.slot if item.slot >= 0 else None,
            delay=item.delay_s,
            images=item.images,
            hits=item.hits,
            indexed=item.indexed,
        )
        for item in delay_bins(labels, hit, indexed)
    )
