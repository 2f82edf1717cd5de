"""``recorder archive`` as people call it, and the daemon that does it by itself."""

from __future__ import annotations

import asyncio
import json
from contextlib import closing
from pathlib import Path

import pytest

from recorder.config import load_settings
from recorder.journal import Journal
from recorder.journal.pruning import KEPT_RUNS
from recorder.service import archiver
from recorder.service.archiver import Archiver
from tests.guards import logged
from tests.unit.test_archive import IMAGES, SINKS, deliver, fill, told

RUNS = KEPT_RUNS + 3


@pytest.fixture
def config(config_file, tmp_path) -> Path:
    """A configuration with a journal of old runs, and a folder for them."""
    config = config_file(journal={"archive_folder": str(tmp_path / "old")})
    path = load_settings(config).journal_path
    path.parent.mkdir(parents=True, exist_ok=True)
    fill(path, RUNS)
    return config


def journal_of(config: Path) -> Journal:
    return Journal(load_settings(config).journal_path)


def test_what_would_go_is_shown_and_then_goes(config, run_recorder, tmp_path):
    with closing(journal_of(config)) as journal:
        before = told(journal)
    shown = run_recorder("archive", "--older-than", "1", "--dry-run", "-c", config)
    assert shown.returncode == 0
    assert "3 runs to archive, about" in shown.stdout
    assert f"{KEPT_RUNS} stay" in shown.stdout
    assert "uid-0003): stays: one of the last 16 runs" in shown.stdout
    assert not (tmp_path / "old").exists()
    done = run_recorder("archive", "--older-than", "1", "--yes", "--json", "-c", config)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert [item["uid"] for item in answer["archived"]] == [
        "uid-0000",
        "uid-0001",
        "uid-0002",
    ]
    listed = run_recorder("archive", "ls", "--verify", "-c", config)
    assert listed.returncode == 0
    assert "3 runs archived" in listed.stdout
    why = run_recorder("why", "uid-0001", "3", "--json", "-c", config)
    with closing(journal_of(config)) as journal:
        assert json.loads(why.stdout) == before[1][4 + 1]
        assert told(journal) == before
        assert journal.image_count() == KEPT_RUNS * (IMAGES - 1)
    back = run_recorder("archive", "restore", "uid-0001", "-c", config)
    assert back.stdout == f"run 2 (uid-0001): {IMAGES - 1} images are back\n"
    Path(answer["archived"][0]["file"]).unlink()
    gone = run_recorder("archive", "ls", "-c", config)
    assert gone.returncode == 1
    assert "No such file" in gone.stdout
    with closing(journal_of(config)) as journal:
        assert journal.image_count("uid-0001") == IMAGES - 1


def test_a_run_that_may_not_go_is_refused(config, run_recorder):
    asked = run_recorder("archive", "--run", "uid-0018", "--yes", "-c", config)
    assert asked.returncode == 1
    assert "stays: one of the last 16 runs" in asked.stdout
    unknown = run_recorder("archive", "--run", "uid-x", "--yes", "-c", config)
    assert unknown.returncode == 1
    assert "not in the journal" in unknown.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "say which runs"),
        (("--yes", "--dry-run"), "only one of them"),
        (("--run", "1", "--over-mb", "1"), "--run names one run"),
    ],
)
def test_what_makes_no_sense_is_said(config, run_recorder, options, said):
    done = run_recorder("archive", *options, "-c", config)
    assert done.returncode == 2
    assert said in done.stderr


@pytest.mark.allow_error_log("archive_failed")
async def test_the_daemon_has_it_done_by_another_process(
    config, tmp_path, monkeypatch, log_events
):
    """With the command's own rules; told once, whatever goes wrong again and again."""
    monkeypatch.setattr(archiver, "LOOK_S", 0.1)
    settings = load_settings(config)
    with closing(journal_of(config)) as journal:
        before = told(journal)
        deliver(journal)
    (tmp_path / "old").write_text("no folder")
    aged = settings.journal.model_copy(update={"archive_after_days": 1.0})
    keeper = Archiver(settings.model_copy(update={"journal": aged}), SINKS, 0.0)
    task = asyncio.create_task(keeper.run())
    failed = await logged(log_events, "archive_failed")
    assert "cannot archive there" in failed["error"]
    (tmp_path / "old").unlink()
    done = await logged(log_events, "runs_archived")
    assert done["runs"] == 3
    task.cancel()
    await asyncio.wait([task])
    assert [e["event"] for e in log_events].count("archive_failed") == 1
    with closing(journal_of(config)) as journal:
        assert told(journal) == before
        assert journal.image_count() == KEPT_RUNS * (IMAGES - 1)
