"""Follows the runs with the alarms, and keeps what they remember.

Each run that has begun has alarms of its own, whatever goes on beside it. What is told
was journalled before, together with all that the alarms remember: a daemon that is
killed goes on with the same, and tells nothing twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from recorder.errors import shown
from recorder.journal import Journal
from recorder.live.alarm_book import live_alarms
from recorder.live.alarm_memory import KIND, Memory, pack_memory, unpack_memory
from recorder.live.followed_run import FollowedRun
from recorder.live.moment import senders, sending_facts
from recorder.live.observing import of_no_run, of_run
from recorder.live.run_counts import RunCounts
from recorder.live.runs import LiveRuns, current_run
from recorder.records import ImageOutcome, Json, RunState
from recorder.records.image_outcome import PENDING
from recorder.records.live import LiveAlarm, LiveState
from recorder.records.said import NormalSaid, SeenSaid
from recorder.runs.book.book import RunBook
from recorder.runs.run import Run
from recorder.runtime.boundary import boundary
from recorder.runtime.host_clock import arrival_ns
from recorder.runtime.log import get_logger
from recorder.service.alarm_steps import OF_NO_RUN, AlarmSteps, Events, is_quiet
from recorder.service.alarm_teller import AlarmTeller
from recorder.ssx.alarms.accepting import accept_level, offered
from recorder.ssx.alarms.observation import Observation, SourceFacts
from recorder.ssx.alarms.rates import HOLD_S

log = get_logger("alarms")

STEP_NS = 500_000_000
"""Time (ns) between two steps: what people take for at once, and 1 ms of work each."""
KEEP_NS = 30 * 10**9
"""Time (ns) between two times that what alarms remember is journalled while nothing is
told. Images since then are read again after a restart: 30,000 at 1000 a second."""
MOST_READ = 60_000
"""Images that are read again after a restart, at most: half a second's work."""
_LEFT = 1000
"""Runs that are over and known as such: as many as the parts of one announcement, which
may end at once."""


