"""Keeps the labels of runs as they are sealed, in the thread of the reports."""

from __future__ import annotations

from contextlib import suppress

from recorder.errors import JournalError
from recorder.journal import Journal
from recorder.reports.run_labels import LabelsAtHand, keep
from recorder.runs.run import Run
from recorder.runs.timeline.measurement import Measurement
from recorder.runtime.boundary import boundary
from recorder.ssx.labels.timeline import Timeline


class LabelKeeper:
    """Has a connection of its own, so that no commit waits for many labels.

    Args:
        journal: Where to.
    """

    def __init__(self, journal: Journal) -> None:
        self._beside = journal
        self._journal: Journal | None = None

    def keep(self, run: Run, timeline: Timeline, measurement: Measurement) -> None:
        """Keep the labels of a run that is about to be sealed.

        Where the disk refuses none are kept: then whoever asks works them out.

        Args:
            run: The run as its report has it.
            timeline: Its labels.
            measurement: What its events amount to.
        """
        with suppress(JournalError):  # the journal's writer says it
            with boundary("keep the labels of a run", (JournalError,)):
                if self._journal is None:
                    self._journal = self._beside.another()
                keep(self._journal, run, LabelsAtHand(run, timeline, measurement))

    def close(self) -> None:
        """Close the connection; nothing is kept from now on."""
        if self._journal is not None:
            self._journal.close()
