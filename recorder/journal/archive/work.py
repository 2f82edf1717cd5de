"""Archives what is asked for, one run after the other.

For the command, and for a process of the daemon's: ``python -m`` this module.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

from recorder.errors import JournalError
from recorder.journal.archive.choosing import Wish, choose
from recorder.journal.archive.moving import Moved, archive_run
from recorder.journal.archive.place import moving
from recorder.journal.pruning import finish_removals
from recorder.journal.store import Journal

GENTLE = 19
"""Niceness of the daemon's process: whatever else wants the core goes first."""


@dataclass(frozen=True, slots=True)
class Task:
    """What the process of a daemon is to do."""

    journal: str
    folder: str
    sinks: tuple[str, ...]
    now_ns: int
    older_than_days: float | None
    over_bytes: int | None

    @property
    def wish(self) -> Wish:
        """Which runs are meant."""
        return Wish(self.now_ns, self.older_than_days, self.over_bytes)

    def to_json(self) -> str:
        """For the process."""
        return json.dumps(asdict(self))


def archive_all(
    journal: Journal,
    wish: Wish,
    sinks: Sequence[str],
    folder: Path,
    done: Callable[[Moved], None],
) -> None:
    """Archive all that is asked for and may go, oldest first.

    Args:
        journal: A connection of its own.
        wish: What is asked for.
        sinks: Names of the sinks that must have written a run.
        folder: The archive.
        done: Is told each run that was archived.

    Raises:
        ArchiveBusyError: Another process does.
        JournalError: A run could not be archived; those before it were.
    """
    with moving(journal.path):
        finish_removals(journal)
        try:
            # a size is only guessed before: looked at again until it holds
            while chosen := [c for c in choose(journal, wish, sinks) if not c.why_not]:
                for choice in chosen:
                    done(archive_run(journal, choice, folder))
                if wish.over_bytes is None:
                    break
        finally:
            journal.give_back()


def main() -> None:
    """Do one task from stdin; tell each archived run on stdout, and what failed."""
    task = Task(**json.loads(sys.stdin.read()))
    os.nice(GENTLE)

    def tell(moved: Moved) -> None:
        where = moved.where
        print(json.dumps({"uid": moved.uid, **where.to_json()}), flush=True)

    try:
        with closing(Journal(Path(task.journal))) as journal:
            archive_all(journal, task.wish, task.sinks, Path(task.folder), tell)
    except JournalError as error:
        print(json.dumps({"error": str(error)}), flush=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
