"""The run book: sorts series, images and events into runs, and seals them.

The book is pure: the caller passes records and the monotonic time as arguments, and
carries out the list of actions that it gets back.
"""

from __future__ import annotations

from collections.abc import Iterable

from recorder.records import (
    Announcement,
    BadMessage,
    CollectionEnd,
    Image,
    Reading,
    RunState,
    SeriesEnd,
    SeriesStart,
    TimedEvent,
)
from recorder.runs.book.actions import Action, Changed, Noticed, Opened
from recorder.runs.book.announcing import AnnouncementDesk, end_with, join
from recorder.runs.book.captures import Captures
from recorder.runs.book.clock_offsets import ClockOffsets
from recorder.runs.book.early_events import EarlyEvents
from recorder.runs.book.endings import (
    BookSettings,
    Progress,
    end_run,
    hear_end,
    overdue,
    progress_of,
)
from recorder.runs.book.further_ends import of_its_kind, with_further
from recorder.runs.book.intake import late, reopen
from recorder.runs.book.known_runs import KnownRuns
from recorder.runs.book.part_wedges import check_wedges
from recorder.runs.book.parts import part_end, with_part
from recorder.runs.book.readings_desk import ReadingsDesk
from recorder.runs.book.sealing import has_changed, look_draining, seal_as
from recorder.runs.book.series_desk import SeriesDesk
from recorder.runs.run import Run


