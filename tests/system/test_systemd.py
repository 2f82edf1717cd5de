"""The unit parses, is hardened, and the daemon speaks systemd's protocol."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

from recorder.runtime.systemd import notify, watchdog_interval_s
from tests.servers import program, recorder_environment
from tests.system.beamline import make_beamline

UNIT = Path(__file__).parents[2] / "systemd" / "recorder.service"


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [program("systemd-analyze"), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_unit_parses(tmp_path):
    unit = tmp_path / "recorder.service"
    text = UNIT.read_text().replace("/opt/recorder/bin/recorder", sys.executable)
    unit.write_text(text)
    done = analyze("verify", unit)
    assert done.returncode == 0, done.stderr
    assert "recorder.service" not in done.stderr


def test_unit_is_hardened():
    done = analyze("security", "--offline=true", "--no-pager", "--threshold=15", UNIT)
    assert done.returncode == 0, done.stdout
    level = re.search(r"exposure level for recorder.service: ([\d.]+)", done.stdout)
    assert level is not None
    assert float(level[1]) <= 1.5


def test_daemon_is_ready_and_feeds_the_watchdog(config_file, tmp_path):
    beamline = make_beamline(config_file, None)
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(path)
        listener.settimeout(30)
        environment = recorder_environment(beamline.config)
        process = subprocess.Popen(
            [sys.executable, "-m", "recorder", "run"],
            env={**environment, "NOTIFY_SOCKET": path, "WATCHDOG_USEC": "400000"},
            stderr=subprocess.DEVNULL,
        )
        states = [listener.recv(4096).decode() for _ in range(4)]
        process.terminate()
        while not states[-1].startswith("STOPPING=1"):
            states.append(listener.recv(4096).decode())
        assert process.wait(timeout=30) == 0
    assert "READY=1" in states
    beats = [state for state in states if state.startswith("WATCHDOG=1")]
    assert len(beats) >= 2
    assert "STATUS=idle" in beats[0]


def test_notify_speaks_to_abstract_sockets_and_in_utf8(monkeypatch):
    name = f"recorder-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(f"\0{name}")
        monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}")
        assert notify("STATUS=run 3, 1.9 Å")
        assert listener.recv(100).decode() == "STATUS=run 3, 1.9 Å"
    assert not notify("READY=1")
    monkeypatch.delenv("NOTIFY_SOCKET")
    assert not notify("READY=1")


def test_watchdog_interval(monkeypatch):
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    assert watchdog_interval_s() is None
    monkeypatch.setenv("WATCHDOG_USEC", "60000000")
    assert watchdog_interval_s() == 30
    monkeypatch.setenv("WATCHDOG_PID", "1")
    assert watchdog_interval_s() is None
