"""What long runs and long journals cost: sealing, files, questions, archiving.

Each step is measured in a process of its own: CPU seconds, and by how much the memory
of the process grew beyond what its imports take. Two lengths of a run show what grows.

``python -m benchmarks.archive [--images N] [--runs N] [--each N] [--write FILE]``
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

from benchmarks.long_journal import RUN, many_runs, one_run
from recorder.journal import Journal
from recorder.journal.archive.choosing import Wish, choose
from recorder.journal.archive.place import archived
from recorder.journal.archive.restoring import restore_run
from recorder.journal.archive.work import archive_all
from recorder.journal.records import NewRecord, RecordKind
from recorder.journal.restore import (
    describe_run,
    event_names,
    events_of,
    load_run,
    load_unsealed,
)
from recorder.journal.run_index import Headline
from recorder.journal.run_record import run_record
from recorder.records import RunState
from recorder.records.report_json import report_to_json
from recorder.reports.explain import explain_image
from recorder.reports.run_labels import LabelsAtHand, keep, kept_labels
from recorder.reports.run_report import report_of
from recorder.reports.store import ReportStore
from recorder.runs.timeline.measurement import measure, pulse_facts
from recorder.runs.timeline.of_run import timeline_of
from recorder.sinks.held_folder import held
from recorder.sinks.results.event_lists import write_event_lists
from recorder.sinks.results.hdf5 import write_results
from recorder.sinks.results.recorded import Recorded

NOW_NS = 2 * 10**18
"""Long after all runs (Unix ns)."""
SINKS = ("results",)


def seal(journal: Journal, _: Path) -> None:
    """The report of a run, and its labels kept."""
    run = load_run(journal, RUN)
    assert run is not None
    copy = run.copy()  # as the daemon has it beside the run that goes on
    copy.state = run.state = RunState.SEALED
    timeline = timeline_of(copy)
    measurement = measure(copy, timeline)
    report = report_to_json(report_of(copy, timeline, measurement))
    keep(journal, copy, LabelsAtHand(copy, timeline, measurement))
    body = {"report": report, "revision": 0}
    records = [
        NewRecord(RecordKind.RUN, RUN, run_record(copy, "sealed"), 10**18),
        NewRecord(RecordKind.RUN_SEALED, RUN, body, 10**18),
    ]
    journal.write(records)
    journal.advance(SINKS[0], journal.last_record(), None, None)


def files(journal: Journal, folder: Path) -> None:
    """``results.h5`` and the event lists."""
    known = _known(journal)
    run, labels = describe_run(journal, known), kept_labels(journal, known)
    assert run is not None
    assert labels is not None
    recorded = Recorded(
        rows=partial(journal.image_rows, RUN),
        events=partial(events_of, journal, RUN),
        uid_bytes=journal.uid_bytes(event_names(journal, RUN)),
    )
    with held(folder / "results") as opened:
        pulses = pulse_facts((), (), labels.facts.first_ns)
        write_results(opened, run, labels, pulses, recorded)
        indexed = partial(journal.indexed_in, RUN)
        write_event_lists(opened, run.announcement, labels, indexed)


def why(journal: Journal, _: Path) -> None:
    """An image, by its kept labels or by the archive's."""
    assert explain_image(journal, RUN, 1234)["image_id"] == 1234


def why_anew(journal: Journal, _: Path) -> None:
    """The same where none were kept."""
    journal.drop_snapshots_of(RUN, ("labels", "label_facts"))
    why(journal, _)


def archive(journal: Journal, folder: Path) -> None:
    """The run into a file; the latest ones would stay, so others follow it."""
    wish = Wish(NOW_NS, uid=RUN)
    archive_all(journal, wish, SINKS, folder / "archive", lambda _: None)
    assert archived(journal, RUN) is not None


def restore(journal: Journal, _: Path) -> None:
    """And back."""
    restore_run(journal, _known(journal))


