"""Reports of runs as the journal holds them."""

from __future__ import annotations

from typing import Any

from recorder.journal import Journal
from recorder.journal.records import SINK_KINDS
from recorder.journal.restore import describe_run, load_run
from recorder.records import Json, RunState
from recorder.reports.run_report import run_report

UID_PREFIX = 6


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
