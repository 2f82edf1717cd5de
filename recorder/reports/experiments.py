"""Runs by experiment, and their sums."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

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


def cumulative(runs: Sequence[RunReport]) -> Cumulative:
    """Sums over runs; ``skipped`` is ISPyB's word: images minus hits."""
    images = sum(run.images.received for run in runs)
    return Cumulative(
        runs=len(runs),
        images=images,
        indexed=sum(run.classes.indexed for run in runs),
        non_indexed_hits=sum(run.classes.non_indexed_hits for run in runs),
        skipped=images - sum(run.classes.hits for run in runs),
    )
