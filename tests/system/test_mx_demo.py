"""`recorder demo --technique mx`: all is recorded as it was, and a lie is seen."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from recorder.config import load_settings
from recorder.journal import Journal
from recorder.reports.store import ReportStore
from recorder.service.mx_demo import truth_name
from recorder.service.mx_demo_check import Figure, compare_mx


def test_a_day_is_recorded_as_it_was_and_a_lie_is_seen(tmp_path):
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [
            *(sys.executable, "-m", "recorder", "demo", "--technique", "mx"),
            *("--images", "60", "--dir", str(tmp_path)),
        ],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("equals the simulator's truth") == 6
    for name in ("recorder.toml", "ispyb.sqlite", "results", "truth"):
        assert (tmp_path / name).exists()
    check_lies(tmp_path)


def check_lies(folder: Path) -> None:
    """Another truth than that of the run is not what was recorded."""
    settings = load_settings(folder / "recorder.toml")
    journal = Journal(settings.journal_path, read_only=True)
    try:
        report = ReportStore(journal, settings.sink_names).full()
    finally:
        journal.close()
    (run,) = [run for run in report.runs if run.technique == "mx-rotation"]
    file = folder / "truth" / truth_name(run.run)
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    here = [line for line in lines if line["delivered"]]
    part = {
        "expected": len(lines),
        "received": len(here),
        "lost": len(lines) - len(here),
        "start": here[0]["angle_start"],
        "end": here[-1]["angle_end"],
    }
    truth = {"uid": run.uid, "technique": run.technique, "parts": [part]}
    assert compare_mx(report, settings.results, [(truth, file)])[1]
    for name, other in (("lost", 1000), ("start", 1.0), ("end", 2.0)):
        lie = copy.deepcopy(truth)
        lie["parts"][0][name] = other
        said, equal = compare_mx(report, settings.results, [(lie, file)])
        assert not equal
        assert f"true {other:g}" in said[0]
    lines[3]["angle_start"] += 0.01
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    said, equal = compare_mx(report, settings.results, [(truth, file)])
    assert not equal
    assert "images with angle_start" in said[0]


@pytest.mark.parametrize(
    ("found", "true", "right"),
    [(1.0, 1.0, True), (1.4, 1.0, True), (1.6, 1.0, False), (None, 1.0, False)],
)
def test_a_figure_is_right_within_what_it_may_be_off(found, true, right):
    assert Figure("x", found, true, 0.5).right is right
    assert Figure("peak", None, None).right


def test_people_do_not_sign_in_to_the_demonstration_of_mx():
    done = subprocess.run(
        [sys.executable, "-m", "recorder", "demo", "--technique", "mx", "--login"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "not with --technique" in done.stderr
