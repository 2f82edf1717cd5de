"""Series: each finds its run, or waits for it; which of them is over."""

from __future__ import annotations

from dataclasses import replace

from recorder.records import Image, RunState, SeriesEnd, SeriesKey, SeriesStart
from recorder.runs.book.actions import Action, Dropped, Opened, notice
from recorder.runs.book.binding import best_run, waits_for_series
from recorder.runs.book.clock_offsets import ClockOffsets
from recorder.runs.book.early_events import EarlyEvents
from recorder.runs.book.endings import BookSettings, end_run
from recorder.runs.book.intake import Intake
from recorder.runs.book.known_runs import KnownRuns
from recorder.runs.book.said import (
    header_contradicts,
    missed_by,
    no_stray,
    order_spoke,
    stray,
)
from recorder.runs.book.same_series import completes, is_another_series
from recorder.runs.book.superseding import supersede
from recorder.runs.book.waiting_series import Waiting, WaitingSeries, bind_header
from recorder.runs.run import Run

STRAY_S = 5.0
"""How long a single image without a header waits for another one of its series. Chosen,
not tuned."""


class SeriesDesk:
    """What detectors send, run by run.

    Args:
        settings: When runs begin and end.
        runs: The ones in memory.
        early: Events that wait for their run.
        clocks: What was said of the clocks.
    """

    def __init__(
        self,
        settings: BookSettings,
        runs: KnownRuns,
        early: EarlyEvents,
        clocks: ClockOffsets,
    ) -> None:
        self._settings = settings
        self._runs = runs
        self._early = early
        self._clocks = clocks
        self._intake = Intake(settings, runs)
        self._waiting = WaitingSeries()

    @property
    def quiet(self) -> bool:
        """No image waits for its run."""
        return not any(waiting.images for waiting in self._waiting)

    # -- headers ------------------------------------------------------------------

    def start(self, start: SeriesStart, now: float) -> list[Action]:
        """A header: it completes the series that lacks it, or begins another one."""
        key = start.key
        run, waiting = self._runs.by_series(key), self._waiting.of(key)
        if waiting is not None and waiting.start is None:
            if waiting.beside is not None and waiting.single:
                no_stray(waiting.beside)
            waiting.complete(start)
            actions = self._supersede(waiting, start, now)
            return actions + self._bind(waiting, now)
        if run is not None and completes(start, self._runs.parts_of(run), now):
            return self._complete(run, start, now)
        if (waiting and waiting.key == key) or (run and run.key == key):
            return [notice("series_header_repeated", "warning", key, run=run)]
        waiting = Waiting(key, start, start.recorder_uid)
        actions = self._supersede(waiting, start, now)
        self._waiting.add(waiting)
        return actions + self._bind(waiting, now)

    def _complete(self, run: Run, start: SeriesStart, now: float) -> list[Action]:
        """The header of a run came after its first images."""
        actions: list[Action] = [
            bind_header(part, start.key, start)
            for part in self._runs.parts_of(run)
            if part.start is None
        ]
        return [*actions, *header_contradicts(run, start), *self._clock(run, now)]

    def _clock(self, run: Run, now: float) -> list[Action]:
        if run.start is None or not self._settings.live:
            return []
        return self._clocks.header(run.start, run, now)

    def _supersede(
        self, by: Waiting, start: SeriesStart | None, now: float
    ) -> list[Action]:
        return supersede(by, start, self._runs, self._waiting, now, self._settings)

    # -- images -------------------------------------------------------------------

    def image(self, image: Image, now: float) -> list[Action]:
        """An image: of a run, or of a series that waits for one."""
        run, waiting = self._find(image.key)
        if run is not None and (of := self._intake.place(run, image)):
            if of.image is None or not is_another_series(of.run, of.image):
                return self._intake.take(run, image, now)
        actions: list[Action] = []
        if waiting is None:
            waiting, actions = self._without_header(image, run is not None, now)
        stray_so_far = waiting.beside is not None and waiting.single
        waiting.hold(image, now, self._settings.max_held_bytes)
        if stray_so_far and not waiting.single:
            actions += self._no_stray(waiting, now)
        return actions + self._bind(waiting, now)

    def _find(self, key: SeriesKey) -> tuple[Run | None, Waiting | None]:
        """The run of a series, and the series if it waits.

        No run if the waiting series fits better: by more than its number, or newer.
        """
        run, waiting = self._runs.by_series(key), self._waiting.of(key)
        if run is not None and waiting is not None and run.key != key:
            newer = waiting.key == key or waiting.restarted
            return (None, waiting) if newer else (run, waiting)
        return run, waiting

    def _without_header(
        self, image: Image, restarted: bool, now: float
    ) -> tuple[Waiting, list[Action]]:
        """The first image of a series whose header did not come."""
        key = image.key
        if restarted:
            key = replace(key, unique_id=f"restarted@{image.received_ns}")
        waiting = Waiting(key, None, restarted=restarted, live=self._settings.live)
        actions: list[Action] = []
        beside = self._runs.open_of(key.source)
        if beside and waiting.live:
            waiting.beside = beside[0]
            actions += stray(beside[0], image)
        else:
            actions += self._supersede(waiting, None, now)
            actions.append(notice("series_header_missing", "warning", image.key))
        self._waiting.add(waiting)
        return waiting, actions

    def _no_stray(self, waiting: Waiting, now: float) -> list[Action]:
        """Its series goes on: its header was lost, and the run before is over."""
        if waiting.beside is not None:
            no_stray(waiting.beside)
        waiting.beside = None
        said = notice("series_header_missing", "warning", waiting.key)
        return [said, *self._supersede(waiting, None, now)]

    # -- ends ---------------------------------------------------------------------

    def end(self, end: SeriesEnd, now: float) -> list[Action]:
        """A series ended."""
        run, waiting = self._find(end.key)
        every = [] if run is None else self._runs.parts_of(run)
        if parts := [part for part in every if _ends(part)]:
            return [a for part in parts for a in self._end(part, end, now)]
        if waiting is None:
            return [notice("series_end_unmatched", "warning", end.key, run=run)]
        if not waiting.images:
            self._waiting.remove(waiting)
            return [Dropped(waiting.key, waiting.start)]
        waiting.ended = end
        return []

    def _end(self, run: Run, end: SeriesEnd, now: float) -> list[Action]:
        run.superseded, run.silent_s = False, 0.0
        return end_run(run, now, self._settings, None, "", end.received_ns)

    # -- binding ------------------------------------------------------------------

    def bind(self, now: float) -> list[Action]:
        """Give the series that wait to their runs, or open these after the hold."""
        return [a for waiting in self._waiting for a in self._bind(waiting, now)]

    def _bind(self, waiting: Waiting, now: float) -> list[Action]:
        held_s, hold_s = waiting.held_s(now), self._settings.hold_s
        if waiting.dormant or self._is_stray(waiting, held_s):
            return []
        if waiting.start is None and waiting.uid is None and held_s < hold_s:
            return []  # its header may be on its way
        detectors, window_s = self._settings.detectors, self._settings.match_window_s
        choice = best_run(self._runs.active, waiting, detectors, window_s)
        if choice is not None:
            self._waiting.remove(waiting)
            begun = self._begin(choice.run, waiting, now)
            return [*begun, *order_spoke(choice, detectors)]
        free = any(waits_for_series(run) for run in self._runs.active)
        if held_s >= (max(hold_s, STRAY_S) if free and waiting.single else hold_s):
            self._waiting.remove(waiting)
            return self._open_unannounced(waiting, now)
        return []

    def _is_stray(self, waiting: Waiting, held_s: float) -> bool:
        """Whether it is one image that came while another series went on."""
        beside = waiting.beside
        if beside is None or not waiting.single:
            return False
        if beside.state is RunState.OPEN or held_s < STRAY_S:
            return True
        waiting.beside = None
        if beside.ended_ns is None:  # that series fell silent: the next may have begun
            no_stray(beside)
            return False
        self._waiting.remove(waiting)
        return True

    def _begin(self, first: Run, waiting: Waiting, now: float) -> list[Action]:
        """Give a series to a run, and to the other parts of its announcement."""
        runs = [
            run
            for run in self._runs.parts_of(first)
            if run.key is None and run.state is not RunState.SEALED
        ] or [first]
        actions: list[Action] = []
        for run in runs:
            run.state, run.last_progress, run.superseded = RunState.OPEN, now, False
            run.bound_at = now if waiting.since is None else waiting.since
            actions.append(bind_header(run, waiting.key, waiting.start))
        actions += self._clock(first, now)
        for image in waiting.images:
            actions += self._intake.take(first, image, now)
        for run in runs:
            if waiting.ended:
                actions += self._end(run, waiting.ended, now)
            elif waiting.superseded:
                run.superseded = True
                actions += end_run(run, now, self._settings, None, "")
        return actions

    def _open_unannounced(self, waiting: Waiting, now: float) -> list[Action]:
        run = Run(
            uid=self._settings.new_uid(),
            number=0,
            opened_ns=waiting.images[0].received_ns,
            announcement=self._settings.unannounced,
            clock_step_ns=self._settings.clock_step_ns(),
        )
        run.number = self._runs.number(run.experiment, None)
        run.note("unannounced: no collection/start for this series")
        settings = self._settings
        missed = missed_by(
            run,
            waiting,
            self._runs.active,
            settings.detectors,
            settings.match_window_s,
        )
        self._runs.add(run)
        run.key = waiting.key  # tells whose captures it adopts
        adopted = self._early.adopt(run)
        return [Opened(run), *missed, *adopted, *self._begin(run, waiting, now)]


def _ends(run: Run) -> bool:
    """Whether the end of its series is news for a run."""
    given_up = run.given_up and run.state is RunState.DRAINING
    return given_up or run.state is RunState.OPEN
