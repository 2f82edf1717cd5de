"""How long a user portal's whole content takes: new, unchanged, and a little changed.

1000 proposals with 10,000 persons, on a real MariaDB of this host with the tables that
MAX IV and the ESRF publish, and on the embedded SQLite file. Each step is a process of
its own would be: JSON is read anew, nothing is remembered in memory.

``python -m benchmarks.portal_sync [--proposals N] [--write FILE]``
"""

from __future__ import annotations

import argparse
import copy
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.machine import machine
from recorder.config import Settings
from recorder.portal.json_text import documents
from recorder.portal.report import Report
from recorder.portal.sync import Wish, synchronise
from recorder.records import Json
from tests.published_models import Oracle
from tests.servers import MariaDB

PERSONS = 10
"""Of a proposal, who are in no other one."""
SESSIONS = 3
MEMBERS = 5
"""Persons of a session."""
CHANGED = 20
"""Of as many proposals one gets another title."""


@dataclass(frozen=True)
class Step:
    """One call."""

    what: str
    wall_s: float
    cpu_s: float
    report: Report


def portal(proposals: int) -> list[Json]:
    """What the portal says."""
    return [_body(n) for n in range(1, proposals + 1)]


def _body(n: int) -> Json:
    persons = [_person(n, m) for m in range(PERSONS)]
    return {
        "proposal": {
            "proposalCode": "mx",
            "proposalNumber": str(n),
            "title": f"Proposal {n}",
            "externalId": n,
            "persons": persons,
        },
        "sessions": [
            {
                "externalId": n * SESSIONS + m,
                "startDate": f"2026-11-{m + 1:02}T08:00:00+01:00",
                "endDate": f"2026-11-{m + 2:02}T08:00:00+01:00",
                "beamLineName": "id29",
                "visit_number": m + 1,
                "persons": [
                    {
                        "login": p["login"],
                        "session_options": {"role": "Staff", "remote": 0},
                    }
                    for p in persons[:MEMBERS]
                ],
            }
            for m in range(SESSIONS)
        ],
        "proteins": [
            {"acronym": f"p{m}", "externalId": 2 * n + m, "name": "Protein"}
            for m in range(2)
        ],
    }


def _person(n: int, m: int) -> Json:
    return {
        "login": f"u{n}x{m}",
        "externalId": n * PERSONS + m,
        "givenName": "Ada",
        "familyName": f"Lovelace {n}",
        "emailAddress": f"u{n}x{m}@example.org",
        "laboratory": {
            "name": f"Laboratory {n % 200}",
            "address": "1 street",
            "city": "Grenoble",
            "country": "France",
        },
    }


@contextmanager
def _mariadb(folder: Path) -> Iterator[Settings]:
    server = MariaDB(folder / "server").start()
    try:
        database = server.create_database()
        Oracle("esrf").create(database)
        account = {"url": database.url, "password": database.password}
        yield Settings(
            state_directory=folder / "state", ispyb=database.section(), sync=account
        )
    finally:
        server.stop()


@contextmanager
def _embedded(folder: Path) -> Iterator[Settings]:
    yield Settings(state_directory=folder / "embedded")


SITES: dict[str, Callable[[Path], AbstractContextManager[Settings]]] = {
    "MariaDB": _mariadb,
    "SQLite": _embedded,
}


def measure(settings: Settings, said: list[Json]) -> Iterator[Step]:
    """New, the same again, a dry run, then with some titles changed."""
    other = copy.deepcopy(said)
    for body in other[::CHANGED]:
        body["proposal"]["title"] = "Another title"
    calls = (
        ("all new", said, True),
        ("the same again", said, True),
        ("one title of 20 changed, dry run", other, False),
        ("one title of 20 changed", other, True),
        ("one proposal, unchanged", other[:1], True),
    )
    for what, bodies, apply in calls:
        text = json.dumps(bodies).encode()
        begun, worked = time.monotonic(), time.process_time()
        wish = Wish("benchmark", "benchmark", apply=apply)
        report = synchronise(settings, documents(text, "portal"), wish)
        yield Step(what, time.monotonic() - begun, time.process_time() - worked, report)


def page(proposals: int, found: dict[str, list[Step]]) -> str:
    """The measurements as a page."""
    lines = [
        "# Portal sync",
        "",
        f"{proposals} proposals with {proposals * PERSONS} persons, "
        f"{proposals * SESSIONS} sessions and {proposals * SESSIONS * MEMBERS} persons "
        "of sessions; each call reads its JSON anew. `python -m benchmarks.portal_sync "
        "--write docs/benchmarks-portal.md` renews it.",
        "",
        machine("at the end"),
    ]
    for site, steps in found.items():
        lines += ["", f"## {site}", ""]
        lines += ["| call | s | CPU s of ours | proposals | objects written |"]
        lines += ["|---|---|---|---|---|"]
        for step in steps:
            states = ", ".join(f"{n} {s}" for s, n in step.report.states.items())
            written = sum(
                counts.get("created", 0) + counts.get("changed", 0)
                for counts in step.report.counts.values()
            )
            lines += [
                f"| {step.what} | {step.wall_s:.2f} | {step.cpu_s:.2f} | {states} | "
                f"{written} |"
            ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--proposals", type=int, default=1000)
    parser.add_argument("--site", choices=SITES, action="append")
    parser.add_argument("--write", type=Path)
    arguments = parser.parse_args()
    said = portal(arguments.proposals)
    found: dict[str, list[Step]] = {}
    for site in arguments.site or SITES:
        with tempfile.TemporaryDirectory() as folder, SITES[site](Path(folder)) as made:
            found[site] = []
            for step in measure(made, said):
                found[site].append(step)
                print(f"{site}: {step.what}: {step.wall_s:.2f} s", flush=True)
    text = page(arguments.proposals, found)
    print(text)
    if arguments.write:
        arguments.write.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
