"""Files of runs in a results folder that is not ours alone."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import h5py
import pytest

from recorder.config import load_settings
from recorder.sinks.results.run_folder import OWNER
from tests.builders import announcement
from tests.stills import write_stills

NAMES = [".", "..", "a/b", "a_b", "a%2Fb", "mixed a", "µ 🙂", "x" * 255, "y\nz"]
DIRECTORY = "/data/visitor/🙂 été"


@pytest.fixture
def collection(tmp_path: Path) -> Path:
    """An announcement with names that are hard to use as keys."""
    triggers = [
        {"type": "ReactionTrigger", "name": name, "offset": -n}
        for n, name in enumerate(NAMES)
    ]
    body = announcement(
        "shared",
        run=1,
        images=8,
        files={"directory": DIRECTORY, "template": "run1_master.h5"},
        event_chains=[{"name": "./..", "scope": "collection", "events": triggers}],
        sample={
            "name": "laagg",
            "protein": {"acronym": "kljvz"},
            "components": [{"name": "odd", "type": "No such type"}],
        },
    )
    path = tmp_path / "collection.json"
    path.write_text(json.dumps(body))
    return path


def test_a_second_recorder_and_names_that_are_hard(
    run_recorder, config_file, tmp_path, collection
):
    results = tmp_path / "results"
    file = write_stills(tmp_path)
    arguments = ["replay", str(file), "--collection", str(collection), "--json"]
    place = results / "mx2345-1" / "fvkhb" / "run001"

    config = config_file(results_directory=str(results))
    done = run_recorder(*arguments, config=config)
    assert done.returncode == 0, done.stderr
    (experiment,) = json.loads(done.stdout)["experiments"]
    assert experiment["runs"][0]["sinks"] == {"ispyb": "written", "results": "written"}
    first = {path.name: path.read_bytes() for path in place.iterdir()}
    with h5py.File(place / "results.h5") as found:
        reactions = found["entry/reactions"]
        assert len(reactions) == len(NAMES)
        shown = [data.attrs["name"] for data in reactions.values()]
        assert {"a/b", "a_b", ".", "..", "a%2Fb", "mixed a", "y\\x0az"} <= set(shown)
        assert {"a%2Fb", "a_b", "%2E", "%2E%2E", "a%252Fb"} <= set(reactions)
        assert found["entry/images/image_id"].shape == (8,)
    lines = first["dark.lst"].decode().splitlines() or first["indexed.lst"].decode()
    assert f"{DIRECTORY}/run1_master.h5 //" in str(lines)

    other = config_file(
        results_directory=str(results), state_directory=str(tmp_path / "other")
    )
    done = run_recorder(*arguments, "--limit", "2", config=other)
    assert done.returncode == 0, done.stderr
    assert {path.name: path.read_bytes() for path in place.iterdir()} == first
    with h5py.File(place.with_name("run001-2") / "results.h5") as found:
        assert found["entry/images/image_id"].shape == (2,)
    owners = [
        (place.with_name(name) / OWNER).read_text().splitlines()
        for name in ("run001", "run001-2")
    ]
    assert [uid for uid, _ in owners] == ["shared", "shared"]
    assert owners[0] != owners[1]
    assert load_settings(other).state_directory != results
    modes = {path: path.stat().st_mode & 0o007 for path in results.rglob("*")}
    assert set(modes.values()) == {0}


def test_the_report_of_a_wicked_journal_is_lines(run_recorder, config_file, tmp_path):
    """What got into a journal before the door was shut is shown as text."""
    file = write_stills(tmp_path, 2)
    config = config_file()
    assert run_recorder("replay", str(file), config=config).returncode == 0
    path = load_settings(config).journal_path
    evil = "\\u001b]0;x\\u0007\\n  Run 99: sealed, success"
    with closing(sqlite3.connect(path)) as db, db:
        changed = db.execute(
            "UPDATE records SET body = replace(body, 'unannounced', ?)", (evil,)
        )
        assert changed.rowcount
    for command in (["report"], ["why", "1", "0"], ["spool", "ls"]):
        done = run_recorder(*command, config=config)
        assert done.returncode == 0, done.stderr
        said = done.stdout + done.stderr
        assert all(c.isprintable() or c == "\n" for c in said)
        starts = [line.strip() for line in said.splitlines()]
        assert not [line for line in starts if line.startswith("Run 99")]
    assert "Run 99: sealed" in run_recorder("report", config=config).stdout