class RunBook:
    """All runs that are not yet sealed, and the last ones that are."""

    def __init__(self, settings: BookSettings) -> None:
        self._settings = settings
        self._runs = KnownRuns()
        self._early = EarlyEvents(settings.detectors)
        self._clocks = ClockOffsets(settings.clock_step_ns)
        self._series = SeriesDesk(settings, self._runs, self._early, self._clocks)
        self._announced = AnnouncementDesk(
            settings, self._runs, self._early, self._clocks
        )
        self._readings = ReadingsDesk(settings, self._runs)
        self._captures = Captures(self._runs, settings.detectors)
        self._past: set[str] = set()

    @property
    def active(self) -> list[Run]:
        """Runs that are not sealed, oldest first."""
        return list(self._runs.active)

    def run_of(self, uid: str) -> Run | None:
        """The run of a uid, if it is not sealed."""
        run = self._runs.by_uid(uid)
        return None if run is None or run.state is RunState.SEALED else run

    @property
    def sealed(self) -> list[Run]:
        """The runs that were sealed last."""
        return list(self._runs.sealed)

    @property
    def quiet(self) -> bool:
        """Nothing open and nothing waiting."""
        return not self._runs.active and self._series.quiet

    def restore(
        self,
        runs: Iterable[Run],
        numbers: dict[str, int],
        past: Iterable[str],
        rows: Iterable[TimedEvent] = (),
        readings: Iterable[Reading] = (),
    ) -> None:
        """Take over what a journal holds.

        Args:
            runs: Runs that are not sealed, and the last ones that are.
            numbers: Highest run number of each experiment.
            past: Uids of all runs ever announced: a repeated message is no new run.
            rows: The latest rows of timing hardware that had no run.
            readings: The latest points and spectra that had none.
        """
        self._past = set(past)
        self._runs.restore(runs, numbers)
        for run in self._runs.active:  # killed before all parts of a series had it
            parts = self._runs.parts_of(run)
            join(run, parts, run.last_progress, self._settings)
            end_with(run, parts, run.last_progress, self._settings)
        self._readings.restore(readings, self._past)
        for row in rows:
            if row.capture is not None and not self._captures.has_run(row, row.capture):
                self._early.keep(row, self._past)

    # -- detector -----------------------------------------------------------------

    def series_start(self, start: SeriesStart, now: float) -> list[Action]:
        """A header came."""
        return self._series.start(start, now)

    def image(self, image: Image, now: float) -> list[Action]:
        """An image came."""
        return self._series.image(image, now)

    def series_end(self, end: SeriesEnd, now: float) -> list[Action]:
        """A series ended."""
        return self._series.end(end, now)

    # -- control events -----------------------------------------------------------

    def refusal(self, announcement: Announcement) -> BadMessage | None:
        """Why a run cannot be announced now."""
        return self._runs.refusal(announcement, self._settings.max_announced)

    def announcement(self, announcement: Announcement, now: float) -> list[Action]:
        """A run was announced, or several that have one series."""
        actions = self._announced.take(announcement, self._past, now)
        for action in actions:
            if isinstance(action, Opened):
                self._readings.begin(action.run)
        return actions + self._series.bind(now) if actions else []

    def collection_end(self, end: CollectionEnd, now: float) -> list[Action]:
        """The announced end of a run, or of all parts of an announcement."""
        runs = self._runs.called(end.uid)
        if not runs:
            return [Noticed("collection_unknown", "warning", (("uid", end.uid),))]
        return [a for run in runs for a in self._end(run, part_end(end, run), now)]

    def _end(self, run: Run, end: CollectionEnd, now: float) -> list[Action]:
        end = of_its_kind(run, end)
        if run.end is not None:
            further = with_further(run.end, end)
            if further == run.end:
                return []
            end, run.end = further, None
        if hear_end(run, end, now, self._settings):
            return reopen(self._runs, run, now, self._settings)
        if run.state is RunState.SEALED:
            return []
        return [Changed(run, "end_announced")]

    def event(
        self, event: TimedEvent, now: float
    ) -> tuple[Run | None, TimedEvent, list[Action]]:
        """A timed event; the run it belongs to, None while that is not known.

        One that comes after its run was sealed makes a further revision. One for a run
        that nobody knows waits for its announcement, among the latest 100 000.

        Returns:
            The run, the event as the run has it, and what follows.
        """
        run, actions = self._run_of(event)
        if run is None:
            return None, event, [*actions, *self._early.keep(event, self._past)]
        run, event = with_part(event, self._runs.parts_of(run))
        if not run.events.add(event):
            run.counts["duplicate_events"] += 1
            return run, event, actions
        more = late(self._runs, run, now, self._settings, "late_events")
        return run, event, [*actions, *more]

    def reading(self, reading: Reading, now: float) -> list[Action]:
        """Points of an energy scan, or a spectrum.

        What comes after its run was sealed makes a further revision. What comes before
        its announcement waits for it.
        """
        return self._readings.take(reading, self._past, now)

    def _run_of(self, event: TimedEvent) -> tuple[Run | None, list[Action]]:
        """By the run that it names, then by the capture that it is a row of."""
        if event.collection is not None:
            return self._runs.by_uid(event.collection), []
        if event.capture is not None:
            return self._captures.run_of(event, event.capture)
        return self._runs.current, []

    # -- time ---------------------------------------------------------------------

    def tick(self, now: float) -> list[Action]:
        """Holds, timeouts and seals that are due."""
        actions = self._series.bind(now)
        known: dict[str, Progress] = {}
        for run in list(self._runs.active):
            if run.state is RunState.DRAINING:
                due = look_draining(run, now)
                if due and run.part is not None:
                    actions += check_wedges(self._runs.parts_of(run))
                actions += due
                continue
            series = run.part.of if run.part else run.uid
            if series not in known:
                known[series] = progress_of(self._runs.parts_of(run))
            if (over := overdue(run, known[series], now, self._settings)) is not None:
                actions += end_run(run, now, self._settings, *over)
        return actions

    def take_report(self, run: Run, copy: Run, now: float) -> list[Action] | None:
        """A run that was due is sealed as its copy says, of which a report was made.

        Returns:
            What follows from what came meanwhile. None: it is due again.
        """
        if not seal_as(run, copy):
            return None
        self._past.add(run.uid)
        self._runs.seal(run)
        if not has_changed(run, copy):
            return []
        return reopen(self._runs, run, now, self._settings)
