"""``recorder replay --follow`` beside a writer: closed, full, killed, interrupted."""

from __future__ import annotations

import json
import signal
import sys

import pytest

from tests.servers import Recorder

UID = "followed"


@pytest.mark.parametrize("how", ["closed", "declared", "killed", "interrupted"])
def test_a_file_is_followed_to_its_end(
    config_file, tmp_path, run_recorder, make_writer, how
):
    config = config_file(log={"level": "debug"}, classify={"index": False})
    writer = make_writer(declared=7 if how == "declared" else 0)
    writer.write(3)
    quiet = "3" if how == "killed" else "60"
    arguments = ["replay", tmp_path / "x.h5", "--follow", "--quiet", quiet]
    arguments = [str(a) for a in [*arguments, "--uid", UID]]
    replay = Recorder(sys.executable, arguments, config)
    replay.wait_for_event("series_started")
    writer.write(2)
    if how in ("closed", "declared"):
        writer.write(2)
    if how == "closed":
        writer.close()
    elif how == "killed":
        writer.kill()
    elif how == "interrupted":
        replay.signal(signal.SIGINT)
    code = replay.wait()
    done = run_recorder("report", "--json", config=config)
    (experiment,) = json.loads(done.stdout)["experiments"]
    (run,) = experiment["runs"]
    assert run["ledger"] == {"closed": True, "differences": []}
    received = run["images"]["received"]
    if how in ("closed", "declared"):
        assert (code, run["status"], received) == (0, "success", 7), replay.lines
        assert run["images"]["expected"] == 7
        return
    assert run["status"] == "aborted"
    assert run["reason"].startswith("interrupted")
    if how == "interrupted":
        assert code == 128 + signal.SIGINT
        assert received in range(6)  # it ends at once: three may not have been read
        return
    assert (code, received) == (1, 5)
    assert "no new image for 3 s" in run["reason"]
    assert any("was killed" in line for line in replay.lines)


def test_what_is_interrupted_goes_on_with_its_uid(
    config_file, tmp_path, run_recorder, make_writer
):
    config = config_file(log={"level": "debug"}, classify={"index": False})
    writer = make_writer()
    writer.write(3)
    arguments = ("replay", tmp_path / "x.h5", "--follow", "--uid", UID)
    replay = Recorder(sys.executable, [str(a) for a in arguments], config)
    replay.wait_for_event("series_started")
    replay.signal(signal.SIGINT)
    replay.wait()
    writer.write(4)
    writer.close()
    done = run_recorder(*arguments, "--json", config=config)
    assert done.returncode == 0, done.stderr
    (experiment,) = json.loads(done.stdout)["experiments"]
    (run,) = experiment["runs"]
    assert (run["status"], run["images"]["received"]) == ("success", 7)
    assert run["counts"].get("duplicate_images", 0) == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["--quiet", "3"], "--follow"), (["--follow", "--quiet", "0.2"], "no image")],
)
def test_what_cannot_be_followed_is_said(
    config_file, tmp_path, run_recorder, arguments, said
):
    (tmp_path / "x.h5").write_bytes(b"not HDF5")
    done = run_recorder("replay", tmp_path / "x.h5", *arguments, config=config_file())
    assert done.returncode in (1, 2)
    assert said in done.stderr.replace("no new image", "no image")
