"""The run book: sorts series, images and events into runs, and seals them.

Everything here is a decision, nothing an effect: the caller passes records and the
monotonic time, and carries out the actions that come back.
"""

from __future__ import annotations

import uuid
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import replace

from recorder.records import (
    Collection,
    CollectionEnd,
    Image,
    RunState,
    RunStatus,
    SeriesEnd,
    SeriesKey,
    SeriesStart,
    TimedEvent,
)
from recorder.runs.actions import (
    Accepted,
    Action,
    Changed,
    Dropped,
    Noticed,
    Opened,
    Sealed,
    notice,
)
from recorder.runs.binding import (
    best_run,
    is_another_series,
    same_series,
    series_matches,
)
from recorder.runs.early import ADOPT_WINDOW_S, EarlyEvents
from recorder.runs.endings import BookSettings, decide_status, overdue, says_more
from recorder.runs.run import Run
from recorder.runs.waiting import Waiting

# An id further beyond everything seen than this is garbage, not a gap.
MAX_JUMP = 1_000_000
KEPT_SEALED = 8


class RunBook:
    """All runs that are not yet sealed, and the last ones that are."""

    def __init__(self, settings: BookSettings) -> None:
        self._settings = settings
        self._runs: list[Run] = []
        self._sealed: deque[Run] = deque(maxlen=KEPT_SEALED)
        self._waiting: dict[str, Waiting] = {}
        self._early = EarlyEvents()
        self._numbers: Counter[str] = Counter()
        self._past: set[str] = set()

    # -- what is there ------------------------------------------------------------

    @property
    def active(self) -> list[Run]:
        """Runs that are not sealed, oldest first."""
        return list(self._runs)

    @property
    def sealed(self) -> list[Run]:
        """The runs that were sealed last: what is late for them finds them."""
        return list(self._sealed)

    @property
    def quiet(self) -> bool:
        """Nothing open and nothing waiting."""
        return not self._runs and not any(w.images for w in self._waiting.values())

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
        self._numbers.update(numbers)
        for run in runs:
            (self._sealed if run.state is RunState.SEALED else self._runs).append(run)

    def _by_uid(self, uid: str) -> Run | None:
        for run in (*self._runs, *self._sealed):
            if uid == run.uid or (run.collection and uid == run.collection.uid):
                return run
        return None

    def _by_series(self, key: SeriesKey) -> Run | None:
        """The latest run of a series; an unknown unique id matches by number."""
        for run in reversed((*self._sealed, *self._runs)):
            if run.key is not None and same_series(run.key, key):
                return run
        return None

    def _open_of(self, source: str) -> Run | None:
        for run in self._runs:
            if run.state is RunState.OPEN and run.key and run.key.source == source:
                return run
        return None

    # -- detector -----------------------------------------------------------------

    def series_start(self, start: SeriesStart, now: float) -> list[Action]:
        """A header came: end what is open, then look for the announcement."""
        key = start.key
        waiting = self._waiting.get(key.source)
        known = self._by_series(key)
        if (waiting and waiting.key == key) or (known and known.key == key):
            return [notice("series_header_repeated", "warning", key, run=known)]
        actions = self._leave_open_series(key, now)
        self._waiting[key.source] = Waiting(key, start, start.recorder_uid)
        return actions + self._bind(key.source, now)

    def _leave_open_series(self, key: SeriesKey, now: float) -> list[Action]:
        """A new series begins on this source: the old one is over."""
        actions: list[Action] = []
        if run := self._open_of(key.source):
            if run.images.received == 0 and run.announced:
                actions.append(notice("series_replaced", "warning", run.key, run=run))
                run.key, run.start, run.state = None, None, RunState.ANNOUNCED
            else:
                reason = "a new series began before this one ended"
                actions += self._end(run, now, RunStatus.ABORTED, reason)
        if old := self._waiting.pop(key.source, None):
            actions += self._give_up(old, now)
        return actions

    def _give_up(self, waiting: Waiting, now: float) -> list[Action]:
        """A waiting series is over: record it if it has images."""
        if not waiting.images:
            return [Dropped(waiting.key, waiting.start)]
        actions = self._open_unannounced(waiting, now)
        if run := self._by_series(waiting.key):
            reason = "a new series began before this one ended"
            actions += self._end(run, now, RunStatus.ABORTED, reason)
        return actions

    def image(self, image: Image, now: float) -> list[Action]:
        """An image came."""
        run = self._by_series(image.key)
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
        seen = run.images.size
        limit = max(run.declared_images or 0, seen) + MAX_JUMP
        if image.image_id >= min(limit, self._settings.max_image_id):
            run.counts["impossible_ids"] += 1
            return [notice("image_id_impossible", "warning", image.key,
                            image_id=image.image_id, run=run)]  # fmt: skip
        if not run.images.receive(
            image.image_id, image.start_time_ns, image.stop_time_ns
        ):
            run.counts["duplicate_images"] += 1
            return []
        run.counts["out_of_order_images"] += image.image_id < seen - 1
        run.counts["ignored_channels"] += len(image.ignored_channels)
        run.last_progress = now
        actions: list[Action] = [Accepted(run, image)]
        if run.state is RunState.SEALED:
            run.counts["late_images"] += 1
            actions = [*self._reopen(run, now), *actions]
        if run.images.stride > 1 and not run.stride_told:
            run.stride_told = True
            actions.append(notice("second_client", "error", image.key,
                                   stride=run.images.stride, run=run))  # fmt: skip
            run.note(f"only every {run.images.stride}. image arrives: another client "
                     "is connected to the detector's socket")  # fmt: skip
        elif run.stride_told and run.images.stride == 1:
            run.stride_told = False
        return actions

    def _reopen(self, run: Run, now: float) -> list[Action]:
        """Something came late: seal the run again, as a further revision."""
        run.state = RunState.DRAINING
        run.revision += 1
        run.drain_until = now + self._settings.drain_s
        self._sealed.remove(run)
        self._runs.append(run)
        if run.decided:  # on what was there; it is decided again
            run.status, run.reason = RunStatus.RUNNING, ""
        return [
            Changed(run, "reopened"),
            notice("run_reopened", "warning", run.key, run=run),
        ]

    def series_end(self, end: SeriesEnd, now: float) -> list[Action]:
        """A series ended."""
        run = self._by_series(end.key)
        if run is not None and run.state is RunState.OPEN:
            return self._end(run, now, None, "", end.received_ns)
        waiting = self._waiting.get(end.key.source)
        if waiting and same_series(waiting.key, end.key):
            if waiting.images:
                waiting.ended = end
                return []
            del self._waiting[end.key.source]
            return [Dropped(waiting.key, waiting.start)]
        return [notice("series_end_unmatched", "warning", end.key, run=run)]

    def _end(
        self,
        run: Run,
        now: float,
        status: RunStatus | None,
        reason: str,
        ended_ns: int | None = None,
    ) -> list[Action]:
        run.state = RunState.DRAINING
        run.drain_until = now + self._settings.drain_s
        run.ended_ns = ended_ns
        if status is not None:
            run.status, run.reason = status, reason
        return [Changed(run, "series_ended")]

    # -- binding ------------------------------------------------------------------

    def _bind(self, source: str, now: float) -> list[Action]:
        """Give a waiting series to its announced run, or open it after the hold."""
        waiting = self._waiting.get(source)
        if waiting is None:
            return []
        start = waiting.start
        received = start.received_ns if start else waiting.images[0].received_ns
        window = int(self._settings.match_window_s * 1e9)
        run = best_run(self._runs, waiting.key, start, waiting.uid, received, window)
        if run is not None:
            del self._waiting[source]
            return self._begin(run, waiting, now)
        held = waiting.since is not None and now - waiting.since
        if held is not False and held >= self._settings.hold_s:
            del self._waiting[source]
            return self._open_unannounced(waiting, now)
        return []

    def _begin(self, run: Run, waiting: Waiting, now: float) -> list[Action]:
        run.key, run.start = waiting.key, waiting.start
        run.state, run.last_progress = RunState.OPEN, now
        if run.start is None:
            run.note("the series header was missing: joined late, or it was lost")
        for problem in run.start.problems if run.start else ():
            run.note(problem)
        actions: list[Action] = [Changed(run, "series_started")]
        for image in waiting.images:
            actions += self._accept(run, image, now)
        if waiting.ended:
            actions += self._end(run, now, None, "", waiting.ended.received_ns)
        return actions

    def _open_unannounced(self, waiting: Waiting, now: float) -> list[Action]:
        body = self._settings.unannounced_body
        run = Run(
            uid=str(uuid.uuid4()),
            number=0,
            opened_ns=waiting.images[0].received_ns,
            unannounced_body=body,
        )
        run.number = self._number(run.experiment, None)
        run.note("unannounced: no collection/start for this series")
        self._runs.append(run)
        adopted = self._early.adopt(run)
        return [Opened(run), *adopted, *self._begin(run, waiting, now)]

    def _number(self, experiment: str, asked: int | None) -> int:
        number = asked if asked is not None else self._numbers[experiment] + 1
        self._numbers[experiment] = max(self._numbers[experiment], number)
        return number

    # -- control events -----------------------------------------------------------

    def collection(self, collection: Collection, now: float) -> list[Action]:
        """A run was announced."""
        if known := self._by_uid(collection.uid):
            known.counts["duplicate_announcements"] += 1
            return []
        if collection.uid in self._past:
            return []
        if (run := self._adopting(collection)) is not None:
            run.collection = collection
            run.notes = [n for n in run.notes if not n.startswith("unannounced")]
            run.note("announced after its first images")
            return [Changed(run, "announced"), *self._early.adopt(run)]
        run = Run(
            uid=collection.uid,
            number=0,
            opened_ns=collection.received_ns,
            collection=collection,
            last_progress=now,
        )
        run.number = self._number(run.experiment, collection.body.get("run"))
        self._runs.append(run)
        actions: list[Action] = [Opened(run), *self._early.adopt(run)]
        for source in list(self._waiting):
            actions += self._bind(source, now)
        return actions

    def _adopting(self, collection: Collection) -> Run | None:
        """An open, unannounced run that this late announcement is for."""
        window = ADOPT_WINDOW_S * 1e9
        for run in self._runs:
            if run.announced or run.key is None:
                continue
            uid = run.start.recorder_uid if run.start else None
            if series_matches(collection, run.key, run.start, uid):
                return run
            near = abs(collection.time_ns - run.opened_ns) <= window
            if near and uid is None and collection.series_unique_id is None:
                return run
        return None

    def collection_end(self, end: CollectionEnd, now: float) -> list[Action]:
        """The announced end of a run."""
        run = self._by_uid(end.uid)
        if run is None:
            return [Noticed("collection_unknown", "warning", (("uid", end.uid),))]
        if run.end is not None:
            return []
        amended = run.state is RunState.SEALED and says_more(run, end)
        run.end = end
        if amended or (run.state is RunState.DRAINING and run.revision > 0):
            # it was sealed without this word, and is to be sealed again
            run.status, run.reason = end.status, end.reason
        if amended:
            return self._reopen(run, now)
        if run.state is RunState.ANNOUNCED:
            run.state = RunState.DRAINING
            run.drain_until = now + self._settings.drain_s
        if run.state is RunState.SEALED:
            return []
        return [Changed(run, "end_announced")]

    def event(self, event: TimedEvent, now: float) -> tuple[Run | None, list[Action]]:
        """A timed event; the run it belongs to, None while that is not known.

        One that comes after its run was sealed makes a further revision. One for a run
        that nobody knows waits for its announcement, among the latest 100 000.
        """
        if event.collection is not None:
            run = self._by_uid(event.collection)
        else:
            run = next((r for r in reversed(self._runs)), None)
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
        for run in list(self._runs):
            if run.state is RunState.DRAINING:
                actions += self._check_draining(run, now)
            elif (over := overdue(run, now, self._settings)) is not None:
                actions += self._end(run, now, *over)
        return actions

    def _check_draining(self, run: Run, now: float) -> list[Action]:
        if now < run.drain_until or run.images.pending:
            return []
        decide_status(run)
        run.state = RunState.SEALED
        self._past.add(run.uid)
        self._runs.remove(run)
        self._sealed.append(run)
        return [Sealed(run)]
