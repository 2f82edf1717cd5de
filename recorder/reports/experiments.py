"""Runs by experiment, and their sums."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from recorder.records.cards import RunCard
from recorder.records.run_report import (
    Cumulative,
    ExperimentReport,
    FullReport,
    RunReport,
)


def by_experiment(runs: Iterable[RunReport]) -> FullReport:
    """The runs by experiment and group, both in the order of their first run."""
    groups: dict[tuple[str, int | None], list[RunReport]] = {}
    for run in runs:
        key = (run.experiment, run.data_collection_group_id)
        groups.setdefault(key, []).append(run)
    return FullReport(
        tuple(
            ExperimentReport(name, group_id, tuple(members), cumulative(members))
            for (name, group_id), members in groups.items()
        )
    )


def cumulative(runs: Sequence[RunReport | RunCard]) -> Cumulative:
    """Sums over serial runs; ``skipped`` is ISPyB's word: images minus hits."""
    serial = [run for run in runs if run.serial]
    images = sum(run.images.received for run in serial)
    return Cumulative(
        runs=len(runs),
        images=images,
        indexed=sum(run.classes.indexed for run in serial),
        non_indexed_hits=sum(run.classes.non_indexed_hits for run in serial),
        skipped=images - sum(run.classes.hits for run in serial),
        other_runs=len(runs) - len(serial),
        other_images=sum(run.images.received for run in runs) - images,
    )
