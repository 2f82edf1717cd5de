"""Packages that are not needed everywhere: their absence is one line, no traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CONFIG = """
beamline = "test"
[mqtt]
enabled = false
[ispyb]
enabled = false
[[panda]]
name = "panda-1"
host = "127.0.0.1"
port = 9
"""
WITHOUT = """
import sys
from importlib.abc import MetaPathFinder
class Absent(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.split(".")[0] in {absent!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Absent())
from recorder.cli import main
sys.argv = ["recorder", *{arguments!r}]
main()
"""
WEB = ("starlette", "uvicorn", "prometheus_client")
EXTRAS = ("dectris", "pandablocks", "amqtt", "hdf5plugin", "PIL", *WEB)


def without_extras(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process to which no optional package is there."""
    code = WITHOUT.format(absent=EXTRAS, arguments=arguments)
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "recorder.toml"
    path.write_text(f'state_directory = "{tmp_path}/state"\n' + CONFIG)
    return str(path)


def test_check_says_what_is_lost(tmp_path: Path):
    path = tmp_path / "recorder.toml"
    path.write_text(f'state_directory = "{tmp_path}/state"\n')
    done = without_extras("check", "-c", str(path))
    lines = {line.split()[1]: line for line in done.stdout.splitlines()}
    assert lines["decoder"].startswith("ok    decoder        imagecodecs ")
    assert "pip install 'ssx-recorder[native]'" in lines["decoder"]
    assert "left out: panda: " in lines["sources"]
    assert "pip install 'ssx-recorder[panda]'" in lines["sources"]
    assert done.stderr == ""


def test_the_daemon_names_the_extra_that_its_configuration_needs(config: str):
    done = without_extras("run", "-c", config)
    assert done.returncode == 2
    said = done.stderr.splitlines()[-1]
    assert said == (
        "recorder: source kind 'panda' is left out: a [[panda]] section needs packages "
        "that are not installed: pip install 'ssx-recorder[panda]'; installed: dectris"
    )
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [("web",), ("config", "schema", "--api")])
def test_the_page_names_the_extra_that_it_needs(arguments: tuple[str, ...]):
    done = without_extras(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    (said,) = done.stderr.splitlines()
    assert said.startswith("recorder: ")
    assert said.endswith("pip install 'ssx-recorder[web]'")


@pytest.mark.slow
def test_the_demo_goes_on_without_the_page():
    done = without_extras("demo", "--images", "40", "--broker", "mosquitto")
    assert done.returncode == 0, done.stdout + done.stderr
    (said,) = [line for line in done.stdout.splitlines() if "live page" in line]
    assert "pip install 'ssx-recorder[web]'" in said
    assert done.stdout.count("equals the simulator's truth") == 2


@pytest.mark.parametrize("command", ["replay", "simulate", "demo", "report", "web"])
def test_commands_need_no_extra_to_explain_themselves(command: str):
    assert without_extras(command, "--help").returncode == 0


def test_a_picture_names_the_extra_that_it_needs(tmp_path: Path, config: str):
    from recorder.config import load_settings
    from recorder.testing.recorded import copy_journal

    copy_journal(load_settings(Path(config)))
    picture = str(tmp_path / "x.png")
    done = without_extras("report", "--run", "1", "--png", picture, "-c", config)
    assert done.returncode == 2
    assert "ssx-recorder[report]" in done.stderr
    assert "Traceback" not in done.stderr
