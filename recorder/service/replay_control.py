"""What is announced with a replayed file."""

from __future__ import annotations

import itertools
import re
import uuid
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

from recorder.errors import UsageError
from recorder.records import (
    Announcement,
    BadMessage,
    ControlRecord,
    Json,
    TimedEvent,
)
from recorder.records.text_files import TextError, text_of
from recorder.runs.technique_names import name_of, takes_images
from recorder.runtime.host_clock import arrival_ns
from recorder.sources.control.messages import parse_message

QUIET_S = 60.0
"""Seconds without a new image after which `replay --follow` gives a file up: twice the
time after which a stream is. Chosen, not tuned."""
_UID = re.compile(r"[\w.:@-]{1,128}")
"""What a uid may be made of, so that it can stand in a log, a file and a command."""


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """What to replay, and how."""

    file: Path
    dataset: str | None = None
    collection: Path | None = None
    events: Path | None = None
    rate_hz: float | None = None
    limit: int | None = None
    uid: str | None = None
    """Uid of the run: the same one again goes on with it, or finds it done."""
    into_production: bool = False
    """Into what a daemon records: the journal is marked as a daemon's."""
    follow: bool = False
    """Wait for what is still being written to the file."""
    quiet_s: float = QUIET_S
    """So long (s) without a new image a file that is followed is given up."""
    by_reference: bool = False
    """Workers read the images from the file: their pixels do not pass through here."""
    cluster: bool = False
    """Nodes of other hosts take part."""
    journal_only: bool = False
    """Write no results and no database: whoever asked takes the runs over."""


def read_control(options: ReplayOptions) -> list[ControlRecord]:
    """The announcement and events that go with a file.

    Raises:
        UsageError: A file is missing, a message is not valid, or the uid is none.
    """
    if options.uid is not None and not _UID.fullmatch(options.uid):
        raise UsageError(
            "--uid: give 1 to 128 letters, digits, and any of . _ : @ -, such as a UUID"
        )
    records: list[ControlRecord] = []
    if options.collection is not None:
        records += _parse(
            options.collection, "collection/start", _read(options.collection)
        )
        _require_images(options.collection, records)
    if options.events is not None:
        for n, line in enumerate(_read(options.events).splitlines(), start=1):
            if line.strip():
                records += _parse(Path(f"{options.events}:{n}"), "event", line)
    return records


def _require_images(where: Path, records: list[ControlRecord]) -> None:
    """Refuse what is never of a file with images, and would wait for ever."""
    for record in records:
        if isinstance(record, Announcement) and not takes_images(record):
            raise UsageError(
                f"{where}: technique {name_of(record)} has no images, and a file has "
                "nothing else: announce what the images are of"
            )


def _read(path: Path) -> bytes:
    try:
        return text_of(path.read_bytes()).encode()
    except OSError as error:
        raise UsageError(f"{path}: cannot read: {error.strerror}") from error
    except TextError as error:
        raise UsageError(f"{path}: {error}") from error


def _parse(where: Path, topic: str, payload: bytes) -> list[ControlRecord]:
    records = parse_message(topic, payload, arrival_ns())
    for record in records:
        if isinstance(record, BadMessage):
            raise UsageError(f"{where}: {record.detail}")
    return records


def runs_of(uid: str, known: Collection[str]) -> list[str]:
    """Uids of the runs that an announcement became: its own, or those of its parts.

    Args:
        uid: Of the announcement.
        known: Uids of the runs that there are.
    """
    if uid in known:
        return [uid]
    parts = (f"{uid}.{number}" for number in itertools.count(1))
    return list(itertools.takewhile(known.__contains__, parts))


def fresh_uids(
    records: list[ControlRecord], options: ReplayOptions, known: Collection[str]
) -> list[ControlRecord]:
    """Bind the announcement to the file, and make it a new run if it was replayed.

    Args:
        records: The announcement and its events.
        options: Which uid is asked for.
        known: Uids of the runs that there are.
    """
    fresh: list[ControlRecord] = []
    renamed: dict[str, str] = {}
    for record in records:
        if isinstance(record, Announcement):
            if options.uid is not None:
                renamed[str(record.uid)] = options.uid
            elif runs_of(str(record.uid), known):
                renamed[str(record.uid)] = str(uuid.uuid4())
            fresh.append(_for_file(record, renamed, options.limit))
        elif isinstance(record, TimedEvent):
            name = record.collection
            fresh.append(replace(record, collection=renamed.get(name or "", name)))
    return fresh


def _for_file(
    announcement: Announcement, renamed: dict[str, str], limit: int | None
) -> Announcement:
    """The announcement as of now, for the file's series and no other."""
    uid = str(announcement.uid)
    now = arrival_ns()
    changes: Json = {
        "uid": renamed.get(uid, uid),
        "time_ns": now,
        "series_unique_id": None,
    }
    if limit is not None and announcement.images is not None:
        changes["images"] = min(announcement.images, limit)
    return replace(
        announcement,
        message={**announcement.message, **changes},
        received_ns=now,
        **changes,
    )
