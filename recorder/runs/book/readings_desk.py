"""Runs without images: what is measured in them.

They are open from their announcement on, since no series opens them, and nothing of a
detector is theirs.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Iterable

from recorder.records import Reading, RunState, ScanPoints
from recorder.runs.book.actions import Action, Noticed
from recorder.runs.book.endings import BookSettings
from recorder.runs.book.intake import late
from recorder.runs.book.known_runs import KnownRuns
from recorder.runs.run import Run

KEPT_READINGS = 200
"""Latest messages with readings that wait for their announcement: 30 kB each, of a
spectrum of 4096 channels. Chosen, not tuned."""
KEPT_VALUES = 1_000_000
"""Numbers that those may have together, some 32 MB; beyond it the oldest go. Chosen,
not tuned."""
_NAMED = 20
"""Problems of messages that a run notes. Chosen, not tuned."""


class EarlyReadings:
    """The latest readings that name a run that nobody has announced."""

    def __init__(self) -> None:
        self._readings: deque[Reading] = deque()
        self._values = 0
        self._told: deque[str] = deque(maxlen=KEPT_READINGS)

    def keep(self, reading: Reading, past: Container[str]) -> list[Action]:
        """Keep a reading until its run is announced; say once for each run.

        Args:
            reading: It belongs to no run that is known.
            past: Uids of runs that are long sealed.
        """
        self._readings.append(reading)
        self._values += len(reading.counts)
        while len(self._readings) > KEPT_READINGS or self._values > KEPT_VALUES:
            self._values -= len(self._readings.popleft().counts)
        name = reading.collection
        if name in self._told:
            return []
        self._told.append(name)
        fields = (("uid", name), ("sealed", name in past))
        return [Noticed("readings_unclaimed", "warning", fields)]

    def adopt(self, run: Run) -> None:
        """Give a run those that name it."""
        uids = {run.uid, run.announcement.uid or run.uid}
        mine = [one for one in self._readings if one.collection in uids]
        for one in mine:
            self._readings.remove(one)
            self._values -= len(one.counts)
            take_reading(run, one)


class ReadingsDesk:
    """What control systems measure, run by run.

    Args:
        settings: When runs begin and end.
        runs: The ones in memory.
    """

    def __init__(self, settings: BookSettings, runs: KnownRuns) -> None:
        self._settings = settings
        self._runs = runs
        self._early = EarlyReadings()

    def restore(self, readings: Iterable[Reading], past: Container[str]) -> None:
        """Take over those that waited for their announcement."""
        for reading in readings:
            self._early.keep(reading, past)

    def begin(self, run: Run) -> None:
        """A run was announced: it is open, and has what came for it before."""
        if not run.takes_images:
            run.state = RunState.OPEN
        self._early.adopt(run)

    def take(self, reading: Reading, past: Container[str], now: float) -> list[Action]:
        """A reading: of a run, or of one that is still to be announced."""
        run = self._runs.by_uid(reading.collection)
        if run is None:
            return self._early.keep(reading, past)
        if not take_reading(run, reading):
            return []
        run.last_progress = now
        return late(self._runs, run, now, self._settings, "late_readings")


def take_reading(run: Run, reading: Reading) -> bool:
    """Give a run a reading: whether there is anything new in it."""
    if run.takes_images:
        run.counts["unwanted_readings"] += 1
        run.note(
            f"points or a spectrum came for it, but technique {run.technique} takes "
            "images: they are in the journal only"
        )
        return False
    _note_problems(run, reading)
    if isinstance(reading, ScanPoints):
        return _take_points(run, reading)
    if run.spectrum is None:
        run.spectrum = reading
        return True
    if run.spectrum.uid == reading.uid:
        run.counts["duplicate_readings"] += 1
        return False
    run.counts["further_spectra"] += 1
    run.note(
        f"a further spectrum came ({reading.uid}): a run has one, the first stays; "
        "announce a run for each"
    )
    return False


def _take_points(run: Run, points: ScanPoints) -> bool:
    run.counts["points_left_out"] += points.left_out
    new, contradicting = run.points.add(points)
    run.counts["duplicate_points"] += len(points.index) - new
    if contradicting:
        run.counts["contradicting_points"] += contradicting
        run.note("points came again with other values: the first ones stay")
    return new > 0


def _note_problems(run: Run, reading: Reading) -> None:
    run.counts["reading_problems"] += len(reading.problems)
    if run.counts["reading_problems"] <= _NAMED:
        for problem in reading.problems:
            run.note(problem)
