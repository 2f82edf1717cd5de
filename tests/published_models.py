"""The published models of the three flavours, each in an environment of its own.

They create the schema on a real MariaDB and read back, with their own classes, what the
recorder wrote: what the recorder thinks of ISPyB has no part in it.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from recorder.config import Settings
from recorder.ispyb.schema.capabilities import RIGHTS
from recorder.ispyb.site import chosen_flavour
from recorder.records import Json
from tests.servers import HOST, Database

ORACLES = {"esrf": "esrf", "maxiv": "esrf", "diamond": "diamond"}
"""Which models tell of a flavour's tables."""
SCRIPTS = Path(__file__).parent / "oracles"
CACHE = (
    Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    / "ssx-recorder"
    / "oracles"
)
"""Shared by all checkouts; each environment is named after what is in it."""

_DUMPS: dict[str, bytes] = {}
"""What the models made, as SQL."""


@dataclass(frozen=True)
class Oracle:
    """One flavour's models."""

    name: str
    """Of the script and its requirements: ``esrf`` (MAX IV's, too) or ``diamond``."""

    def create(self, database: Database) -> None:
        """Make the schema, and what a user office would enter.

        The models make the first one; a dump of it makes the others, which is quicker.
        """
        if self.name in _DUMPS:
            database.server.load(database.name, _DUMPS[self.name])
        else:
            self._run("create", database)
            _DUMPS[self.name] = database.server.dump(database.name)

    def read(self, database: Database) -> list[Json]:
        """Every run with all that hangs on it."""
        return list(json.loads(self._run("read", database)))

    def people(self, database: Database) -> list[Json]:
        """Every proposal with its people, sessions, proteins and cards."""
        return list(json.loads(self._run("people", database)))

    def _run(self, command: str, database: Database) -> str:
        python = environment(SCRIPTS / f"{self.name}-requirements.txt")
        url = database.server.root_url(database.name)
        return _run(python, SCRIPTS / f"{self.name}.py", command, ORACLE_URL=url)


def environment(requirements: Path) -> Path:
    """Python of a virtual environment with these requirements; made if it is new.

    `make oracles` makes them before the tests; a lock keeps two makers apart.
    """
    text = f"{sys.base_prefix}\n{sys.version}\n{requirements.read_text('utf-8')}"
    folder = CACHE / hashlib.sha256(text.encode()).hexdigest()[:16]
    python, ready = folder / "bin" / "python", folder / "ready"
    CACHE.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not ready.exists():
            shutil.rmtree(folder, ignore_errors=True)
            _run(sys.executable, "-m", "venv", folder)
            _run(
                python,
                "-m",
                "pip",
                "install",
                "--quiet",
                "--no-deps",
                "--disable-pip-version-check",
                "-r",
                requirements,
            )
            ready.touch()
    return python


def _run(*arguments: str | Path, **variables: str) -> str:
    done = subprocess.run(
        [str(argument) for argument in arguments],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{arguments}: {done.stderr[-3000:]}"
    return done.stdout


def documented_rights(settings: Settings) -> dict[str, str]:
    """The letters that each table of the flavour needs."""
    rights: dict[str, set[str]] = {}
    for capability in chosen_flavour(settings).capabilities:
        for table, letters in RIGHTS[capability].items():
            rights.setdefault(table.name, set()).update("S", letters)
    return {name: "".join(sorted(letters)) for name, letters in rights.items()}


def _right(table: str, letter: str) -> str:
    """A right in words: of the sessions one column may be changed."""
    if (table, letter) == ("BLSession", "U"):
        return "UPDATE (beamLineSetupId)"
    return {"S": "SELECT", "I": "INSERT", "U": "UPDATE"}[letter]


def restrict(database: Database, rights: dict[str, str]) -> None:
    """Leave the database's user only these rights: table and letters of S, I, U."""
    user = f"{database.user}@'{HOST}'"
    grants = [
        f"GRANT {', '.join(_right(table, letter) for letter in letters)} "
        f"ON {database.name}.{table} TO {user}"
        for table, letters in rights.items()
    ]
    database.execute(f"REVOKE ALL ON {database.name}.* FROM {user}", *grants)


if __name__ == "__main__":
    for name in (*sorted(set(ORACLES.values())), "client"):
        environment(SCRIPTS / f"{name}-requirements.txt")
