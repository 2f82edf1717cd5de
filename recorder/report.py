"""The report of runs and experiments, from the journal: docs/reference/report.md."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np

from recorder.journal import Journal
from recorder.journal.restore import describe_run, load_run
from recorder.records import Effort, Evidence, Json, RunState
from recorder.runs.chains import NOT_MEASURED, measure
from recorder.runs.images import INDEXED, NON_INDEXED_HIT
from recorder.runs.ledger import Ledger
from recorder.runs.run import Run
from recorder.ssx.statistics import (
    RESOLUTION_EDGES,
    cell_histograms,
    delay_bins,
    expected_multi,
    fraction,
    histogram,
    median_cell,
    wilson,
)
from recorder.ssx.timeline import EVIDENCES, Labels
from recorder.timeline_report import chains_report, timeline_report

UID_PREFIX = 6
SINK_KINDS = ("run", "run_updated", "run_sealed")


def iso(time_ns: int | None) -> str | None:
    """A time for people and programs: RFC 3339 with zone and microseconds."""
    if time_ns is None:
        return None
    moment = datetime.fromtimestamp(time_ns // 1000 / 1e6, UTC)
    return moment.astimezone().isoformat(timespec="microseconds")


def run_report(run: Run) -> Json:
    """The report of one run, without what only sinks know."""
    timeline = run.timeline()
    labels = timeline.labels
    ledger = run.ledger(timeline)
    # Chains of a long run are measured when it ends: pulses are looked at as a whole.
    measurement = NOT_MEASURED if run.long else measure(run, timeline)
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
        "space_group": run.body.get("space_group"),
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


def stored_report(journal: Journal, uid: str, sinks: tuple[str, ...]) -> Json | None:
    """A run's report: as sealed, or as far as it has come."""
    run = describe_run(journal, uid)
    if run is None:
        return None
    sealed = journal.latest("run_sealed", uid)
    report: Json = (
        sealed.body["report"]
        if sealed is not None and run.state is RunState.SEALED
        else run_report(load_run(journal, uid) or run)
    )
    report["experiment"] = run.experiment
    report["sinks"] = {sink: _sink_state(journal, sink, uid) for sink in sinks}
    ids = journal.ids("ispyb", uid)
    report["data_collection_id"] = ids.get("data_collection_id")
    report["data_collection_group_id"] = ids.get("data_collection_group_id")
    return report


def _sink_state(journal: Journal, sink: str, uid: str) -> str:
    if (error := journal.parked(sink, uid)) is not None:
        return f"parked: {error}"
    return "written" if journal.written(sink, uid, SINK_KINDS) else "pending"


def full_report(
    journal: Journal,
    sinks: tuple[str, ...],
    *,
    run: str | None = None,
    experiment: str | None = None,
) -> Json:
    """All experiments of the journal, or those asked for.

    Args:
        journal: Where the runs are.
        sinks: Names of the sinks to report on.
        run: Run number, or at least 6 characters of the beginning of a uid.
        experiment: Experiment name or DataCollectionGroup id.
    """
    groups: dict[tuple[Any, ...], Json] = {}
    for uid in journal.run_uids():
        item = stored_report(journal, uid, sinks)
        if item is None or not _asked_for(item, run, experiment):
            continue
        name = item.pop("experiment")
        group_id = item.pop("data_collection_group_id")
        entry = groups.setdefault(
            (name, group_id),
            {"experiment": name, "data_collection_group_id": group_id, "runs": []},
        )
        entry["runs"].append(item)
    for entry in groups.values():
        entry["cumulative"] = cumulative(entry["runs"])
    return {"experiments": list(groups.values())}


def is_run(name: str, number: int, uid: str) -> bool:
    """Whether people mean this run: its number, its uid, or how its uid begins.

    A beginning has at least UID_PREFIX characters: "9" is a number, not a uid.
    """
    prefix = len(name) >= UID_PREFIX and uid.startswith(name)
    return name in (str(number), uid) or prefix


def _asked_for(item: Json, run: str | None, experiment: str | None) -> bool:
    if run is not None and not is_run(run, item["run"], item["uid"]):
        return False
    names = (item["experiment"], str(item["data_collection_group_id"]))
    return experiment is None or experiment in names


def cumulative(runs: list[Json]) -> Json:
    """Sums over runs; ``skipped`` is ISPyB's word: images minus hits."""
    images = sum(run["images"]["received"] for run in runs)
    indexed = sum(run["classes"]["indexed"] for run in runs)
    others = sum(run["classes"]["non_indexed_hits"] for run in runs)
    return {
        "runs": len(runs),
        "images": images,
        "indexed": indexed,
        "non_indexed_hits": others,
        "skipped": images - indexed - others,
    }
