"""Is a daemon alive, which run, what is wrong: from the host alone, without a broker.

Whether it lives says the kernel's lock of the journal; what it does says its sign of
life; what waits or was refused says the journal.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from recorder.errors import JournalError
from recorder.journal import Journal
from recorder.journal.lock import lock_state
from recorder.journal.records import SINK_KINDS
from recorder.records import Json
from recorder.runtime.status_file import NAME, age_s, is_process, read_status

SILENT_S = 15.0
"""Seconds without a sign of life (one each second) after which a daemon hangs: longer
than a busy machine or disk makes it late. Chosen, not tuned."""
OPEN_RUNS = 50
"""Latest runs that are not sealed, of which a look names no more: people read no more.
Chosen, not tuned."""


class Alive(StrEnum):
    """Whether a daemon records into a state directory."""

    RUNNING = "running"
    NOT_RUNNING = "not running"
    UNKNOWN = "cannot tell"


@dataclass(frozen=True, slots=True)
class Refused:
    """Records of one run that a sink refused, and why the first of them."""

    sink: str
    run: int | None
    uid: str | None
    records: int
    error: str


@dataclass(frozen=True, slots=True)
class OpenRun:
    """A run that the journal has as not sealed."""

    run: int
    uid: str
    experiment: str


@dataclass(frozen=True, slots=True)
class Life:
    """What can be said of a daemon from its host."""

    alive: Alive
    why: str
    """Why that is so, for people."""
    problems: tuple[str, ...] = ()
    """What is wrong with one that runs, and what to do."""
    sign: Json = field(default_factory=dict)
    """Its last sign of life; empty if there is none."""
    age_s: float | None = None
    """Seconds since then; None if it was before the host booted."""
    waiting: dict[str, int] = field(default_factory=dict)
    """Records that each sink still has to write, as the journal has it."""
    refused: tuple[Refused, ...] = ()
    open_runs: tuple[OpenRun, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 well, 1 something is wrong, 3 no daemon, 4 nobody can tell."""
        if self.alive is Alive.NOT_RUNNING:
            return 3
        if self.alive is Alive.UNKNOWN:
            return 4
        return 1 if self.problems else 0


def look(state_directory: Path, sinks: Sequence[str]) -> Life:
    """What is true of the daemon of a state directory now.

    Args:
        state_directory: Where its journal and sign of life are.
        sinks: Names of the configured sinks.
    """
    path = state_directory / "journal.sqlite"
    held = lock_state(path)
    try:
        sign = read_status(state_directory / NAME) or {}
    except OSError as error:
        name = state_directory / NAME
        return Life(Alive.UNKNOWN, f"{name} cannot be read: {error.strerror}")
    age = age_s(sign) if sign else None
    alive, why = judge(held, sign, age)
    waiting: dict[str, int] = {}
    refused: tuple[Refused, ...] = ()
    open_runs: tuple[OpenRun, ...] = ()
    trouble = ""
    if path.exists():
        try:
            journal = Journal(path, read_only=True)
            try:
                waiting = {s: journal.backlog(s, SINK_KINDS) for s in sinks}
                refused = tuple(_refused(journal, sinks))
                open_runs = tuple(_open_runs(journal))
            finally:
                journal.close()
        except JournalError as error:
            trouble = str(error)
    problems = (
        (*find_problems(sign, age), *_refusals(refused))
        if alive is Alive.RUNNING
        else ()
    )
    if trouble:
        problems = (*problems, f"journal: {trouble}")
    return Life(alive, why, problems, sign, age, waiting, refused, open_runs)


def judge(held: bool | None, sign: Json, age: float | None) -> tuple[Alive, str]:
    """Whether a daemon lives, and why that is so.

    Args:
        held: Whether a process holds the journal's lock; None: that cannot be asked.
        sign: The last sign of life; empty if there is none.
        age: Seconds since then; None if it was before the host booted.
    """
    process = is_process(sign) if sign else None
    fresh = age is not None and age < SILENT_S
    if held is None:
        held = process
    if held is None:
        why = "the journal's lock cannot be asked, and no sign of life says more"
        return Alive.UNKNOWN, why
    elsewhere = bool(sign) and age is None and sign.get("host") != socket.gethostname()
    if not held:
        if elsewhere:
            why = f"it was last alive on host {sign.get('host')}: ask there"
            return Alive.UNKNOWN, why
        return Alive.NOT_RUNNING, _how_it_ended(sign)
    if not (process or fresh):
        why = (
            "a process holds the journal but gives no sign of life: one that is only "
            "starting, or of another version"
        )
        return Alive.UNKNOWN, why
    pid = sign.get("pid")
    if sign.get("command") != "run":
        return Alive.NOT_RUNNING, f"a replay uses this journal (pid {pid})"
    return Alive.RUNNING, f"pid {pid}, since {sign.get('started')}"


