"""Processes that hold a file, and the one that keeps a node on its host."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.cluster import held, keeping
from recorder.cluster.held import (
    HeldFileError,
    Program,
    end_holder,
    exit_code,
    holder,
    is_held,
    private_folder,
    start_held,
)
from recorder.cluster.keeping import Keeper, NodePlace, next_pause
from recorder.cluster.order import NodeOrder, node_environment, node_folder
from recorder.cluster.said import Said, read_said

LONG_S = 30.0
"""Longer than a process takes to start here; a test that needs it has failed."""
SLEEPS = "import time\ntime.sleep(600)"
SHIELDED = (
    "import signal\n"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    f"print('ready', flush=True)\n{SLEEPS}"
)
WITH_CHILD = (
    "import subprocess, sys\n"
    f"subprocess.Popen([sys.executable, '-c', {SLEEPS!r}])\n"
    f"print('ready', flush=True)\n{SLEEPS}"
)


def program(folder: Path, text: str) -> Program:
    return Program([sys.executable, "-c", text], dict(os.environ), folder / "log")


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def test_it_is_held_as_long_as_the_process_lives(tmp_path: Path):
    lock = tmp_path / "a.lock"
    assert not is_held(lock)
    assert holder(lock) is None
    pid = start_held(lock, program(tmp_path, SLEEPS))
    assert pid is not None
    assert is_held(lock)
    assert holder(lock) == pid
    assert os.getsid(pid) == pid != os.getsid(0)
    assert start_held(lock, program(tmp_path, SLEEPS)) is None  # no second one
    kill(pid)
    assert not is_held(lock)
    assert holder(lock) is None  # although its number stands there


def test_the_command_flock_can_wait_for_it(tmp_path: Path):
    """As the example of a Slurm job does (docs/how-to/more-hosts-dask.md)."""
    lock = tmp_path / "a.lock"
    pid = start_held(lock, program(tmp_path, SLEEPS))
    assert pid is not None
    command = ["flock", "--nonblock", str(lock), "true"]
    assert subprocess.run(command, check=False).returncode == 1
    kill(pid)
    assert subprocess.run(command, check=False).returncode == 0


def test_a_child_of_the_holder_does_not_hold_it(tmp_path: Path):
    lock = tmp_path / "a.lock"
    pid = start_held(lock, program(tmp_path, WITH_CHILD))
    assert pid is not None
    while b"ready" not in (tmp_path / "log").read_bytes():
        assert is_held(lock)
    kill(pid)
    assert not is_held(lock)


def test_a_holder_that_starts_another_one_does_not_pass_its_lock_on(tmp_path: Path):
    inner = (
        "import os; from pathlib import Path; from recorder.cluster.held import *\n"
        f"place = Path({str(tmp_path)!r})\n"
        f"one = Program([{sys.executable!r}, '-c', {SLEEPS!r}], {{}}, place / 'log')\n"
        f"start_held(place / 'inner.lock', one); print('ready', flush=True)\n{SLEEPS}"
    )
    lock = tmp_path / "outer.lock"
    pid = start_held(lock, program(tmp_path, inner))
    assert pid is not None
    while b"ready" not in (tmp_path / "log").read_bytes():
        assert is_held(lock)
    kill(pid)
    try:
        assert not is_held(lock)
        assert is_held(tmp_path / "inner.lock")
    finally:
        assert end_holder(tmp_path / "inner.lock", LONG_S)


def test_one_that_does_not_heed_the_request_is_killed(tmp_path: Path):
    lock = tmp_path / "a.lock"
    pid = start_held(lock, program(tmp_path, SHIELDED))
    assert pid is not None
    while b"ready" not in (tmp_path / "log").read_bytes():
        assert is_held(lock)
    assert end_holder(lock, 0.2)
    assert exit_code(pid) == -signal.SIGKILL
    assert end_holder(lock, 0.2)  # nobody holds it


def test_a_program_that_is_not_there_holds_nothing(tmp_path: Path):
    with pytest.raises(OSError, match="no-such"):
        start_held(tmp_path / "a", Program(["/no-such"], {}, tmp_path / "log"))
    assert not is_held(tmp_path / "a")


def test_a_folder_that_others_may_write_is_refused(tmp_path: Path):
    open_one = tmp_path / "open"
    open_one.mkdir()
    open_one.chmod(0o777)
    link = tmp_path / "link"
    link.symlink_to(private_folder(tmp_path / "good"))
    for path in (open_one, link):
        with pytest.raises(HeldFileError, match="RECORDER_NODE_DIRECTORY"):
            private_folder(path)
    (tmp_path / "file").touch()
    with pytest.raises(HeldFileError, match="cannot be made"):
        private_folder(tmp_path / "file")


# -- the keeper ------------------------------------------------------------------------


@pytest.fixture
def kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[NodePlace, list[Keeper], queue.Queue[Said]]]:
    monkeypatch.setattr(keeping, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(keeping, "LOOK_S", 0.01)
    monkeypatch.setattr(held, "STEP_S", 0.001)
    place = NodePlace(tmp_path / "node.lock", program(tmp_path, SLEEPS))
    keepers: list[Keeper] = []
    try:
        yield place, keepers, queue.Queue()
    finally:
        for keeper in keepers:
            keeper.stop()
            keeper.join(LONG_S)
        end_holder(place.lock, LONG_S)


def test_a_node_that_is_killed_is_started_again(kept):
    place, keepers, said = kept
    keepers.append(Keeper(place, said.put))
    keepers[0].start()
    first = said.get(timeout=LONG_S)
    assert (first.what, first.pid) == ("started", holder(place.lock))
    os.kill(first.pid, signal.SIGKILL)
    end = said.get(timeout=LONG_S)
    assert (end.what, end.pid, end.code) == ("ended", first.pid, -signal.SIGKILL)
    second = said.get(timeout=LONG_S)
    assert (second.what, second.pid) == ("started", holder(place.lock))
    assert second.pid != first.pid


def test_the_node_outlives_its_keeper_and_the_next_one_finds_it(kept):
    place, keepers, said = kept
    keepers += [Keeper(place, said.put), Keeper(place, said.put)]
    keepers[0].start()
    pid = said.get(timeout=LONG_S).pid
    keepers[0].stop()
    keepers[0].join(LONG_S)
    assert holder(place.lock) == pid
    keepers[1].start()
    assert said.get(timeout=LONG_S) == Said("found", pid=pid)
    os.kill(pid, signal.SIGKILL)
    end = said.get(timeout=LONG_S)
    assert (end.what, end.code) == ("ended", -signal.SIGKILL)
    assert said.get(timeout=LONG_S).what == "started"


def test_what_it_said_last_is_told(kept, tmp_path: Path):
    place, keepers, said = kept
    (tmp_path / "log").write_text("of one before\n")
    sad = program(tmp_path, "import sys; sys.exit('no such key\\n+-----')")
    keepers.append(Keeper(NodePlace(place.lock, sad), said.put))
    keepers[0].start()
    assert said.get(timeout=LONG_S).what == "started"
    end = said.get(timeout=LONG_S)
    assert (end.code, end.text) == (1, "no such key")


def test_what_cannot_be_started_is_told(kept, tmp_path: Path):
    place, keepers, said = kept
    none = Program(["/no-such"], {}, tmp_path / "log")
    keepers.append(Keeper(NodePlace(place.lock, none), said.put))
    keepers[0].start()
    failed = said.get(timeout=LONG_S)
    assert failed.what == "failed"
    assert "/no-such" in failed.text


@given(st.lists(st.floats(0, 1000), max_size=30))
def test_pauses_grow_to_a_minute_and_begin_anew(lives: list[float]):
    pause = 0.0
    for lived in lives:
        before, pause = pause, next_pause(pause, lived)
        assert keeping.FIRST_PAUSE_S <= pause <= keeping.LONGEST_PAUSE_S
        if lived >= keeping.LIVED_S:
            assert pause == keeping.FIRST_PAUSE_S
        elif before:
            assert pause == min(2 * before, keeping.LONGEST_PAUSE_S)


# -- what is asked, and what is said ---------------------------------------------------


@given(
    st.recursive(
        st.none() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=5,
    )
)
def test_what_is_said_is_checked(message: object):
    read_said(message)
    said = read_said({"what": "ended", "pid": message, "text": message})
    assert said is not None
    assert said.text.isprintable()


@given(st.sampled_from(["started", "found", "ended"]), st.integers(0, 2**31))
def test_what_a_keeper_says_arrives(what: str, pid: int):
    said = Said(what, "host-a", "w1", pid, None, "text")
    assert read_said(said.message()) == said


def test_two_recorders_have_two_nodes_on_a_host():
    orders = [NodeOrder(f"tcp://a:{port}", "1") for port in (1, 2)]
    assert orders[0].label != orders[1].label
    assert orders[0].label == NodeOrder("tcp://a:1", "2", "/keys").label


def test_the_folder_is_local_and_of_one_user(tmp_path: Path):
    named = {"RECORDER_NODE_DIRECTORY": "/a", "XDG_RUNTIME_DIR": str(tmp_path)}
    assert node_folder(named) == Path("/a")
    assert node_folder({"RUNTIME_DIRECTORY": f"{tmp_path}:/b"}).parent == tmp_path
    assert node_folder({"XDG_RUNTIME_DIR": "/none"}).name.endswith(str(os.getuid()))


def test_what_systemd_tells_the_worker_is_not_the_nodes():
    assert node_environment({"NOTIFY_SOCKET": "x", "PATH": "y"}) == {"PATH": "y"}
