"""Folders of runs: each its own, even if a run number is used twice."""

from __future__ import annotations

from recorder.runs.folder_names import run_folder
from recorder.runs.run import Run


class Folders:
    """The folders that are in use."""

    def __init__(self) -> None:
        self._used: set[str] = set()

    def note(self, folder: str) -> None:
        """A folder is in use, by an earlier run."""
        self._used.add(folder)

    def give(self, run: Run) -> None:
        """Give a run its folder."""
        base = run_folder(
            run.announcement.proposal,
            run.announcement.visit,
            run.experiment,
            run.number,
        )
        run.folder, n = base, 1
        while run.folder in self._used:
            n += 1
            run.folder = f"{base}-{n}"
        self._used.add(run.folder)
