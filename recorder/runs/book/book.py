"""The run book: sorts series, images and events into runs, and seals them.

The book is pure: the caller passes records and the monotonic time as arguments, and
carries out the list of actions that it gets back.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from recorder.errors import shown
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
from recorder.runs.book.binding import run_to_adopt
from recorder.runs.book.captures import Captures
from recorder.runs.book.clock_offsets import ClockOffsets, sent_ns
from recorder.runs.book.early_events import EarlyEvents
from recorder.runs.book.endings import (
    BookSettings,
    end_run,
    hear_end,
    overdue,
)
from recorder.runs.book.further_ends import with_further
from recorder.runs.book.known_runs import KnownRuns
from recorder.runs.book.readings_desk import ReadingsDesk
from recorder.runs.book.said import adopted_one_of
from recorder.runs.book.sealing import has_changed, look_draining, seal_as
from recorder.runs.book.series_desk import SeriesDesk, late, reopen
from recorder.runs.run import Run


class RunBook:
    """All runs that are not yet sealed, and the last ones that are."""

    def __init__(self, settings: BookSettings) -> None:
        self._settings = settings
        self._runs = KnownRuns()
        self._early = EarlyEvents(settings.detectors)
        self._clocks = ClockOffsets(settings.clock_step_ns)
        self._series = SeriesDesk(settings, self._runs, self._early, self._clocks)
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
        """A run was announced."""
        uid = announcement.uid or ""
        if known := self._runs.by_uid(uid):
            known.counts["duplicate_announcements"] += 1
            return []
        if uid in self._past:
            return []
        announcement = self._checked(announcement)
        if (adopted := self._adopt(announcement, now)) is not None:
            return adopted
        run = Run(
            uid=uid,
            number=0,
            opened_ns=announcement.received_ns,
            announcement=announcement,
            announced_ns=announcement.received_ns,
            clock_step_ns=self._settings.clock_step_ns(),
            last_progress=now,
        )
        run.number = self._runs.number(run.experiment, announcement.run)
        self._runs.active.append(run)
        self._readings.begin(run)
        clock = self._clocks.announcement(run, now) if self._settings.live else []
        return [Opened(run), *self._early.adopt(run), *clock, *self._series.bind(now)]

    def _checked(self, announcement: Announcement) -> Announcement:
        """A detector that is none of ours is named, and not looked at."""
        known, named = self._settings.detectors, announcement.source
        if not known or named is None or named in known:
            return announcement
        problem = (
            f"detector: {shown(named)} is no configured detector, there is "
            f"{', '.join(known)}: the name is left out"
        )
        return replace(announcement, problems=(*announcement.problems, problem))

    def _adopt(self, announcement: Announcement, now: float) -> list[Action] | None:
        """Give an announcement that came late to its run, if that goes on."""
        runs, detectors = self._runs.all, self._settings.detectors
        sent = sent_ns(announcement, runs)
        choice = run_to_adopt(runs, announcement, detectors, sent)
        if choice is None or choice.run.state is RunState.SEALED:
            return None
        run = choice.run
        run.announcement, run.announced_ns = announcement, announcement.received_ns
        run.notes = [n for n in run.notes if not n.startswith("unannounced")]
        run.note("announced after its first images")
        clock = self._clocks.announcement(run, now) if self._settings.live else []
        said = [*adopted_one_of(choice), *clock]
        return [Changed(run, "announced"), *said, *self._early.adopt(run)]

    def collection_end(self, end: CollectionEnd, now: float) -> list[Action]:
        """The announced end of a run."""
        run = self._runs.by_uid(end.uid)
        if run is None:
            return [Noticed("collection_unknown", "warning", (("uid", end.uid),))]
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

    def event(self, event: TimedEvent, now: float) -> tuple[Run | None, list[Action]]:
        """A timed event; the run it belongs to, None while that is not known.

        One that comes after its run was sealed makes a further revision. One for a run
        that nobody knows waits for its announcement, among the latest 100 000.
        """
        run, actions = self._run_of(event)
        if run is None:
            return None, [*actions, *self._early.keep(event, self._past)]
        if not run.events.add(event):
            run.counts["duplicate_events"] += 1
            return run, actions
        more = late(self._runs, run, now, self._settings, "late_events")
        return run, [*actions, *more]

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
        for run in list(self._runs.active):
            if run.state is RunState.DRAINING:
                actions += look_draining(run, now)
            elif (over := overdue(run, now, self._settings)) is not None:
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