class AlarmKeeper:
    """The alarms of a daemon, or of a replay.

    Args:
        teller: Tells what they say.
        book: The runs.
        counts: What is counted of them.
        live: Off: a file is replayed. Images count at their own times, and nothing is
            told of sources, sinks and host.
    """

    def __init__(
        self, teller: AlarmTeller, book: RunBook, counts: LiveRuns, *, live: bool
    ) -> None:
        self._teller = teller
        self._runs = book
        self._counts = counts
        self._live = live
        self._steps = AlarmSteps()
        self.moment: Callable[[], LiveState] | None = None
        """Gives what is known of sources, sinks and host."""
        self._runs_followed: dict[str, FollowedRun] = {}
        """By uid: those that go on, and are not over for the alarms."""
        self._left: tuple[str, ...] = ()
        self._due = False
        self._step_ns = self._kept_ns = 0
        counts.told, counts.over = self._told, self.finish

    # -- what goes on -----------------------------------------------------------------

    def _told(
        self, run: Run, outcomes: Sequence[ImageOutcome], counts: RunCounts
    ) -> None:
        """There is news of a run."""
        if run.uid in self._left:
            return
        mine = self._runs_followed.get(run.uid)
        if mine is None:
            mine = self._runs_followed[run.uid] = self._begin(run, outcomes)
        mine.run, mine.counts = run, counts
        mine.note(outcomes, arrival_ns())
        self._due = True

    def _begin(self, run: Run, new: Sequence[ImageOutcome]) -> FollowedRun:
        """From its first image that is new: an earlier recorder may have had others."""
        waiting = np.flatnonzero(run.images.column("outcome") == PENDING)
        ids = [*waiting[:1].tolist(), *(image.image_id for image in new[:1])]
        first = min(ids, default=run.images.size)
        return FollowedRun.at(run, self._time_s, (first, first, first))

    def _time_s(self, image: ImageOutcome) -> float:
        if self._live or image.start_time_ns is None:
            return image.received_ns / 1e9
        return image.start_time_ns / 1e9

    async def look(self) -> None:
        """Take a step, if it is time for one; the event loop goes on meanwhile."""
        now_ns = arrival_ns()
        if self._due or not 0 <= now_ns - self._step_ns < STEP_NS:
            self._steps.settle()
            self._due, self._step_ns = False, now_ns
            self._teller.forget(now_ns)  # what ends during the step ends later
            followed = self._follow(now_ns)
            self._steps.begin(self._observations(followed, now_ns), self._tell)
            await self._steps.done()
            self._steps.settle()
            if followed and now_ns - self._kept_ns >= KEEP_NS:
                self.keep(now_ns)

    def finish(self, run: Run) -> None:
        """A run is over: look at all of it before its report is made."""
        with boundary("look at the alarms of a run that is over"):
            self._steps.settle()
            self._counts.flush(run)
            mine = self._runs_followed.pop(run.uid, None)
            if mine is None:
                return
            seen = of_run(mine, arrival_ns(), live=self._live, last=True)
            self._tell(run.uid, self._steps.take(run.uid, seen), run)
            self._left = (*self._left, run.uid)[-_LEFT:]
            self._tell(run.uid, self._steps.end(run.uid, seen.time_s), run)

    def _follow(self, now_ns: int) -> dict[str, FollowedRun]:
        """The runs that are followed from now on: those that began, else the next.

        The alarms of any other are over.
        """
        active = [run for run in self._runs.active if run.uid not in self._left]
        current = current_run(active)
        begun = {
            run.uid: run
            for run in active
            if run is current or run.state is not RunState.ANNOUNCED
        }
        for uid in set(self._steps.states) - {OF_NO_RUN} - begun.keys():
            self._tell(uid, self._steps.end(uid, self._now_s(now_ns, uid)))
        going_on = {run.uid for run in active}
        self._runs_followed = {
            uid: one for uid, one in self._runs_followed.items() if uid in going_on
        }
        for uid, run in begun.items():
            if uid not in self._runs_followed:
                self._runs_followed[uid] = self._begin(run, ())
        return {uid: self._runs_followed[uid] for uid in begun}

    def _observations(
        self, followed: dict[str, FollowedRun], now_ns: int
    ) -> dict[str, Observation]:
        """What is new, of each run of which there is anything, and of no run."""
        sending = senders(followed.values()) if self.moment else {}
        found = {}
        for uid, mine in followed.items():
            facts: tuple[SourceFacts, ...] = ()
            if mine in sending.values():
                facts = sending_facts(mine, self._counts.heard.last_ns, now_ns)
            seen = of_run(mine, now_ns, facts, live=self._live)
            if not is_quiet(self._steps.last.get(uid), seen):
                found[uid] = seen
        if self.moment is not None:
            age_s = self._teller.journal_age_s
            found[OF_NO_RUN] = of_no_run(self.moment(), age_s, now_ns)
        return found

    def _tell(self, name: str, events: Events, run: Run | None = None) -> None:
        """Tell what a step found.

        Args:
            name: Uid of the run, or ``OF_NO_RUN``.
            events: What is told.
            run: The run, if it may be active no longer.
        """
        active = self._runs.active
        runs = active if run is None else (*active, run)
        if self._teller.take(events, runs, current_run(active)):
            self.keep(arrival_ns())

    # -- what is remembered -----------------------------------------------------------

    def keep(self, now_ns: int) -> None:
        """Journal all that is remembered, with the records that are queued.

        Not of a replay: what the daemon of this journal remembers stays.
        """
        if not self._live:
            return
        self._kept_ns = now_ns
        followed = self._runs_followed.items()
        memory = Memory(
            self._steps.states,
            self._teller.book,
            {uid: one.cursors for uid, one in followed if uid in self._steps.last},
            self._left,
        )
        self._teller.keep(KIND, pack_memory(memory))

    def restore(self, journal: Journal) -> None:
        """Go on where an earlier recorder was.

        Args:
            journal: What is known; the runs were taken over from it.
        """
        body = journal.kept(KIND)
        if body is None:
            return
        try:
            memory = unpack_memory(body)
        except ValueError as error:
            log.info("alarms_begin_anew", error=str(error))
            return
        self._steps.last, self._left = dict(memory.states), memory.left
        self._teller.restore(memory.book)
        for run in self._runs.active:
            if (cursors := memory.cursors.get(run.uid)) is None:
                continue
            mine = FollowedRun.at(run, self._time_s, cursors)
            first = max(cursors[0], run.images.size - MOST_READ)
            mine.note(list(journal.image_rows(run.uid, first)), arrival_ns())
            self._runs_followed[run.uid] = mine

    # -- what people say --------------------------------------------------------------

    def seen(self, said: SeenSaid) -> str:
        """Somebody saw an alarm; why that cannot be, empty if it is noted."""
        if not self._teller.seen(said, self._runs.active):
            return f"no alarm {shown(said.alarm)} stands"
        self.keep(arrival_ns())
        return ""

    def normal(self, said: NormalSaid) -> str:
        """Somebody takes the level of an alarm as the normal one from now on.

        Returns:
            Why that cannot be; empty if it is done.
        """
        now_ns = arrival_ns()
        known = self._teller.standing(said.alarm)
        if known is None:
            return f"no alarm {shown(said.alarm)} stands"
        state, now_s = self._steps.of(known.of), self._now_s(now_ns, known.of)
        if all(one.id != known.told_id for one in offered(state, now_s)):
            return (
                f"alarm {said.alarm}: not before it stood for {HOLD_S:.0f} s, and "
                "only of what has a level"
            )
        self._steps.states[known.of], events = accept_level(state, known.told_id, now_s)
        self._teller.taken_as_normal(said, self._runs.active)
        self._tell(known.of, events)
        self.keep(now_ns)
        return ""

    def _now_s(self, now_ns: int, uid: str) -> float:
        """The time on which images of a run count."""
        if self._live:
            return now_ns / 1e9
        mine = self._runs_followed.get(uid)
        return mine.newest_s if mine else 0.0

    # -- for others -------------------------------------------------------------------

    def alarms(self) -> tuple[LiveAlarm, ...]:
        """Alarms that stand or ended lately."""
        now_ns = arrival_ns()
        known = {
            (uid, one.id)
            for uid, state in self._steps.last.items()
            for one in offered(state, self._now_s(now_ns, uid))
        }
        return live_alarms(self._teller.shown, known)

    def status(self) -> list[Json]:
        """Alarms that stand, for the status."""
        return self._teller.status()