def report(journal: Journal, _: Path) -> None:
    """One run of many."""
    assert len(ReportStore(journal, SINKS).full(run="7").runs) == 1


def start(journal: Journal, _: Path) -> None:
    """What a daemon reads as it starts."""
    assert load_unsealed(journal) == []
    assert journal.headlines()


def choice(journal: Journal, _: Path) -> None:
    """The table of all that may go."""
    assert choose(journal, Wish(NOW_NS, older_than_days=1), SINKS)


def _known(journal: Journal) -> Headline:
    known = journal.headline(RUN)
    assert known is not None
    return known


OF_A_RUN: dict[str, Callable[[Journal, Path], None]] = {
    "sealed: report and labels": seal,
    "results.h5 and lists": files,
    "why, one image": why,
    "archived": archive,
    "why, from the archive": why,
    "restored": restore,
    "why, labels worked out": why_anew,
}
OF_MANY: dict[str, Callable[[Journal, Path], None]] = {
    "what a daemon reads as it starts": start,
    "report of one run": report,
    "which runs may be archived": choice,
}


def step(name: str, path: Path) -> dict[str, float]:
    """CPU seconds, and MB beyond the imports, of one step in this process."""
    with closing(Journal(path)) as journal:
        before = _memory_kb("VmRSS")
        Path("/proc/self/clear_refs").write_text("5")  # the highest is that of now
        began = time.process_time()
        {**OF_A_RUN, **OF_MANY}[name](journal, path.parent)
        cpu = time.process_time() - began
    return {"cpu": cpu, "mb": (_memory_kb("VmHWM") - before) / 1024}


def _memory_kb(what: str) -> int:
    """What the kernel says of this process: resident now, or at most."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (found,) = (line for line in lines if line.startswith(f"{what}:"))
    return int(found.split()[1])


def steps(names: dict[str, object], path: Path) -> Iterator[tuple[str, float, float]]:
    """Each step in a process of its own."""
    for name in names:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.archive", "--step", name, str(path)],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        )
        found = json.loads(done.stdout)
        yield name, found["cpu"], found["mb"]


def page(images: int, runs: int, each: int, folder: Path) -> str:
    """The page."""
    few = images // 5
    lines = [
        "# Long runs and long journals",
        "",
        f"A run of {images} images beside one of {few}, with a captured trigger for "
        "each image and a laser pulse for every second; each step in a process of its "
        "own, on one core. MB: by how much its memory grew. `make bench` renews it.",
        "",
        f"| step | CPU s of {few} | of {images} | ratio | MB of {few} | of {images} |",
        "|---|---|---|---|---|---|",
    ]
    found = []
    for count in (few, images):
        path = folder / f"{count}.sqlite"
        one_run(path, count)
        found.append(list(steps(dict(OF_A_RUN), path)))
    for (name, cpu, mb), (_, more, most) in zip(*found, strict=True):
        ratio = more / max(cpu, 0.001)
        lines.append(
            f"| {name} | {cpu:.2f} | {more:.2f} | {ratio:.1f} | {mb:.0f} | {most:.0f} |"
        )
    path = folder / "many.sqlite"
    many_runs(path, runs, each)
    size = path.stat().st_size >> 20
    lines += [
        "",
        f"A journal of {runs} runs of {each} images each ({size} MB):",
        "",
        "| step | CPU s | MB |",
        "|---|---|---|",
        *(
            f"| {n} | {cpu:.3f} | {mb:.0f} |"
            for n, cpu, mb in steps(dict(OF_MANY), path)
        ),
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    """Fill, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--each", type=int, default=10_000)
    parser.add_argument("--write", type=Path, help="Markdown file to write")
    parser.add_argument("--step", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.step:
        name, path = arguments.step
        print(json.dumps(step(name, Path(path))))
        return
    with tempfile.TemporaryDirectory() as folder:
        text = page(arguments.images, arguments.runs, arguments.each, Path(folder))
    print(text)
    if arguments.write:
        arguments.write.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
