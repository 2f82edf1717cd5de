"""What is handed out: source archive, wheel, units, image; each has all it needs."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path, PurePosixPath

import pytest

from recorder.service.shipped import shipped_files
from recorder.simulate.stream.broker import PURE

ROOT = Path(__file__).parents[2]
SHIPPED = {
    "recorder.example.toml",
    "recorder.schema.json",
    "report.schema.json",
    "openapi.json",
    "openapi-pyispyb.json",
    "grafana-dashboard.json",
    "prometheus-alerts.yml",
    "recorder.service",
    "recorder@.service",
    "recorder-node@.service",
    "recorder-dask-scheduler.service",
    "recorder-dask-worker.service",
    "recorder-node.sbatch",
    "recorder-node.yaml",
    "recorder-web.service",
    "recorder-web@.service",
    "recorder-sync.service",
    "recorder-sync.timer",
}
FOR_MAKE = {
    "Makefile",
    "Containerfile",
    "constraints.txt",
    "pyproject.toml",
    "README.md",
    "LICENSE",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
}
"""Beside what the Makefile names itself."""
INSTRUCTIONS = {"FROM", "RUN", "WORKDIR", "COPY", "ENV", "USER", "VOLUME"} | {
    "ENTRYPOINT",
    "CMD",
}


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """A folder with both archives, made without a network."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    return folder


@pytest.fixture(scope="module")
def source(built) -> set[str]:
    """Paths in the source archive, below its one folder."""
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        parts = [PurePosixPath(name).parts for name in archive.getnames()]
    return {"/".join(rest) for _, *rest in parts}


def tracked() -> list[str]:
    """Files of the repository; none where this is no clone."""
    done = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return [name for name in done.stdout.split("\0") if name]


def test_the_source_archive_has_all_that_the_repository_has(source):
    missing = [name for name in tracked() if (ROOT / name).is_file()]
    assert [name for name in missing if name not in source] == []


def test_the_source_archive_has_all_that_make_needs(source):
    makefile = (ROOT / "Makefile").read_text()
    named = set(re.findall(r"(?:scripts|docs|tests|config)/[\w./-]*\w", makefile))
    files = {name for name in named if (ROOT / name).is_file()}
    assert "scripts/install" in files
    assert (files | FOR_MAKE) - source == set()
    scripts = {f"scripts/{path.name}" for path in (ROOT / "scripts").iterdir()}
    assert scripts - source == set()


def test_scripts_can_be_executed(built):
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        wrong = [
            item.name
            for item in archive
            if "/scripts/" in item.name and not item.mode & 0o100
        ]
    assert wrong == []


@pytest.fixture(scope="module")
def installed(built, tmp_path_factory) -> Path:
    """Environment that the wheel is installed in, its dependencies from ours."""
    (wheel,) = built.glob("*.whl")
    prefix = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
    subprocess.run(
        [*pip, "--ignore-installed", "--prefix", str(prefix), str(wheel)], check=True
    )
    return prefix


def run_installed(prefix: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    (packages,) = prefix.glob("lib/python*/site-packages")
    return subprocess.run(
        [sys.executable, str(prefix / "bin" / "recorder"), *arguments],
        env={"PYTHONPATH": str(packages), "HOME": str(prefix)},
        cwd=prefix,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_wheel_brings_its_files_and_says_where(installed):
    done = run_installed(installed, "config", "files")
    assert done.returncode == 0, done.stderr
    found = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    assert set(found) == SHIPPED
    for name, path in found.items():
        assert Path(path).is_relative_to(installed.resolve() / "share/ssx-recorder")
        (ours,) = (p for p in shipped_files().values() if p.name == name)
        assert Path(path).read_bytes() == ours.read_bytes()
    one = run_installed(installed, "config", "files", "recorder@.service")
    assert one.stdout.strip() == found["recorder@.service"]
    none = run_installed(installed, "config", "files", "nothing")
    assert none.returncode == 2
    assert "no such file: nothing; there are " in none.stderr
    assert "recorder.example.toml" in none.stderr


def test_the_wheel_runs_from_elsewhere(installed):
    done = run_installed(installed, "config", "schema")
    assert done.returncode == 0, done.stderr
    (schema,) = (p for n, p in shipped_files().items() if n == "recorder.schema.json")
    assert done.stdout == schema.read_text()


def test_the_wheel_has_nothing_else(built):
    (path,) = built.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        tops = {PurePosixPath(name).parts[0] for name in archive.namelist()}
    assert sorted(tops) == [
        "recorder",
        "ssx_recorder-0.1.0.data",
        "ssx_recorder-0.1.0.dist-info",
    ]


def test_in_a_clone_they_lie_beside_the_package():
    found = shipped_files()
    assert set(found) == SHIPPED
    assert all(path.is_file() for path in found.values())


def test_the_hint_of_the_demo_can_be_followed():
    """It names the package itself: ours is in no index."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        extras = tomllib.load(file)["project"]["optional-dependencies"]
    assert extras["demo"] == [PURE]
    for path in ("README.md", "recorder/simulate/stream/broker.py"):
        assert "pip install ssx-recorder" not in (ROOT / path).read_text()


# -- the image -------------------------------------------------------------------------


def instructions() -> list[tuple[str, str]]:
    """Instructions of the container file, continued lines joined."""
    text = (ROOT / "Containerfile").read_text()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [
        (word, rest.strip())
        for line in joined.splitlines()
        if line.strip()
        for word, _, rest in [line.partition(" ")]
    ]


def test_the_container_file_is_made_of_instructions():
    found = instructions()
    assert {word for word, _ in found} == INSTRUCTIONS
    assert found[0] == ("FROM", "docker.io/library/python:3.11-slim AS build")
    stages = re.findall(r"AS (\w+)", "\n".join(rest for _, rest in found))
    for _, rest in found:
        for stage in re.findall(r"from=(\w+)", rest):
            assert stage in stages


def test_its_steps_parse_and_name_what_there_is():
    shell = [
        re.sub(r"--mount=\S+", "", rest) for w, rest in instructions() if w == "RUN"
    ]
    assert len(shell) == 3
    for step in shell:
        subprocess.run(["sh", "-n", "-c", step], check=True)
        for command in re.split(r"&&", step):
            program = shlex.split(command)[0]
            known = ("apt-get", "useradd")  # of the base image
            assert program in known or shutil.which(program), program
    text = " ".join(shell)
    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    for extras in re.findall(r"\[([\w,]+)\]", text):
        assert set(extras.split(",")) <= set(project["optional-dependencies"])
    assert f"'{project['name']}[" in text
    assert (ROOT / "constraints.txt").is_file()


def test_the_image_runs_the_daemon_as_nobody_special():
    found = dict(instructions())
    assert found["ENTRYPOINT"] == '["recorder"]'
    assert found["CMD"] == '["run", "-c", "/etc/recorder/recorder.toml"]'
    assert found["USER"] == "recorder"
    assert found["VOLUME"] == "/var/lib/recorder"
    unit = (ROOT / "systemd/recorder.service").read_text()
    for name, value in re.findall(r"(\w+_NUM_THREADS|MALLOC_\w+)=(\d+)", unit):
        assert f"{name}={value}" in found["ENV"], "as the unit has it"


def test_what_the_build_needs_is_not_left_out():
    ignored = (ROOT / ".dockerignore").read_text().split()
    with (ROOT / "pyproject.toml").open("rb") as file:
        hatch = tomllib.load(file)["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {*hatch["packages"], *hatch["shared-data"], "README.md", "LICENSE"}
    assert needed & set(ignored) == set()
