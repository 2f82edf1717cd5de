"""Folders of runs: each its own, even if a run number is used twice."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from recorder.errors import SinkError, SinkUnavailableError
from recorder.runs.folder_names import run_folder
from recorder.runs.run import Run
from recorder.runtime.log import get_logger
from recorder.sinks.results.run_folder import Owner, take_folder

log = get_logger("runs")

PATIENCE_S = 2.0
"""A file server that takes longer does not hold the recorder up: the folder is taken
when the run's files are written. Chosen, not tuned."""


class Folders:
    """The folders that are in use, in the journal and on the disk.

    Args:
        root: The results folder.
        journal: Id of the journal whose runs they are.
    """

    def __init__(self, root: Path, journal: str) -> None:
        self._root = root.resolve()
        self._journal = journal
        self._owners: dict[str, str] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="folders")
        self._asked: Future[str] | None = None

    def note(self, folder: str, uid: str) -> None:
        """A folder is in use, by an earlier run."""
        self._owners[folder] = uid

    def give(self, run: Run) -> None:
        """Give a run its folder, which is made: nobody else takes it."""
        announced = run.announcement
        base = run_folder(
            announced.proposal, announced.visit, run.experiment, run.number
        )
        run.folder = self._taken(base, run) or self._next(base, run.uid)
        self._owners[run.folder] = run.uid

    def _taken(self, base: str, run: Run) -> str:
        """The folder on the disk; empty if the disk does not let us now."""
        if self._asked is not None and not self._asked.done():
            return ""  # it still does not answer
        uid, owners = run.uid, dict(self._owners)
        self._asked = self._thread.submit(
            take_folder,
            self._root,
            base,
            Owner(uid, self._journal),
            lambda folder: owners.get(folder, uid) == uid,
        )
        try:
            return self._asked.result(PATIENCE_S)
        except (SinkError, SinkUnavailableError, TimeoutError) as error:
            log.warning(
                "folder_not_taken",
                run=run.number,
                uid=uid,
                folder=base,
                error=str(error) or f"no answer within {PATIENCE_S:g} s",
                hint="it is taken when the run's files are written",
            )
            return ""

    def _next(self, base: str, uid: str) -> str:
        """The first folder that the journal has for no other run."""
        folder, n = base, 1
        while self._owners.get(folder, uid) != uid:
            n += 1
            folder = f"{base}-{n}"
        return folder
