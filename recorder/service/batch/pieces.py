"""The pieces of a batch: which run each series becomes, whatever happens on the way."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from recorder import __version__
from recorder.config import Settings
from recorder.errors import UsageError
from recorder.journal import Journal
from recorder.records import Announcement, Json
from recorder.records.announcement import UNNAMED
from recorder.service.batch.finding import Found, LeftOut
from recorder.service.replay_control import ReplayOptions, read_control

MARK = "batch:"
"""Begins the names, in the journal's table ``meta``, of the marks that tell which runs
were made of a fingerprint."""
NAMESPACE = uuid.UUID("6b0c54f1-6d0b-4d0e-9d7e-5f1c3c0c7b51")
"""Of the uids of runs of a batch. Drawn once; it must never change."""
MATTER = ("replay", "unannounced", "classify", "runs", "alarms")
"""Sections of the configuration on which the run of a file depends."""
POOL_MATTERS = ("second_look_mb", "engine")
"""Keys of ``pool`` that do, too."""
HARMLESS = (
    *("beamline", "timezone", "state_directory", "results_directory", "group"),
    *(
        "detector",
        "panda",
        "source",
        "sink",
        "mqtt",
        "ispyb",
        "journal",
        "pool",
        "cluster",
    ),
    *("live", "log", "web", "sync"),
)
"""All other sections: they tell where from, where to, how fast, and who may look."""


FileStates = tuple[tuple[str | int, ...], ...]
"""Of each file: path, size, time of the last change (Unix ns)."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One series of a batch, and the run that it becomes."""

    found: Found
    state: FileStates
    """How its files were when it was looked at."""
    fingerprint: str
    """Of all that its rows depend on: files, settings, version."""
    before: tuple[str, ...]
    """Uids of the runs that were made of the same, oldest first."""
    uid: str
    """Of the run that is to be made."""
    experiment: str
    place: int
    """From 1, among those of its experiment."""

    limit: int | None = None
    """Only so many images."""

    @property
    def images(self) -> int | None:
        """Images that its run will have; None: nobody knows."""
        there = self.found.images
        return there if there is None or self.limit is None else min(there, self.limit)

    @property
    def name(self) -> str:
        """What people call it."""
        return str(self.found.file)


def settings_that_matter(settings: Settings) -> Json:
    """What of the configuration the run of a file depends on, as plain data."""
    every = settings.model_dump(mode="json", include={*MATTER, "pool"})
    del every["replay"]["into_production"]
    return {**every, "pool": {name: every["pool"][name] for name in POOL_MATTERS}}


def make_pieces(
    found: Sequence[Found],
    settings: Settings,
    journal: Journal,
    more: Json,
    left: list[LeftOut],
    limit: int | None = None,
) -> list[Piece]:
    """The pieces of a batch, in order.

    Args:
        found: The series.
        settings: The whole configuration.
        journal: Tells what was made of them before.
        more: Options that matter, as plain data.
        left: Takes series that cannot be replayed.
        limit: Only so many images of each.
    """
    common = {
        "version": __version__,
        "settings": settings_that_matter(settings),
        "files": [
            _content(path)
            for path in (settings.replay.geometry_file, settings.replay.mask_file)
        ],
        "limit": limit,
        **more,
    }
    places: Counter[str] = Counter()
    pieces = []
    for series in found:
        state = states_of(series)
        fingerprint = _fingerprint(series, state, common)
        before = made_of(journal, fingerprint)
        try:
            experiment = _experiment(series, settings)
        except UsageError as error:
            left.append(LeftOut(series.file, str(error), failed=True))
            continue
        places[experiment] += 1
        uid = str(uuid.uuid5(NAMESPACE, f"{fingerprint}:{len(before)}"))
        pieces.append(
            Piece(
                series,
                state,
                fingerprint,
                before,
                uid,
                experiment,
                places[experiment],
                limit,
            )
        )
    return pieces


def states_of(found: Found) -> FileStates:
    """How the files of a series are now."""
    return tuple(map(_state, found.files))


def _fingerprint(found: Found, state: FileStates, common: Json) -> str:
    """Tells a series, with all that its run depends on, from every other one."""
    body = {
        **common,
        "series": state,
        "beside": [_content(found.collection), _content(found.events)],
    }
    text = json.dumps(body, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:40]


def made_of(journal: Journal, fingerprint: str) -> tuple[str, ...]:
    """Uids of the runs that were made of a fingerprint, oldest first."""
    try:
        return tuple(json.loads(journal.marked(MARK + fingerprint) or "[]"))
    except (ValueError, TypeError):
        return ()


def _state(path: Path) -> tuple[str | int, ...]:
    """Path, size, time of the last change; of one that went, the path alone."""
    try:
        now = path.stat()
    except OSError:
        return (str(path),)
    return (str(path), now.st_size, now.st_mtime_ns)


def _content(path: Path | None) -> str:
    """What a small file holds, as a hash; empty: there is none."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() if path else ""
    except OSError:  # who needs it says so
        return ""


def _experiment(found: Found, settings: Settings) -> str:
    """Of which experiment its run will be, as far as is known beforehand."""
    options = ReplayOptions(found.file, collection=found.collection)
    for record in read_control(options):
        if isinstance(record, Announcement):
            return record.experiment.name or UNNAMED
    return settings.unannounced.experiment
