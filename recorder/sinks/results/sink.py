"""The files of a run: docs/reference/files.md."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from recorder.config import Settings
from recorder.errors import SinkError
from recorder.journal import Journal, Record, RecordKind
from recorder.journal.restore import describe_run, event_names, events_of
from recorder.records import ImageClass, Json
from recorder.records.report_json import report_to_json
from recorder.records.run_report import RunReport
from recorder.records.times import iso
from recorder.reports.run_labels import RunLabels, with_labels
from recorder.runs.run import Run
from recorder.runs.timeline.measurement import pulse_facts
from recorder.sinks.atomic_files import write_json
from recorder.sinks.held_folder import HeldFolder
from recorder.sinks.records import report_of
from recorder.sinks.results.event_lists import write_event_lists
from recorder.sinks.results.hdf5 import write_results
from recorder.sinks.results.pages import Pages
from recorder.sinks.results.recorded import Recorded
from recorder.sinks.results.run_folder import Owner, own_folder
from recorder.sinks.results.ssx_json import MAX_CELLS, ssx_stats
from recorder.sinks.results.technique_files import SealedRun, files_of

STATS = "ssx_stats.json"
"""Written last of the two files of a run that goes on: py-ISPyB looks for it."""


class ResultsSink:
    """Writes ``ssx_*.json`` while a run goes on, and all files when it is sealed.

    Args:
        settings: Where the results lie.
    """

    name = "results"

    def __init__(self, settings: Settings) -> None:
        self._root = settings.results.resolve()
        self._journal: Journal | None = None
        self._id = ""
        self._pages = Pages(self._root)

    def open(self, journal: Journal) -> None:
        """Use a journal connection of this sink's thread."""
        self._journal, self._id = journal, journal.id

    def close(self) -> None:
        """Nothing is kept open."""

    def apply(self, record: Record) -> Json | None:
        """Write the files that a journal record changes.

        Raises:
            SinkError: The run's images are no longer in the journal, or its folder is
                another run's.
        """
        uid = record.run or ""
        if record.kind == RecordKind.RUN:
            with self._folder(uid) as folder:
                if STATS not in folder.names():
                    self._ssx_files(folder, RunReport(0, uid), [])
            return None
        if self._store.latest(RecordKind.RUN_PRUNED, uid) is not None:
            raise SinkError(
                "the run's images were removed from the journal; its files "
                "stay as they are"
            )
        report = report_of(record)
        with self._folder(uid) as folder:
            self._ssx_files(folder, report, self._cells(uid, report))
            if record.kind == RecordKind.RUN_SEALED:
                self._sealed(uid, folder)
        return None

    @property
    def _store(self) -> Journal:
        if self._journal is None:
            raise SinkError("the sink is not open")
        return self._journal

    @contextmanager
    def _folder(self, uid: str) -> Iterator[HeldFolder]:
        record = self._store.latest(RecordKind.RUN, uid)
        if record is None:
            raise SinkError("the run is not in the journal")
        path, owner = str(record.body["folder"]), Owner(uid, self._id)
        with own_folder(self._root, path, owner) as folder:
            yield folder

    def _ssx_files(
        self, folder: HeldFolder, report: RunReport, cells: list[Any]
    ) -> None:
        """The two files that py-ISPyB reads; it fails on a half-written one."""
        write_json(folder, "ssx_cells.json", {"unit_cells": cells})
        write_json(folder, STATS, ssx_stats(report))

    def _cells(self, uid: str, report: RunReport) -> list[Any]:
        """At most MAX_CELLS unit cells, spread evenly over the run."""
        step = -(-report.classes.indexed // MAX_CELLS) or 1
        if step == 1:
            images = self._store.indexed_images(uid)
        else:  # by their numbers: to look through all would cost more with each image
            last = self._store.last_image(uid) or 0
            images = self._store.images_named(uid, range(0, last + 1, step))
        return [
            [round(float(value), 3) for value in lattice.cell]
            for image in sorted(images, key=lambda image: image.image_id)
            if image.outcome is ImageClass.INDEXED
            for lattice in image.found.lattices
        ][: 2 * MAX_CELLS]

    def _sealed(self, uid: str, folder: HeldFolder) -> None:
        """All files of a run; labels of the images are not in its report."""
        store = self._store
        known, sealed = store.headline(uid), store.latest(RecordKind.RUN_SEALED, uid)
        run = None if known is None else describe_run(store, known)
        if known is None or run is None or sealed is None:
            raise SinkError("the run is not in the journal")
        # The latest one: a record that is tried again may be of an earlier revision.
        report = replace(report_of(sealed), as_of=iso(sealed.time_ns))

        def write(labels: RunLabels) -> None:
            self._write_images(folder, run, report, labels)

        with_labels(store, known, write)
        body = report_to_json(replace(report, experiment=run.experiment))
        for transient in ("sinks", "data_collection_id", "data_collection_group_id"):
            body.pop(transient)
        write_json(folder, "report.json", body)
        whole = {name: body[name] for name in ("event_chains", "timeline")}
        write_json(folder, "timeline.json", {"uid": uid, **whole})
        self._pages.write_run(folder, body, run)
        self._pages.write_experiment(store, run)

    def _write_images(
        self, folder: HeldFolder, run: Run, report: RunReport, labels: RunLabels
    ) -> None:
        """The files with a row for each image."""
        store, uid = self._store, run.uid
        pulses = pulse_facts(
            [chain.commanded for chain in report.event_chains],
            [chain.measured for chain in report.event_chains],
            labels.facts.first_ns,
        )
        recorded = Recorded(
            rows=partial(store.image_rows, uid),
            events=partial(events_of, store, uid),
            uid_bytes=store.uid_bytes(event_names(store, uid)),
        )
        technique = files_of(run.technique)
        write_results(folder, run, labels, pulses, recorded, technique)
        indexed = partial(store.indexed_in, uid)
        write_event_lists(folder, run.announcement, labels, indexed)
        if technique is not None:
            technique.write(folder, SealedRun(run, report, labels, recorded, store))
