"""A batch on the hosts of an engine: here one that another package brings."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.batches import night, rows_of
from tests.packages import write_package

ENGINE = '''
"""Each task in a process of its own, as an engine on other hosts would have it."""
import asyncio, json, sys
from contextlib import asynccontextmanager
from recorder.pool.batch_task import BatchEnd
from recorder.pool.inline import InlineEngine

PROGRAM = (
    "import json, sys; from recorder.pool.batch_task import run_task; "
    "print(json.dumps(run_task(json.loads(sys.argv[1]))))"
)

class Place:
    name = "elsewhere"
    tried = 0

    @property
    def size(self):
        return 2

    async def do(self, task):
        self.tried += 1
        if self.tried == 1:
            return BatchEnd(None, problem="elsewhere: its host is lost")
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", PROGRAM, json.dumps(task.to_json()),
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
        )
        out, _ = await process.communicate()
        return BatchEnd.from_json(json.loads(out))

class Engine(InlineEngine):
    name = "elsewhere"

    @asynccontextmanager
    async def batch(self, options):
        assert options.cluster is not None
        yield Place()

PLUGIN = Engine()
'''
LISTEN = "ipc:///tmp/recorder-nobody-comes"


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packages = tmp_path / "packages"
    write_package(packages, "elsewhere", "elsewhere", ENGINE, "recorder.engines")
    monkeypatch.setenv("PYTHONPATH", str(packages))


@pytest.mark.usefixtures("elsewhere")
def test_files_are_replayed_where_the_engine_says(run_recorder, config_file, tmp_path):
    files = night(tmp_path / "night", (4, 5))
    config = config_file(
        pool={"workers": 1}, cluster={"engine": "elsewhere", "listen": LISTEN}
    )
    shared = tmp_path / "shared"
    done = run_recorder(
        *("replay", tmp_path / "night", "--cluster", "--shared", shared, "--json"),
        config=config,
    )
    assert done.returncode == 0, done.stderr
    assert '"batch_try_again"' in done.stderr
    rows = json.loads(done.stdout)["files"]
    assert [row["state"] for row in rows] == ["done", "done"]
    assert sorted(row["tries"] for row in rows) == [1, 2]
    assert [row["runs"] for row in rows] == [[1], [2]]
    assert not list(shared.iterdir())
    found = rows_of(tmp_path / "state")
    assert {number: len(rows) for number, rows in found.items()} == {1: 4, 2: 5}
    assert len(files) == 2


def test_without_an_engine_that_can_it_says_so(run_recorder, config_file, tmp_path):
    (file,) = night(tmp_path / "night", (1,))
    done = run_recorder("replay", file.parent, "--cluster", config=config_file())
    assert (done.returncode, "cluster.engine" in done.stderr) == (2, True)
    done = run_recorder("replay", file, "--cluster", config=config_file())
    assert (done.returncode, "cluster.listen" in done.stderr) == (2, True)
    config = config_file(pool={"workers": 1}, cluster={"listen": LISTEN})
    done = run_recorder("replay", file.parent, "--cluster", config=config)
    assert done.returncode == 2
    assert "engine nodes" in done.stderr
