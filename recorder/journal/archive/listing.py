"""Which runs are archived, and whether their files are as they were written."""

from __future__ import annotations

from pathlib import Path

from recorder.journal.archive.packing import sha256_of
from recorder.journal.archive.place import Archived, archived
from recorder.journal.records import RecordKind
from recorder.journal.store import Journal
from recorder.records import Json


def archived_runs(journal: Journal, *, verify: bool) -> list[Json]:
    """Archived runs, oldest first; ``problem`` is empty for a file that is there.

    Args:
        journal: The journal.
        verify: Read each file, and compare its checksum.
    """
    found = []
    for known in journal.headlines():
        where = archived(journal, known.uid) if known.pruned else None
        if where is None:
            continue
        problem = _problem(where, verify)
        if journal.latest(RecordKind.RUN_RESTORING, known.uid) is not None:
            problem = problem or "half restored: restore it once more"
        told = {"run": known.number, "uid": known.uid, **where.to_json()}
        found.append({**told, "problem": problem})
    return found


def _problem(where: Archived, verify: bool) -> str:
    path = Path(where.file)
    try:
        size = path.stat().st_size
        changed = size != where.file_bytes or (
            verify and sha256_of(path) != where.sha256
        )
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    return "changed since it was written" if changed else ""
