"""The run book: sorts series, images and events into runs, and seals them.

The book is pure: the caller passes records and the monotonic time as arguments, and
carries out the list of actions that it gets back.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import replace

from recorder.records import (
    Announcement,
    CollectionEnd,
    Image,
    RunState,
    RunStatus,
    SeriesEnd,
    SeriesKey,
    SeriesStart,
    TimedEvent,
)
from recorder.runs.book.acceptance import accept_image
from recorder.runs.book.actions import (
    Accepted,
    Action,
    Changed,
    Dropped,
    Noticed,
    Opened,
    Sealed,
    notice,
)
from recorder.runs.book.binding import (
    best_run,
    is_another_series,
    run_to_adopt,
    same_series,
)
from recorder.runs.book.early_events import EarlyEvents
from recorder.runs.book.endings import (
    BookSettings,
    decide_status,
    end_run,
    hear_end,
    overdue,
    reopen_run,
)
from recorder.runs.book.known_runs import KnownRuns
from recorder.runs.book.waiting_series import Waiting, begin_run
from recorder.runs.run import Run


class RunBook:
    """All runs that are not yet sealed, and the last ones that are."""

    def __init__(self, settings: BookSettings) -> None:
        self._settings = settings
        self._runs = KnownRuns()
        self._waiting: dict[str, Waiting] = {}
        self._early = EarlyEvents()
        self._past: set[str] = set()

    @property
    def active(self) -> list[Run]:
        """Runs that are not sealed, oldest first."""
        return list(self._runs.active)

    @property
    def sealed(self) -> list[Run]:
        """The runs that were sealed last: what is late for them finds them."""
        return list(self._runs.sealed)

    @property
    def quiet(self) -> bool:
        """Nothing open and nothing waiting."""
        waiting = any(w.images for w in self._waiting.values())
        return not self._runs.active and not waiting

    def restore(
        self, runs: Iterable[Run], numbers: dict[str, int], past: Iterable[str]
    ) -> None:
        """Take over what a journal holds.

        Args:
            runs: Runs that are not sealed, and the last ones that are.
            numbers: Highest run number of each experiment.
            past: Uids of all runs ever announced: a repeated message is no new run.
        """
        self._past = set(past)
        self._runs.restore(runs, numbers)

    # -- detector -----------------------------------------------------------------

    def series_start(self, start: SeriesStart, now: float) -> list[Action]:
        """A header came: end what is open, then look for the announcement."""
        key = start.key
        waiting = self._waiting.get(key.source)
        known = self._runs.by_series(key)
        if (waiting and waiting.key == key) or (known and known.key == key):
            return [notice("series_header_repeated", "warning", key, run=known)]
        actions = self._leave_open_series(key, now)
        self._waiting[key.source] = Waiting(key, start, start.recorder_uid)
        return actions + self._bind(key.source, now)

    def _leave_open_series(self, key: SeriesKey, now: float) -> list[Action]:
        """A new series begins on this source: the old one is over."""
        actions: list[Action] = []
        if run := self._runs.open_of(key.source):
            if run.images.received == 0 and run.announced:
                actions.append(notice("series_replaced", "warning", run.key, run=run))
                run.key, run.start, run.state = None, None, RunState.ANNOUNCED
            else:
                reason = "a new series began before this one ended"
                actions += end_run(run, now, self._settings, RunStatus.ABORTED, reason)
        if old := self._waiting.pop(key.source, None):
            actions += self._give_up(old, now)
        return actions

    def _give_up(self, waiting: Waiting, now: float) -> list[Action]:
        """A waiting series is over: record it if it has images."""
        if not waiting.images:
            return [Dropped(waiting.key, waiting.start)]
        actions = self._open_unannounced(waiting, now)
        if run := self._runs.by_series(waiting.key):
            reason = "a new series began before this one ended"
            actions += end_run(run, now, self._settings, RunStatus.ABORTED, reason)
        return actions

    def image(self, image: Image, now: float) -> list[Action]:
        """An image came."""
        run = self._runs.by_series(image.key)
        if run is not None and not is_another_series(run, image):
            return self._accept(run, image, now)
        if run is not None:
            restarted = f"restarted@{image.received_ns}"
            image = replace(image, key=replace(image.key, unique_id=restarted))
        source = image.key.source
        waiting = self._waiting.get(source)
        actions: list[Action] = []
        if waiting is None or not same_series(waiting.key, image.key):
            actions += self._leave_open_series(image.key, now)
            waiting = self._waiting[source] = Waiting(image.key, None)
            actions.append(notice("series_header_missing", "warning", image.key))
        waiting.hold(image, self._settings.max_held_bytes)
        waiting.uid = waiting.uid or image.recorder_uid
        if waiting.since is None:
            waiting.since = now
        return actions + self._bind(source, now)

    def _accept(self, run: Run, image: Image, now: float) -> list[Action]:
        actions = accept_image(run, image, now, self._settings.max_image_id)
        if run.state is RunState.SEALED and any(
            isinstance(action, Accepted) for action in actions
        ):
            run.counts["late_images"] += 1
            return [*self._reopen(run, now), *actions]
        return actions

    def _reopen(self, run: Run, now: float) -> list[Action]:
        self._runs.reopen(run)
        return reopen_run(run, now, self._settings)

    def series_end(self, end: SeriesEnd, now: float) -> list[Action]:
        """A series ended."""
        run = self._runs.by_series(end.key)
        if run is not None and run.state is RunState.OPEN:
            return end_run(run, now, self._settings, None, "", end.received_ns)
        waiting = self._waiting.get(end.key.source)
        if waiting and same_series(waiting.key, end.key):
            if waiting.images:
                waiting.ended = end
                return []
            del self._waiting[end.key.source]
            return [Dropped(waiting.key, waiting.start)]
        return [notice("series_end_unmatched", "warning", end.key, run=run)]

    # -- binding ------------------------------------------------------------------

    def _bind(self, source: str, now: float) -> list[Action]:
        """Give a waiting series to its announced run, or open it after the hold."""
        waiting = self._waiting.get(source)
        if waiting is None:
            return []
        window = int(self._settings.match_window_s * 1e9)
        run = best_run(self._runs.active, waiting, window)
        if run is not None:
            del self._waiting[source]
            return self._begin(run, waiting, now)
        if waiting.held_s(now) >= self._settings.hold_s:
            del self._waiting[source]
            return self._open_unannounced(waiting, now)
        return []

    def _begin(self, run: Run, waiting: Waiting, now: float) -> list[Action]:
        actions: list[Action] = [begin_run(run, waiting, now)]
        for image in waiting.images:
            actions += self._accept(run, image, now)
        if waiting.ended:
            actions += end_run(
                run, now, self._settings, None, "", waiting.ended.received_ns
            )
        return actions

    def _open_unannounced(self, waiting: Waiting, now: float) -> list[Action]:
        run = Run(
            uid=str(uuid.uuid4()),
            number=0,
            opened_ns=waiting.images[0].received_ns,
            announcement=self._settings.unannounced,
        )
        run.number = self._runs.number(run.experiment, None)
        run.note("unannounced: no collection/start for this series")
        self._runs.active.append(run)
        adopted = self._early.adopt(run)
        return [Opened(run), *adopted, *self._begin(run, waiting, now)]

    # -- control events -----------------------------------------------------------

    def announcement(self, announcement: Announcement, now: float) -> list[Action]:
        """A run was announced."""
        uid = announcement.uid or ""
        if known := self._runs.by_uid(uid):
            known.counts["duplicate_announcements"] += 1
            return []
        if uid in self._past:
            return []
        if (run := run_to_adopt(self._runs.active, announcement)) is not None:
            run.announcement = announcement
            run.notes = [n for n in run.notes if not n.startswith("unannounced")]
            run.note("announced after its first images")
            return [Changed(run, "announced"), *self._early.adopt(run)]
        run = Run(
            uid=uid,
            number=0,
            opened_ns=announcement.received_ns,
            announcement=announcement,
            last_progress=now,
        )
        run.number = self._runs.number(run.experiment, announcement.run)
        self._runs.active.append(run)
        actions: list[Action] = [Opened(run), *self._early.adopt(run)]
        for source in list(self._waiting):
            actions += self._bind(source, now)
        return actions

    def collection_end(self, end: CollectionEnd, now: float) -> list[Action]:
        """The announced end of a run."""
        run = self._runs.by_uid(end.uid)
        if run is None:
            return [Noticed("collection_unknown", "warning", (("uid", end.uid),))]
        if run.end is not None:
            return []
        if hear_end(run, end, now, self._settings):
            return self._reopen(run, now)
        if run.state is RunState.SEALED:
            return []
        return [Changed(run, "end_announced")]

    def event(self, event: TimedEvent, now: float) -> tuple[Run | None, list[Action]]:
        """A timed event; the run it belongs to, None while that is not known.

        One that comes after its run was sealed makes a further revision. One for a run
        that nobody knows waits for its announcement, among the latest 100 000.
        """
        name = event.collection
        run = self._runs.latest if name is None else self._runs.by_uid(name)
        if run is None:
            return None, self._early.keep(event, self._past)
        if not run.events.add(event):
            run.counts["duplicate_events"] += 1
        elif run.state is RunState.SEALED:
            run.counts["late_events"] += 1
            return run, self._reopen(run, now)
        return run, []

    # -- time ---------------------------------------------------------------------

    def tick(self, now: float) -> list[Action]:
        """Holds, timeouts and seals that are due."""
        actions: list[Action] = []
        for source in list(self._waiting):
            actions += self._bind(source, now)
        for run in list(self._runs.active):
            if run.state is RunState.DRAINING:
                actions += self._check_draining(run, now)
            elif (over := overdue(run, now, self._settings)) is not None:
                actions += end_run(run, now, self._settings, *over)
        return actions

    def _check_draining(self, run: Run, now: float) -> list[Action]:
        if now < run.drain_until or run.images.pending:
            return []
        decide_status(run)
        run.state = RunState.SEALED
        self._past.add(run.uid)
        self._runs.seal(run)
        return [Sealed(run)]
