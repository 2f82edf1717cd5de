"""The unit parses, is hardened, and the daemon speaks systemd's protocol."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from recorder.commands.node import command as node_command
from recorder.nodes.keys import NODE_SECRET, SERVER_PUBLIC
from recorder.runtime.systemd import notify, watchdog_interval_s
from tests.servers import program, recorder_environment
from tests.system.beamline import make_beamline

UNIT = Path(__file__).parents[2] / "systemd" / "recorder.service"
TEMPLATE = UNIT.with_name("recorder@.service")
WEB = UNIT.with_name("recorder-web.service")
WEB_TEMPLATE = UNIT.with_name("recorder-web@.service")
SYNC = UNIT.with_name("recorder-sync.service")
NODE = UNIT.with_name("recorder-node@.service")
SCHEDULER = UNIT.with_name("recorder-dask-scheduler.service")
DASK_WORKER = UNIT.with_name("recorder-dask-worker.service")
CONFIG = UNIT.parents[1] / "config"


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [program("systemd-analyze"), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


def installed(unit: Path, folder: Path, name: str) -> Path:
    """The unit with a program that is there, under the name of an instance."""
    path = folder / name
    text = unit.read_text()
    for command in ("recorder", "dask"):
        text = text.replace(f"/opt/recorder/bin/{command} ", f"{sys.executable} ")
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("unit", "name"),
    [
        (UNIT, "recorder.service"),
        (TEMPLATE, "recorder@.service"),
        (TEMPLATE, "recorder@id29.service"),
        (WEB, "recorder-web.service"),
        (WEB_TEMPLATE, "recorder-web@.service"),
        (WEB_TEMPLATE, "recorder-web@id29.service"),
        (SYNC, "recorder-sync.service"),
        (NODE, "recorder-node@.service"),
        (NODE, "recorder-node@id29.service"),
        (SCHEDULER, "recorder-dask-scheduler.service"),
        (DASK_WORKER, "recorder-dask-worker.service"),
        (SYNC.with_suffix(".timer"), "recorder-sync.timer"),
    ],
)
def test_unit_parses(tmp_path, unit, name):
    done = analyze("verify", installed(unit, tmp_path, name))
    assert done.returncode == 0, done.stderr
    assert name not in done.stderr


@pytest.mark.parametrize(
    "unit",
    [UNIT, TEMPLATE, WEB, WEB_TEMPLATE, SYNC, NODE, SCHEDULER],
    ids=lambda unit: unit.name,
)
def test_unit_is_hardened(tmp_path, unit):
    path = installed(unit, tmp_path, unit.name.replace("@.", "@id29."))
    done = analyze("security", "--offline=true", "--no-pager", "--threshold=15", path)
    assert done.returncode == 0, done.stdout
    level = re.search(r"exposure level for recorder\S*: ([\d.]+)", done.stdout)
    assert level is not None
    assert float(level[1]) <= 1.5


def test_a_dask_workers_node_outlives_it(tmp_path):
    """Its processes, user and folder stay; dask and batches have what they need."""
    path = installed(DASK_WORKER, tmp_path, DASK_WORKER.name)
    done = analyze("security", "--offline=true", "--no-pager", "--threshold=20", path)
    assert done.returncode == 0, done.stdout
    lines = DASK_WORKER.read_text().splitlines()
    assert {"KillMode=process", "RuntimeDirectoryPreserve=yes"} <= set(lines)
    assert "User=recorder-node" in lines
    assert not any(line.startswith(("DynamicUser", "PrivateTmp")) for line in lines)
    for unit in (SCHEDULER, DASK_WORKER):
        assert "ProcSubset=pid" not in unit.read_text().splitlines()  # /proc/meminfo


@pytest.mark.parametrize(
    "unit", [UNIT, TEMPLATE, WEB, WEB_TEMPLATE], ids=lambda unit: unit.name
)
def test_nobody_else_reads_what_a_unit_records(unit):
    found = dict(
        re.findall(r"^(UMask|\w+DirectoryMode)=(\d+)$", unit.read_text(), re.M)
    )
    assert found == {
        "UMask": "0027",
        "StateDirectoryMode": "0750",
        "RuntimeDirectoryMode": "0750",
    }


def test_the_template_is_the_unit_with_an_instance():
    """Whoever changes one changes the other; each instance has its own state."""
    ours = UNIT.read_text().splitlines()
    lines = TEMPLATE.read_text().splitlines()
    other = [line for line in lines if line not in ours and not line.startswith("#")]
    assert other == [
        "Description=Recorder of serial-crystallography runs, beamline %i",
        "ExecStart=/opt/recorder/bin/recorder run -c /etc/recorder/%i.toml",
        "StateDirectory=recorder/%i",
        "Environment=RECORDER_STATE_DIRECTORY=%S/recorder/%i",
        "RuntimeDirectory=recorder/%i",
    ]
    missing = [ln for ln in ours if ln not in lines and not ln.startswith("#")]
    assert [line.partition("=")[0] for line in missing] == [
        "Description",
        "ExecStart",
        "StateDirectory",
        "RuntimeDirectory",
    ]


@pytest.mark.parametrize("unit", [UNIT, TEMPLATE, NODE], ids=lambda unit: unit.name)
def test_zeromq_may_start_its_threads(unit):
    """It asks for the policy that they have: denied, it ends the process."""
    filters = [value for name, value in _settings(unit) if name == "SystemCallFilter"]
    assert filters[-2:] == ["~@privileged @resources", "sched_setscheduler"]
    assert dict(_settings(unit))["RestrictRealtime"] == "yes"


def test_the_template_of_the_page_is_its_unit_with_an_instance():
    """Each has the state that its recorder writes, and a folder of its own beside."""
    ours = WEB.read_text().splitlines()
    lines = WEB_TEMPLATE.read_text().splitlines()
    other = [line for line in lines if line not in ours and not line.startswith("#")]
    assert other == [
        "Description=Live page of the recorder, its read API and metrics, beamline %i",
        "After=network-online.target recorder@%i.service",
        "ExecStart=/opt/recorder/bin/recorder web -c /etc/recorder/%i.toml",
        "StateDirectory=recorder/%i recorder/%i-web",
        "Environment=RECORDER_STATE_DIRECTORY=%S/recorder/%i",
        "ReadOnlyPaths=-/var/lib/private/recorder/%i -/var/lib/recorder/%i",
        "RuntimeDirectory=recorder/%i",
    ]
    daemon = dict(_settings(TEMPLATE))
    web = dict(_settings(WEB_TEMPLATE))
    assert web["RuntimeDirectory"] == daemon["RuntimeDirectory"]
    assert web["StateDirectory"].split()[0] == daemon["StateDirectory"]


def test_the_page_reads_what_the_daemon_writes_and_harms_nothing():
    """Same user and live folder, which outlives both; a part of the machine only."""
    web, daemon = (dict(_settings(unit)) for unit in (WEB, UNIT))
    for name in ("RuntimeDirectory", "RuntimeDirectoryPreserve"):
        assert web[name] == daemon[name]
    assert web["StateDirectory"].split() == [daemon["StateDirectory"], "recorder-web"]
    assert web["User"] == "recorder"  # what systemd names the daemon's dynamic user
    assert "/var/lib/private/recorder" in web["ReadOnlyPaths"]
    limits = {name: web[name] for name in ("Nice", "CPUQuota", "MemoryMax")}
    assert limits == {"Nice": "5", "CPUQuota": "50%", "MemoryMax": "512M"}
    assert not [name for name in web if "Credential" in name]


def test_a_node_is_hardened_like_the_daemon_and_keeps_nothing():
    daemon, node = _settings(UNIT), _settings(NODE)
    own = [item for item in node if item not in daemon]
    assert [name for name, _ in own] == [
        "Description",
        "EnvironmentFile",
        "LoadCredential",
        "LoadCredential",
        "ExecStart",
        "RestartSec",
        "RestrictAddressFamilies",
    ]
    assert dict(node)["RestrictAddressFamilies"] == "AF_INET AF_INET6 AF_UNIX"
    missing = {name for name, _ in daemon} - {name for name, _ in node}
    kept = {"StateDirectory", "StateDirectoryMode", "RuntimeDirectory"}
    kept |= {"RuntimeDirectoryMode", "RuntimeDirectoryPreserve"}
    assert missing == kept
    credentials = [value.partition(":")[0] for n, value in own if n[:4] == "Load"]
    assert credentials == [NODE_SECRET, SERVER_PUBLIC]


def test_the_slurm_script_parses_and_hands_the_signal_on(tmp_path):
    """`srun` and the recorder are stand-ins: what is tried is our script."""
    script = CONFIG / "recorder-node.sbatch"
    subprocess.run(["bash", "-n", script], check=True)
    srun = tmp_path / "srun"
    srun.write_text(
        '#!/bin/sh\nwhile [ "${1#--}" != "$1" ]; do\n'
        '  echo "$1" >> "$0.told"; shift\ndone\n'
        'exec "$@"\n'
    )
    fake = tmp_path / "recorder"
    fake.write_text(
        '#!/bin/bash\necho "$@" "$RECORDER_NODE_CONNECT" >> "$0.told"\n'
        "trap 'echo handed back >> \"$0.told\"; exit 0' TERM\n"
        "while true; do sleep 0.05; done\n"
    )
    for program_ in (srun, fake):
        program_.chmod(0o755)
    environment = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "RECORDER": str(fake),
        "RECORDER_NODE_CONNECT": "tcp://192.0.2.10:9998",
        "SLURMD_NODENAME": "host-b",
        "SLURM_CPUS_PER_TASK": "16",
    }
    told = Path(f"{fake}.told")
    job = subprocess.Popen(["bash", script], env=environment)
    try:
        begun = time.monotonic()
        while not told.exists() and time.monotonic() - begun < 60:
            time.sleep(0.05)
        job.terminate()
        job.wait(60)
    finally:
        job.kill()
    assert told.read_text().splitlines() == [
        "node --name host-b --workers 16 tcp://192.0.2.10:9998",
        "handed back",
    ]
    # Slurm 22.05 and later: a step does not inherit the cores of its job
    assert "--cpus-per-task=16" in Path(f"{srun}.told").read_text().splitlines()


def test_the_deployment_starts_the_same_command():
    body = yaml.safe_load((CONFIG / "recorder-node.yaml").read_text())
    assert (body["apiVersion"], body["kind"]) == ("apps/v1", "Deployment")
    pod = body["spec"]["template"]
    assert body["spec"]["selector"]["matchLabels"] == pod["metadata"]["labels"]
    (container,) = pod["spec"]["containers"]
    names = {item["name"] for item in container["env"]}
    options = {p.envvar for p in node_command.params if p.envvar}
    assert options | {"RECORDER_NODE_NAME"} == names
    assert container["args"] == ["node"]
    volumes = {volume["name"] for volume in pod["spec"]["volumes"]}
    assert {mount["name"] for mount in container["volumeMounts"]} == volumes
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def _settings(unit: Path) -> list[tuple[str, str]]:
    return re.findall(r"^(\w+)=(.*)$", unit.read_text(), re.M)


def test_daemon_is_ready_and_feeds_the_watchdog(config_file, tmp_path):
    beamline = make_beamline(config_file, None)
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(path)
        listener.settimeout(120)
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
        assert process.wait(timeout=120) == 0
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
