"""The report of runs and experiments, from the journal: docs/reference/report.md."""

from __future__ import annotations

from typing import Any

import numpy as np

from recorder.records import Effort, Evidence, Json, RunState
from recorder.records.times import iso
from recorder.reports.statistics import (
    RESOLUTION_EDGES,
    cell_histograms,
    delay_bins,
    expected_multi,
    fraction,
    histogram,
    median_cell,
    wilson,
)
from recorder.reports.timeline_report import chains_report, timeline_report
from recorder.runs.ledger import Ledger, ledger_of
from recorder.runs.run import Run
from recorder.runs.tables.image_table import INDEXED, NON_INDEXED_HIT
from recorder.runs.timeline.live_timeline import LiveTimeline
from recorder.runs.timeline.measurement import NOT_MEASURED, measure
from recorder.runs.timeline.of_run import is_long, timeline_of
from recorder.ssx.labels.timeline import EVIDENCES, Labels


def run_report(run: Run, live: LiveTimeline | None = None) -> Json:
    """The report of one run, without what only sinks know.

    Args:
        run: The run.
        live: What is settled of its labels, of a run that goes on.
    """
    timeline = timeline_of(run, live)
    labels = timeline.labels
    ledger = ledger_of(run, timeline)
    # Chains of a long run are measured when it ends: pulses are looked at as a whole.
    measurement = NOT_MEASURED if is_long(run) else measure(run, timeline)
    hits = ledger.indexed + ledger.non_indexed_hits
    outcome = run.images.column("outcome")[run.images.ids]
    resolution = run.images.column("resolution")
    finite = resolution[np.isfinite(resolution)]
    differences = ledger.differences() if run.state is RunState.SEALED else ()
    return {
        "run": run.number,
        "uid": run.uid,
        "data_collection_id": None,
        "state": run.state,
        "status": run.status,
        "reason": run.reason,
        "revision": run.revision,
        "announced": run.announced,
        "space_group": run.announcement.space_group,
        "start_time": iso(run.opened_ns),
        "end_time": iso(run.ended_ns),
        "images": {
            "declared": run.declared_images,
            "expected": ledger.expected,
            "received": ledger.received,
            "lost": ledger.lost,
            "missed_triggers": ledger.missed,
            "classified": ledger.classified,
            "unprocessed": dict(ledger.unprocessed),
            "pending": ledger.pending,
            "triggers": ledger.triggers,
            "lost_ranges": (
                run.images.lost_ranges(ledger.expected or run.images.size)
                if ledger.lost
                else []
            ),
        },
        "classes": {
            "indexed": ledger.indexed,
            "non_indexed_hits": ledger.non_indexed_hits,
            "non_hits": ledger.non_hits,
            "lattices": run.images.lattice_count,
        },
        "rates": _rates(run, hits, ledger.indexed, ledger.classified),
        "pump": {
            "light": ledger.light,
            "dark": ledger.dark,
            "unknown": ledger.unknown,
        },
        "evidence": _evidence(labels),
        "delays": _delays(run, labels, outcome),
        "event_chains": chains_report(run, measurement),
        "timeline": timeline_report(run, timeline, measurement),
        "unit_cell": {
            "median": median_cell(run.images.cells),
            "images": ledger.indexed,
            "histograms": _cell_histograms(run),
        },
        "resolution": {
            "median": round(float(np.median(finite)), 3) if finite.size else None,
            "edges": list(RESOLUTION_EDGES),
            "counts": histogram(finite, np.array(RESOLUTION_EDGES)),
        },
        "classification": _classification(run, ledger, hits),
        "ledger": {"closed": ledger.closed, "differences": list(differences)},
        "counts": {name: int(n) for name, n in run.counts.items() if n},
        "events": dict(run.events.counts),
        "contradictions": sum(timeline.contradictions.values()),
        "notes": list(run.notes),
        "sinks": {},
    }


def _rates(run: Run, hits: int, indexed: int, classified: int) -> Json:
    interval = wilson(hits, classified)
    tried = hits - run.images.hits_not_tried
    return {
        "hit": _round(fraction(hits, classified)),
        "hit_ci95": None if interval is None else [round(x, 6) for x in interval],
        "indexed_of_hits": _round(fraction(indexed, tried)),
        "indexed_of_images": _round(fraction(indexed, classified)),
    }


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


def _cell_histograms(run: Run) -> list[Json]:
    names = ("a", "b", "c", "alpha", "beta", "gamma")
    found = cell_histograms(run.images.cells)
    return [
        {"parameter": name, "first": item.first, "last": item.last,
         "counts": item.counts}
        for name, item in zip(names, found, strict=False)
    ]  # fmt: skip


def _classification(run: Run, ledger: Ledger, hits: int) -> Json:
    """How the classes came about, and how well the lattices fit."""
    images = run.images
    several = int((images.column("lattices") > 1).sum())
    residuals = images.residuals
    solvent = images.column("solvent")
    solvent = solvent[np.isfinite(solvent)]
    expected = expected_multi(hits, ledger.classified, ledger.indexed)
    return {
        "by": {
            "recorder": ledger.classified - images.upstream,
            "upstream": images.upstream,
        },
        "left_out": {
            effort.name.lower(): images.reduced[effort]
            for effort in Effort
            if effort is not Effort.FULL
        },
        "multi_lattice": {
            "images": several,
            "of_indexed": _round(fraction(several, ledger.indexed)),
            "expected": _round(expected),
        },
        "residual": round(float(residuals.mean()), 7) if residuals.size else None,
        "solvent": round(float(np.median(solvent)), 4) if solvent.size else None,
        "calibrations": list(run.calibrations),
    }


def _evidence(labels: Labels) -> dict[str, int]:
    counts = np.bincount(labels.evidence, minlength=len(EVIDENCES))
    found = dict(zip(EVIDENCES, counts.tolist(), strict=True))
    return {str(name): found[name] for name in Evidence}


def _delays(run: Run, labels: Labels, outcome: Any) -> list[Json]:
    chains = run.chains
    indexed = outcome == INDEXED
    hit = indexed | (outcome == NON_INDEXED_HIT)
    return [
        {
            "chain": chains[item.chain].name if item.chain >= 0 else None,
            "slot": item.slot if item.slot >= 0 else None,
            "delay": item.delay_s,
            "images": item.images,
            "hits": item.hits,
            "indexed": item.indexed,
        }
        for item in delay_bins(labels, hit, indexed)
    ]
