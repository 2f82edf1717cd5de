"""What happens to tests whose recording is not there, and that the licences are."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import recorder
from tests.recordings import PLACES, ROOT, VARIABLE, Places, RecordingAbsentError

TESTS = """
import pytest

def test_here(): pass

@pytest.mark.recording("thaumatin")
@pytest.mark.parametrize("n", range(3))
def test_thaumatin(n): pass

@pytest.mark.recording("thaumatin", "absent")
def test_two(): pass

def test_undeclared():
    from tests.recordings import recording
    recording("thaumatin")
"""
INI = "[pytest]\nasyncio_default_fixture_loop_scope = function\n"


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    (tmp_path / "outside" / "thaumatin").mkdir(parents=True)
    return tmp_path / "outside"


@pytest.fixture
def run_tests(tmp_path: Path):
    """Runs the tests above as a session of their own; returns exit code and lines."""

    def run(*options: str, told: Path | None = None) -> tuple[int, list[str]]:
        (tmp_path / "conftest.py").write_text('pytest_plugins = ["tests.left_out"]\n')
        (tmp_path / "test_it.py").write_text(TESTS)
        (tmp_path / "pytest.ini").write_text(INI)
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
        environment.pop(VARIABLE, None)
        if told is not None:
            environment[VARIABLE] = str(told)
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "pytest",
                "-ra",
                "-p",
                "no:cacheprovider",
                "--strict-markers",
                *options,
            ],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, (done.stdout + done.stderr).splitlines()

    return run


@pytest.mark.slow
def test_one_line_says_what_was_left_out(run_tests):
    code, lines = run_tests("-k", "here or two")
    assert code == 0
    (said,) = [line for line in lines if "for want of" in line]
    assert said.startswith("left out: 1 tests, for want of the recordings absent")
    assert f"{VARIABLE}=DIR" in said
    assert "1 passed" in lines[-1]
    assert "1 left out" in lines[-1]
    assert not [line for line in lines if line.startswith("SKIPPED")]


@pytest.mark.slow
def test_a_named_folder_without_the_recording_is_an_error(run_tests, outside):
    code, lines = run_tests(told=outside)
    assert code == pytest.ExitCode.USAGE_ERROR
    (said,) = [line for line in lines if line.startswith("ERROR")]
    assert f"{VARIABLE}={outside}: no folder absent in it" in said


@pytest.mark.slow
def test_a_named_folder_with_the_recording_is_used(run_tests, outside):
    code, lines = run_tests("-k", "here or thaumatin", told=outside)
    assert (code, "4 passed" in lines[-1]) == (0, True)
    assert not [line for line in lines if "for want of" in line]


@pytest.mark.slow
def test_one_that_no_mark_names_is_not_read(run_tests, outside):
    """So what has no mark is the same where there are no recordings."""
    (outside / "absent").mkdir()
    code, lines = run_tests("-k", "undeclared", told=outside)
    assert code == pytest.ExitCode.TESTS_FAILED
    assert any(
        'mark what reads it with @pytest.mark.recording("tha' in ln for ln in lines
    )


def test_places_are_asked_in_order(tmp_path, outside):
    own, usual = tmp_path / "own", tmp_path / "usual"
    (usual / "dectris-h5").mkdir(parents=True)
    assert Places(own, None, usual).find("dectris-h5") == usual / "dectris-h5"
    assert Places(own, None, usual).find("thaumatin") is None
    told = Places(own, outside, usual)
    assert told.find("thaumatin") == outside / "thaumatin"
    with pytest.raises(RecordingAbsentError, match="no folder dectris-h5"):
        told.find("dectris-h5")
    (own / "thaumatin").mkdir(parents=True)
    assert told.find("thaumatin") == own / "thaumatin"


def test_every_recording_of_the_repository_says_its_origin_and_licence():
    folders = [folder for folder in PLACES.own.iterdir() if folder.is_dir()]
    assert len(folders) >= 5
    for folder in folders:
        text = (folder / "README.md").read_text(encoding="utf-8")
        for word in ("rigin", "icence", "hanges"):
            assert word in text, f"{folder}: {word} is not said"
        assert "Apache-2.0" in text or list(folder.glob("LICENSE*")), folder


def test_recordings_of_the_repository_are_small():
    sizes = [path.stat().st_size for path in PLACES.own.rglob("*") if path.is_file()]
    assert sum(sizes) < 6_000_000


def test_the_recorder_beside_the_tests_is_tested():
    assert Path(recorder.__file__).parents[1] == ROOT
