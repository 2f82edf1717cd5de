"""Where a replay writes to: never into what a daemon records, unless it is told to."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from recorder.config import Settings
from recorder.config.reading import read_tables
from recorder.config.settings import SYSTEM_CONFIG, default_state_directory
from recorder.errors import ConfigError, JournalError
from recorder.journal import Journal
from recorder.journal.lock import lock_state
from recorder.records import Json
from recorder.reports.journal_mark import MARK, marked_by
from recorder.runtime.boundary import boundary

FOLDER = "replay"
"""Folder in a daemon's state directory that replays have to themselves."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a replay writes to."""

    settings: Settings
    said: tuple[str, ...] = ()
    """What people should know of it, one line each."""


def find_place(
    settings: Settings,
    config: Path | None,
    *,
    into_production: bool,
    environment: Mapping[str, str] = os.environ,
) -> Place:
    """The settings with which a replay writes.

    Args:
        settings: The whole configuration.
        config: Its file; None: there is none.
        into_production: It is told to write where the configuration says.
        environment: What stands in it was said for this replay.
    """
    if into_production or settings.replay.into_production:
        return Place(settings)
    told = {name.upper() for name in environment}
    mark = _mark_of(settings.journal_path)
    daemons = mark is not None and mark.get("command") == "run"
    own_url = _told(told, "RECORDER_ISPYB__URL", "RECORDER_ISPYB") and not (
        daemons and mark and mark.get("ispyb") == settings.ispyb_url
    )
    own_results = _told(told, "RECORDER_RESULTS_DIRECTORY") and not (
        daemons and mark and mark.get("results") == str(settings.results.absolute())
    )
    server = settings.ispyb.enabled and not own_url and _is_server(settings.ispyb.url)
    moved = _is_moved(settings, config, told)
    if not (daemons or moved or server or config == SYSTEM_CONFIG):
        return Place(settings)
    kept = {
        "results": own_results or settings.results_directory is None,
        "ispyb": own_url or settings.ispyb.url is None or not settings.ispyb.enabled,
        "sink": _told(told, "RECORDER_SINK") or not settings.sink,
    }
    if moved and not daemons and all(kept.values()):
        return Place(settings)
    return _apart(settings, kept, move=daemons or not moved)


def _apart(settings: Settings, kept: Mapping[str, bool], *, move: bool) -> Place:
    """The settings without what a daemon writes to."""
    state = settings.state_directory
    if move:
        state = (state if _writable(state) else default_state_directory()) / FOLDER
    changes: Json = {"state_directory": state}
    left = []
    if not kept["results"]:
        changes["results_directory"] = None
        left.append(f"results folder {settings.results_directory}")
    if not kept["ispyb"]:
        changes["ispyb"] = settings.ispyb.model_copy(update={"enabled": False})
        left.append(f"ISPyB {settings.ispyb_url}")
    if not kept["sink"]:
        changes["sink"] = ()
        left += [f"sink {section.name}" for section in settings.sink]
    if settings.cluster.keys is None:  # nodes know the keys of this configuration
        known = {"keys": settings.cluster_keys}
        changes["cluster"] = settings.cluster.model_copy(update=known)
    own = settings.model_copy(update=changes)
    what = f"; left alone: {', '.join(left)}" if left else ""
    said = (
        f"replay into {state}, apart from what a daemon records{what} "
        "(--into-production writes there)",
        f"its report again: RECORDER_STATE_DIRECTORY={state} recorder report",
    )
    return Place(own, said)


def mark(settings: Settings, journal: Journal, *, into_production: bool) -> None:
    """Keep in the journal who records into it; what a daemon marked stays a daemon's.

    Args:
        settings: Where the sinks write.
        journal: Is marked.
        into_production: A daemon records, or a replay that is to write where it does.
    """
    known = marked_by(journal)
    command = "run" if into_production or known.get("command") == "run" else "replay"
    body = {
        "command": command,
        "results": str(settings.results.absolute()),
        "ispyb": settings.ispyb_url if settings.ispyb.enabled else None,
        "sinks": settings.sink_names,
    }
    if not into_production and known.get("command") == "run":
        return
    with boundary("mark the journal", (JournalError,)):
        journal.mark(MARK, json.dumps(body))


def leave_out_earlier(journal: Journal, sinks: Sequence[str]) -> None:
    """Have sinks that no earlier replay wrote to begin with what comes now.

    Who wants this run in production has not asked for all runs before it.

    Args:
        journal: Is marked by the earlier replays.
        sinks: Names of the sinks of this one.
    """
    known = marked_by(journal)
    if known.get("command") != "replay":
        return
    last = journal.last_record()
    for sink in set(sinks) - set(known.get("sinks") or ()):
        journal.advance(sink, last, None, None)


def _mark_of(path: Path) -> Json | None:
    """Who records into a journal; None if there is none.

    One that nobody marked is of an earlier recorder, one that cannot be read of who
    knows whom: both are taken for a daemon's.
    """
    if not path.exists():
        return None
    try:
        journal = Journal(path, read_only=True)
        try:
            found = marked_by(journal)
            if found or journal.run_uids() or lock_state(path):
                return found or {"command": "run"}
            return None
        finally:
            journal.close()
    except JournalError:
        return {"command": "run"}


def _told(told: set[str], *names: str) -> bool:
    return not told.isdisjoint(names)


def _is_server(url: str | None) -> bool:
    return url is not None and not url.startswith("sqlite")


def _is_moved(settings: Settings, config: Path | None, told: set[str]) -> bool:
    """Whether the state directory is another one than the configuration file's."""
    if config is None or not _told(told, "RECORDER_STATE_DIRECTORY"):
        return False
    try:
        data = read_tables(config)
    except ConfigError:
        return True
    named = data.get("state_directory")
    its = Path(named) if isinstance(named, str) else default_state_directory()
    return its.absolute() != settings.state_directory.absolute()


def _writable(path: Path) -> bool:
    while not path.exists() and path != path.parent:
        path = path.parent
    return os.access(path, os.W_OK | os.X_OK)
