"""The files of a run: docs/reference/files.md."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from recorder.config import Settings
from recorder.errors import SinkError
from recorder.journal import Journal, Record
from recorder.journal.restore import events_of, load_run
from recorder.records import Json, Pump
from recorder.report import stored_report
from recorder.runs.images import INDEXED
from recorder.runs.run import Run
from recorder.sinks.files import write_json, write_text
from recorder.sinks.results_hdf5 import write_results
from recorder.ssx.lattice import lattice_type
from recorder.ssx.statistics import delay_clusters
from recorder.ssx.timeline import PUMPS, Labels
from recorder.ssx.times import NO_DELAY

MAX_CELLS = 5000
NO_LATTICE = "unknown"


class ResultsSink:
    """Writes ``ssx_*.json`` while a run goes on, and all files when it is sealed.

    Args:
        settings: Where the results lie.
    """

    name = "results"

    def __init__(self, settings: Settings) -> None:
        self._root = settings.results.resolve()
        self._journal: Journal | None = None

    def open(self, journal: Journal) -> None:
        """Use a journal connection of this sink's thread."""
        self._journal = journal

    def close(self) -> None:
        """Nothing is kept open."""

    def apply(self, record: Record) -> Json | None:
        """Write the files that a journal record changes."""
        uid = record.run or ""
        if record.kind == "run":
            folder = self._folder(uid)
            if not (folder / "ssx_stats.json").exists():
                self._ssx_files(folder, _empty_report(), [])
            return None
        if self._store.latest("run_pruned", uid) is not None:
            raise SinkError("the run's images were removed from the journal; its files "
                            "stay as they are")  # fmt: skip
        report = record.body["report"]
        folder = self._folder(uid)
        self._ssx_files(folder, report, self._cells(uid, report))
        if record.kind == "run_sealed":
            self._sealed(uid, folder)
        return None

    @property
    def _store(self) -> Journal:
        if self._journal is None:
            raise SinkError("the sink is not open")
        return self._journal

    def _folder(self, uid: str) -> Path:
        record = self._store.latest("run", uid)
        if record is None:
            raise SinkError("the run is not in the journal")
        folder = (self._root / str(record.body["folder"])).resolve()
        if not folder.is_relative_to(self._root):
            raise SinkError(f"{folder} lies outside the results folder {self._root}")
        return folder

    def _ssx_files(self, folder: Path, report: Json, cells: list[Any]) -> None:
        """The two files that py-ISPyB reads; it fails on a half-written one."""
        write_json(folder / "ssx_cells.json", {"unit_cells": cells})
        write_json(folder / "ssx_stats.json", ssx_stats(report))

    def _cells(self, uid: str, report: Json) -> list[Any]:
        """At most MAX_CELLS unit cells, spread evenly over the run."""
        indexed = report["classes"]["indexed"]
        step = -(-indexed // MAX_CELLS) or 1
        details = self._store.indexed_details(uid, step)
        return [
            [round(float(value), 3) for value in lattice["cell"]]
            for detail in details
            for lattice in json.loads(detail)["lattices"]
        ][: 2 * MAX_CELLS]

    def _sealed(self, uid: str, folder: Path) -> None:
        run = load_run(self._store, uid)
        report = stored_report(self._store, uid, ())
        if run is None or report is None:
            raise SinkError("the run is not in the journal")
        timeline = run.timeline()
        labels = timeline.labels
        write_results(
            folder / "results.h5",
            run,
            timeline,
            self._store.image_rows(uid),
            events_of(self._store, uid),
        )
        self._lists(folder, run, labels)
        for transient in ("sinks", "data_collection_id", "data_collection_group_id"):
            report.pop(transient)
        write_json(folder / "report.json", report)
        whole = {name: report[name] for name in ("event_chains", "timeline")}
        write_json(folder / "timeline.json", {"uid": uid, **whole})

    @staticmethod
    def _lists(folder: Path, run: Run, labels: Labels) -> None:
        """CrystFEL event lists; one more for each delay."""
        files = run.body.get("files") or {}
        place = Path(str(files.get("directory") or "."))
        image_file = str(place / str(files.get("template") or "unknown.h5"))
        ids = run.images.ids
        indexed = run.images.column("outcome")[ids] == INDEXED
        light = labels.pump == PUMPS.index(Pump.LIGHT)
        dark = labels.pump == PUMPS.index(Pump.DARK)
        chosen = {"light": light, "dark": dark, "indexed": indexed}
        cluster = delay_clusters(np.where(light, labels.delay_ns, NO_DELAY))
        for number in range(int(cluster.max(initial=-1)) + 1):
            mine = cluster == number
            chosen[delay_name(float(np.median(labels.delay_ns[mine])))] = mine
        for name, which in chosen.items():
            lines = "".join(f"{image_file} //{n}\n" for n in ids[which].tolist())
            write_text(folder / f"{name}.lst", lines)


def delay_name(delay_ns: float) -> str:
    """File name of a delay's list, such as ``delay_0.6s``."""
    return f"delay_{delay_ns / 1e9:.4g}s"


def ssx_stats(report: Json) -> Json:
    """``ssx_stats.json`` as py-ISPyB reads it: all four keys, none of them null."""
    classes = report["classes"]
    return {
        "nbHits": int(classes["indexed"] + classes["non_indexed_hits"]),
        "nbIndexed": int(classes["indexed"]),
        "laticeType": _lattice(report),
        "estimatedResolution": float(report["resolution"]["median"] or 0.0),
    }


def _lattice(report: Json) -> str:
    median = report["unit_cell"]["median"]
    if median is None:
        return NO_LATTICE
    a, b, c, alpha, beta, gamma = median
    return lattice_type((a, b, c, alpha, beta, gamma), report.get("space_group"))


def _empty_report() -> Json:
    return {
        "classes": {"indexed": 0, "non_indexed_hits": 0},
        "resolution": {"median": None},
        "unit_cell": {"median": None},
    }