def _how_it_ended(sign: Json) -> str:
    when = sign.get("time")
    if not sign:
        return "none has recorded into this state directory"
    what = "it" if sign.get("command") == "run" else "a replay"
    if sign.get("stage") == "stopped":
        return f"{what} was stopped at {when}"
    if sign.get("stage") == "failed":
        return f"{what} ended by an error at {when}: see its log"
    return (
        f"{what} ended without stopping (killed, crashed, or the power went); last "
        f"sign of life {when}: see its log, then start it again"
    )


def find_problems(sign: Json, age: float | None) -> list[str]:
    """What is wrong with a daemon that runs, by its sign of life."""
    found = []
    if age is None or age >= SILENT_S:
        since = "since the host booted" if age is None else f"for {age:.0f} s"
        found.append(
            f"no sign of life {since}: it hangs, or its disk does; look at the disk "
            "and at its log, then restart it"
        )
    if sign.get("journal") == "failing":
        unwritten = sign.get("unwritten", "?")
        found.append(
            f"the disk refuses the journal, {unwritten} entries wait in memory: free "
            "space"
        )
    broker = sign.get("broker") or {}
    if broker.get("state") == "away" and sign.get("stage") != "starting":
        found.append(f"no connection to the broker: {broker.get('error')}")
    elif broker.get("state") == "connected" and broker.get("error"):
        found.append(f"the broker: {broker['error']}")
    found += _missing_sources(sign)
    for name, state in (sign.get("sinks") or {}).items():
        if state != "ok":
            found.append(f"sink {name} cannot write: {state}")
    for node in sign.get("nodes") or ():
        if node.get("problem"):
            found.append(f"node {node.get('name')}: {node['problem']}")
    return found + _alarms(sign)


def _missing_sources(sign: Json) -> list[str]:
    """Sources that are away while a run waits for what only they can send."""
    found = []
    for source in sign.get("sources") or ():
        runs = source.get("waited_for_by") or ()
        if source.get("state") == "away" and runs:
            numbers = ", ".join(map(str, runs))
            found.append(
                f"source {source.get('name')} is not connected ({source['endpoint']}), "
                f"and run {numbers} waits for it: is it on, and the network well?"
            )
    return found


def _alarms(sign: Json) -> list[str]:
    """Alarms that stand, but for those to know only, and what is named by run."""
    return [
        f"alarm {alarm.get('kind')} ({alarm.get('severity')}): {alarm.get('text')}"
        for alarm in sign.get("alarms") or ()
        if alarm.get("severity") != "info" and alarm.get("kind") != "parked"
    ]


def why_pending(state_directory: Path, sinks: Sequence[str]) -> dict[str, str]:
    """Why what is pending waits, by sink: the daemon knows, or there is none.

    Args:
        state_directory: Where journal and sign of life are.
        sinks: Names of the sinks.
    """
    try:
        sign = read_status(state_directory / NAME) or {}
    except OSError:
        sign = {}
    held = lock_state(state_directory / "journal.sqlite")
    alive, _ = judge(held, sign, age_s(sign) if sign else None)
    if alive is not Alive.RUNNING:
        why = {
            Alive.NOT_RUNNING: "no daemon runs that writes it",
            Alive.UNKNOWN: "whether a daemon writes it cannot be told",
        }[alive]
        return dict.fromkeys(sinks, why)
    states = sign.get("sinks") or {}
    missing = "the daemon that runs was started without this sink"
    found = {sink: states.get(sink, missing) for sink in sinks}
    return {s: "being written" if t == "ok" else t for s, t in found.items()}


def _refusals(refused: Sequence[Refused]) -> list[str]:
    return [
        f"sink {item.sink} refused {item.records} records of run {item.run}: "
        f"{item.error}; mend it, then `recorder spool retry`"
        for item in refused
    ]


def _refused(journal: Journal, sinks: Sequence[str]) -> list[Refused]:
    found = []
    for sink in sinks:
        for uid, error, count in journal.parked_runs(sink):
            known = journal.headline(uid) if uid else None
            number = known.number if known else None
            found.append(Refused(sink, number, uid, count, error))
    return found


def _open_runs(journal: Journal) -> list[OpenRun]:
    known = journal.unsealed()[: -OPEN_RUNS - 1 : -1]
    return [OpenRun(run.number, run.uid, run.experiment) for run in known]


def life_json(life: Life) -> dict[str, Any]:
    """The same for programs."""
    body = asdict(life)
    return {**body, "alive": str(life.alive), "exit_code": life.exit_code}
