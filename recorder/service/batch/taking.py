"""Takes the runs of finished tasks over into the journal that people look at."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from recorder.config import Settings
from recorder.journal import Journal, Record, RecordKind
from recorder.records import Json
from recorder.runs.run import Run
from recorder.service.batch.attempts import Attempt
from recorder.service.batch.pieces import MARK, Piece, made_of
from recorder.service.folders import Folders
from recorder.service.replay_control import runs_of


class Taking:
    """The only writer of runs of a batch; use it from one thread at a time.

    Run numbers follow the order of the files, whichever task ends first: each piece has
    its number from the beginning, and one that fails leaves it free for the next time.

    Args:
        settings: The configuration of the journal.
        pieces: All pieces of the batch, those that are done with included.
    """

    def __init__(self, settings: Settings, pieces: Sequence[Piece]) -> None:
        self._journal = Journal(
            settings.journal_path, synchronous=settings.journal.synchronous
        )
        self._folders = Folders(settings.results, self._journal.id)
        self._taken: defaultdict[str, set[int]] = defaultdict(set)
        self._before: defaultdict[str, int] = defaultdict(int)
        self._kept: defaultdict[str, int] = defaultdict(int)
        own = {uid for piece in pieces for uid in (piece.uid, *piece.before[-1:])}
        every = self._journal.headlines()
        uids = {known.uid for known in every}
        own = {run for uid in own for run in runs_of(uid, uids)}
        for known in every:
            self._folders.note(known.folder, known.uid)
            self._taken[known.experiment].add(known.number)
            if known.uid not in own:
                before = self._before[known.experiment]
                self._before[known.experiment] = max(before, known.number)
        for piece in pieces:
            self._kept[piece.experiment] = piece.place

    def take(self, piece: Piece, attempt: Attempt) -> tuple[Run, ...]:
        """Take the runs of an attempt over: all of them, or none.

        Returns:
            The runs, with their numbers here.

        Raises:
            JournalError: Nothing was taken over: the disk refuses, or it is damaged.
        """
        runs = tuple(
            self._placed(piece, run, main=number == 0)
            for number, run in enumerate(attempt.runs)
        )
        by_uid = {run.uid: run for run in runs}

        def described(record: Record) -> Json:
            return _described(record, by_uid[str(record.run)])

        uids = [*made_of(self._journal, piece.fingerprint), piece.uid]
        marks = {MARK + piece.fingerprint: json.dumps(uids)}
        self._journal.take_over(attempt.journal, list(by_uid), described, marks)
        for run in runs:
            self._taken[run.experiment].add(run.number)
        return runs

    def _placed(self, piece: Piece, run: Run, *, main: bool) -> Run:
        """A run with its number and its folder here."""
        run = replace(run, number=self._number(piece, run, main=main))
        self._folders.give(run)
        return run

    def _number(self, piece: Piece, run: Run, *, main: bool) -> int:
        if run.announcement.run is not None:  # it was asked for
            return run.number
        experiment = run.experiment
        taken = self._taken[experiment]
        kept = self._before[experiment] + piece.place
        if main and experiment == piece.experiment and kept not in taken:
            return kept
        return max(self._before[experiment] + self._kept[experiment], *taken, 0) + 1

    def close(self) -> None:
        """Close the journal."""
        self._journal.close()


def _described(record: Record, run: Run) -> Json:
    """What is said of a run, with its number and folder here."""
    if record.kind == RecordKind.RUN:
        return {**record.body, "run": run.number, "folder": run.folder}
    report = record.body.get("report")
    if not isinstance(report, dict):
        return record.body
    return {**record.body, "report": {**report, "run": run.number}}
