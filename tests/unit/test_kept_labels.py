"""Labels that were kept say what labels say that are worked out anew."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.errors import NoSuchRunError
from recorder.journal import Journal
from recorder.journal.event_json import event_to_json
from recorder.journal.kept_labels import (
    FACTS,
    LABELS,
    pack_columns,
    unpack_columns,
)
from recorder.journal.records import NewRecord, RecordKind
from recorder.journal.restore import events_of, load_run
from recorder.journal.run_record import run_record
from recorder.records import Files, ImageClass, Lattice, RunState
from recorder.records.report_json import report_to_json
from recorder.reports import run_labels
from recorder.reports.chip import chip_json
from recorder.reports.explain import explain_image
from recorder.reports.label_facts import facts_from_json
from recorder.reports.run_labels import (
    KeptLabels,
    LabelsGoneError,
    keep,
    kept_labels,
    labels_of,
)
from recorder.reports.run_report import run_report
from recorder.runs.run import Run
from recorder.runs.timeline.measurement import measure
from recorder.runs.timeline.of_run import timeline_of
from recorder.simulate.timing.faults import parse_faults
from recorder.sinks.held_folder import held
from recorder.sinks.results.event_lists import write_event_lists
from recorder.sinks.results.hdf5 import FILE, write_results
from recorder.sinks.results.recorded import Recorded
from tests.builders import announced, outcome
from tests.laws import examples
from tests.played import Played, finish, new_run, play, pump_probe

SPECS = (
    "",
    "lost=0.02,missed=0.02,skew=200",
    "misfire=0.1,lost_bursts=2:0.2",
    "missed_head=3,lost=0.01",
    "step=0.1:0.0007,lost=0.01",
)
SCAN = {"rows": 8, "columns": 8, "shots_per_position": 2}
LATTICE = Lattice((79.1, 79.1, 38.2, 90.0, 90.0, 90.0), (26.4,) * 9, 9, -20.0, 1e-3)


def journalled(journal: Journal, played: Played, **body: Any) -> Run:
    """A run that a recorder recorded and sealed, its labels kept."""
    run = new_run(played)
    run.folder = "f"
    message = {**run.announcement.message, **body}
    run.announcement = announced(message)
    journal.write([NewRecord(RecordKind.RUN, "u", run_record(run, "opened"), 0)])
    times = zip(played.image_id.tolist(), played.start_ns.tolist(), strict=True)
    journal.write(
        [
            NewRecord(RecordKind.EVENT, "u", event_to_json(event), 0)
            for event in played.events
        ],
        [("u", image_of(n, ns)) for n, ns in times],
    )
    run = finish(load(journal), played)
    run.state = RunState.SEALED
    seal(journal, run)
    return load(journal)


def image_of(n: int, start_ns: int) -> Any:
    if n % 3:
        return outcome(n, start_ns=start_ns, stop_ns=start_ns + 100_000)
    kind, times = ImageClass.INDEXED, (start_ns, start_ns + 100_000)
    return outcome(n, kind, *times, spots=n, lattices=(LATTICE,), resolution=1.9)


def load(journal: Journal) -> Run:
    run = load_run(journal, "u")
    assert run is not None
    return run


def seal(journal: Journal, run: Run) -> None:
    keep(journal, run, labels_of(run))
    body = {"report": report_to_json(run_report(run)), "revision": run.revision}
    journal.write(
        [
            NewRecord(RecordKind.RUN, "u", run_record(run, "sealed"), 0),
            NewRecord(RecordKind.RUN_SEALED, "u", body, 0),
        ]
    )


@contextmanager
def journal_in(folder: Path):
    journal = Journal(folder / "journal.sqlite", synchronous="normal")
    try:
        yield journal
    finally:
        journal.close()


def drawn_run(spec: str, images: int, rows: bool, seed: int) -> Played:
    return play(
        pump_probe(1000.0, images), images, parse_faults(spec), seed=seed, rows=rows
    )


@settings(max_examples=examples(8), deadline=None)
@given(
    st.sampled_from(SPECS),
    st.integers(1, 90),
    st.booleans(),
    st.booleans(),
    st.integers(0, 99),
)
def test_an_image_is_explained_alike(tmp_path_factory, spec, images, rows, scan, seed):
    """From what was kept, and from all images and events of the run."""
    body = {"scan": SCAN} if scan else {}
    with journal_in(tmp_path_factory.mktemp("labels")) as journal:
        run = journalled(journal, drawn_run(spec, images, rows, seed), **body)
        known = journal.headline("u")
        assert kept_labels(journal, known) is not None
        last = run.images.size - 1
        ids = sorted(
            {0, last // 7, last // 3, last // 2, last - 1, last} & {*range(last + 1)}
        )
        kept = said(journal, ids)
        journal.drop_snapshots("u")
        assert kept_labels(journal, known) is None
        assert said(journal, ids) == kept


def said(journal: Journal, ids: Any) -> Any:
    """All that programs are told of images and chip."""
    answers = [explain_image(journal, "u", n) for n in ids]
    return json.loads(json.dumps([answers, chip_json(journal, "u")]))


def test_one_image_of_a_sealed_run_reads_one_block(tmp_path, monkeypatch):
    monkeypatch.setattr("recorder.journal.kept_labels.SNAPSHOT_ROWS", 16)
    monkeypatch.setattr(run_labels, "SNAPSHOT_ROWS", 16)
    with journal_in(tmp_path) as journal:
        journalled(journal, drawn_run("lost=0.1", 100, True, 1))
        monkeypatch.setattr(run_labels, "load_run", None)
        blocks = []
        real = run_labels.kept_block
        monkeypatch.setattr(
            run_labels, "kept_block", lambda *of: blocks.append(of) or real(*of)
        )
        assert explain_image(journal, "u", 50)["image_id"] == 50
        assert [number for *_, number in blocks] == [3]


@pytest.mark.parametrize("damage", ["block", "facts", "older", "fewer", "no block"])
def test_labels_that_cannot_be_used_are_worked_out(tmp_path, damage):
    """Damaged, of another revision, or of a recorder that was killed as it sealed."""
    with journal_in(tmp_path) as journal:
        journalled(journal, drawn_run("", 60, True, 1))
        before = explain_image(journal, "u", 30)
        if damage == "block":
            journal.keep_snapshot("u", LABELS, 0, 0, b"damaged")
        elif damage == "no block":
            journal.drop_snapshots_of("u", [LABELS])
        elif damage == "facts":
            journal.keep_snapshot("u", FACTS, 0, 0, b"damaged")
        else:
            upto, body = journal.snapshot("u", FACTS, 0)
            if damage == "fewer":
                journal.drop_images("u", 1)
                run = load(journal)
                run.state = RunState.SEALED
                report = report_to_json(run_report(run))
                body = {"report": report, "revision": 0}
                journal.write([NewRecord(RecordKind.RUN_SEALED, "u", body, 0)])
                assert kept_labels(journal, journal.headline("u")) is None
                return
            journal.keep_snapshot("u", FACTS, 0, upto + 1, body)
        if damage == "no block":
            kept = kept_labels(journal, journal.headline("u"))
            with pytest.raises(LabelsGoneError):
                list(kept.blocks())
            return
        assert explain_image(journal, "u", 30) == before


def test_a_long_run_that_goes_on_is_told_without_labels(tmp_path, monkeypatch):
    """All of them would have to be worked out, in the web process as well."""
    monkeypatch.setattr("recorder.reports.explain.MOST_LIVE", 30)
    monkeypatch.setattr(run_labels, "load_run", None)
    with journal_in(tmp_path) as journal:
        run = new_run(drawn_run("", 60, True, 1))
        journal.write(
            [NewRecord(RecordKind.RUN, "u", run_record(run, "opened"), 0)],
            [("u", image_of(n, n)) for n in (0, 3, 40)],
        )
        said = explain_image(journal, "u", 3)
        assert said["image"]["outcome"] == "indexed"
        assert said["label"] == {"pump": "unknown", "evidence": "none"}
        assert "goes on" in said["evidence"][0]["because"]
        assert explain_image(journal, "u", 5)["image"] == {"outcome": "pending"}
        with pytest.raises(NoSuchRunError, match="no image 41 yet"):
            explain_image(journal, "u", 41)


def test_the_facts_survive_their_journey(tmp_path):
    with journal_in(tmp_path) as journal:
        run = journalled(journal, drawn_run("step=0.05:0.0007,lost=0.01", 90, True, 3))
        facts = labels_of(run).facts
        assert isinstance(kept_labels(journal, journal.headline("u")), KeptLabels)
        assert kept_labels(journal, journal.headline("u")).facts == facts
        assert facts_from_json(facts.to_json()) == facts


@given(
    st.lists(st.integers(-(2**63), 2**63 - 1), max_size=20),
    st.lists(st.integers(0, 255), max_size=20),
)
def test_columns_come_back_as_they_were(whole, small):
    columns = {"a": np.array(whole, np.int64), "b": np.array(small, np.uint8)}
    again = unpack_columns(pack_columns(columns))
    assert list(again) == ["a", "b"]
    for name, values in columns.items():
        assert again[name].dtype == values.dtype
        assert np.array_equal(again[name], values)


# -- files ----------------------------------------------------------------------------


def written(folder: Path, journal: Journal, run: Run) -> dict[str, Any]:
    """All that the files with rows of images say, to the byte."""
    recorded = Recorded(
        rows=partial(journal.image_rows, "u"),
        events=partial(events_of, journal, "u"),
        uid_bytes=journal.uid_bytes(["u"]),
    )
    pulses = measure(run, timeline_of(run)).pulses
    known = kept_labels(journal, journal.headline("u"))
    labels = known or labels_of(run)
    with held(folder) as opened:
        write_results(opened, run, labels, pulses, recorded)
        indexed = partial(journal.indexed_in, "u")
        told = replace(run.announcement, files=Files("a", "b.h5"))
        write_event_lists(opened, told, labels, indexed)
    found: dict[str, Any] = {
        path.name: path.read_bytes() for path in sorted(folder.glob("*.lst"))
    }
    with h5py.File(folder / FILE) as file:

        def look(name: str, item: Any) -> None:
            attributes = {k: np.asarray(v).tolist() for k, v in item.attrs.items()}
            found[name] = attributes
            if isinstance(item, h5py.Dataset):
                body = item[()]
                plain = body.tobytes() if isinstance(body, np.ndarray) else body
                found[name] = attributes, item.dtype.str, item.shape, plain

        file.visititems(look)
    return found


@settings(max_examples=examples(6), deadline=None)
@given(st.sampled_from(SPECS), st.integers(0, 90), st.booleans(), st.integers(1, 40))
def test_files_do_not_show_their_blocks(tmp_path_factory, spec, images, kept, block):
    """Written in one piece and in blocks, from kept labels and from those at hand."""
    folder = tmp_path_factory.mktemp("blocks")
    played = drawn_run(spec, max(1, images), True, images)
    with pytest.MonkeyPatch.context() as patch, journal_in(folder) as journal:
        run = journalled(journal, played, scan=SCAN)
        journal.drop_snapshots("u")
        whole = written(folder / "whole", journal, run)
        assert whole["entry/images/image_id"][2] == (run.images.received,)
        assert whole["entry/events/uid"][2] == (run.events.size,)
        patch.setattr("recorder.journal.kept_labels.SNAPSHOT_ROWS", block)
        patch.setattr(run_labels, "BLOCK", block)
        patch.setattr("recorder.sinks.results.hdf5.EVENTS", block)
        patch.setattr("recorder.sinks.results.columns.BATCH", 1 + block // 3)
        patch.setattr("recorder.sinks.results.event_lists._AT_ONCE", 1 + block % 4)
        if kept:
            keep(journal, run, labels_of(run))
        assert written(folder / "blocks", journal, run) == whole


def test_a_run_without_images_has_all_columns(tmp_path):
    with journal_in(tmp_path) as journal:
        run = Run("u", 1, 0, new_run(drawn_run("", 5, True, 1)).announcement)
        run.state, run.folder = RunState.SEALED, "f"
        journal.write([NewRecord(RecordKind.RUN, "u", run_record(run, "opened"), 0)])
        seal(journal, run)
        found = written(tmp_path / "f", journal, run)
        assert found["entry/images/cell"][2] == (0, 6)
        assert found["entry/events/uid"][2] == (0,)
        assert found["light.lst"] == b""


def test_a_row_that_is_missing_leaves_no_half_file(tmp_path):
    with journal_in(tmp_path) as journal:
        run = journalled(journal, drawn_run("", 40, True, 1))
        written(tmp_path / "f", journal, run)
        before = (tmp_path / "f" / FILE).read_bytes()
        journal.drop_images("u", 1)
        with pytest.raises(LabelsGoneError, match="not all labelled images"):
            written(tmp_path / "f", journal, run)
        assert (tmp_path / "f" / FILE).read_bytes() == before
        assert not list((tmp_path / "f").glob("*.tmp"))
