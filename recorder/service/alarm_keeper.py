"""Follows the runs with the alarms, and keeps what they remember.

What is told was journalled before, together with all that the alarms remember: a
daemon that is killed goes on with the same, and tells nothing twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from recorder.errors import shown
from recorder.journal import Journal
from recorder.live.alarm_book import live_alarms
from recorder.live.alarm_memory import KIND, Memory, pack_memory, unpack_memory
from recorder.live.followed_run import FollowedRun
from recorder.live.moment import host_facts, run_facts, sink_facts, source_facts
from recorder.live.run_counts import RunCounts
from recorder.live.runs import LiveRuns, current_run
from recorder.records import ImageOutcome, Json, RunState
from recorder.records.image_outcome import PENDING
from recorder.records.live import LiveAlarm, LiveState
from recorder.records.said import NormalSaid, SeenSaid
from recorder.runs.book.book import RunBook
from recorder.runs.book.parts import current_part, same_announcement
from recorder.runs.run import Run
from recorder.runtime.boundary import boundary
from recorder.runtime.host_clock import arrival_ns
from recorder.runtime.log import get_logger
from recorder.service.alarm_steps import AlarmSteps, Events
from recorder.service.alarm_teller import AlarmTeller
from recorder.ssx.alarms.accepting import accept_level, offered
from recorder.ssx.alarms.observation import Observation
from recorder.ssx.alarms.rates import HOLD_S

log = get_logger("alarms")

STEP_NS = 500_000_000
"""Time (ns) between two steps: what people take for at once, and 1 ms of work each."""
KEEP_NS = 30 * 10**9
"""Time (ns) between two times that what alarms remember is journalled while nothing is
told. Images since then are read again after a restart: 30,000 at 1000 a second."""
MOST_READ = 60_000
"""Images that are read again after a restart, at most: half a second's work."""
MOST_WAITING = 10_000
"""Images of a run that is not followed yet that wait for it, about 5 MB; of more, the
latest: what alarms know of a run they learn from its last thousands."""
_LEFT = 20
"""Runs that are over and known as such: more do not end at once."""


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
        self._followed: FollowedRun | None = None
        self._others: dict[str, FollowedRun] = {}
        """Runs that go on and are not followed (yet)."""
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
        mine = self._of(run, outcomes)
        mine.counts = counts
        mine.note(outcomes, arrival_ns())
        self._due = True

    def _of(self, run: Run, outcomes: Sequence[ImageOutcome]) -> FollowedRun:
        if self._followed is not None and self._followed.run.uid == run.uid:
            self._followed.run = run
            return self._followed
        known = self._others.get(run.uid)
        if known is None or known.flow.waiting > MOST_WAITING:
            known = self._others[run.uid] = self._begin(run, outcomes)
        return known

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
            mine = self._choose()
            told = partial(self._tell, mine, now_ns)
            self._steps.begin(self._observe(mine, now_ns), told)
            await self._steps.done()
            self._steps.settle()

    def finish(self, run: Run) -> None:
        """A run is over: look at all of it before its report is made."""
        with boundary("look at the alarms of a run that is over"):
            self._steps.settle()
            self._finish(run)

    def _finish(self, run: Run) -> None:
        self._counts.flush(run)
        mine = self._followed
        if mine is None or mine.run.uid != run.uid:
            self._others.pop(run.uid, None)
            return
        now_ns = arrival_ns()
        self._step(mine, now_ns, last=True)
        self._left = (*self._left, run.uid)[-_LEFT:]
        self._step(None, now_ns)

    def _choose(self) -> FollowedRun | None:
        """The run to be followed: the same as long as it goes on."""
        active = [run for run in self._runs.active if run.uid not in self._left]
        uids = {run.uid for run in active}
        self._others = {uid: one for uid, one in self._others.items() if uid in uids}
        mine = self._followed
        if mine is not None and mine.run.state is RunState.OPEN and mine.run in active:
            run: Run | None = current_part(same_announcement(mine.run, active))
        else:
            run = current_run(active)
        if run is None:
            return None
        if mine is not None and mine.run.uid == run.uid:
            return mine
        if mine is not None and mine.run in active and (mine.run.final or run.part):
            self.finish(mine.run)
        return self._others.pop(run.uid, None) or self._begin(run, ())

    def _step(
        self, mine: FollowedRun | None, now_ns: int, *, last: bool = False
    ) -> None:
        events = self._steps.take(self._observe(mine, now_ns, last=last))
        self._tell(mine, now_ns, events)

    def _observe(
        self, mine: FollowedRun | None, now_ns: int, *, last: bool = False
    ) -> Observation:
        """What is new of the run that is followed from now on."""
        self._followed = mine
        seen = Observation(now_ns / 1e9 if self._live else 0.0)
        if mine is not None:
            new = mine.take(now_ns, last=last)
            seen = Observation(
                seen.time_s if self._live else new.time_s,
                run_facts(mine.run, live=self._live),
                new.images,
                new.pulses,
                new.fates,
            )
        if self.moment is None:
            return seen
        known, heard_ns = self.moment(), self._counts.heard.last_ns
        return replace(
            seen,
            sources=source_facts(known, mine, heard_ns, now_ns),
            sinks=sink_facts(known),
            host=host_facts(known, self._teller.journal_age_s),
        )

    def _tell(self, mine: FollowedRun | None, now_ns: int, events: Events) -> None:
        runs = self._runs.active if mine is None else (*self._runs.active, mine.run)
        told = self._teller.take(events, runs)
        if told or (mine is not None and now_ns - self._kept_ns >= KEEP_NS):
            self.keep(now_ns)

    # -- what is remembered -----------------------------------------------------------

    def keep(self, now_ns: int) -> None:
        """Journal all that is remembered, with the records that are queued.

        Not of a replay: what the daemon of this journal remembers stays.
        """
        if not self._live:
            return
        self._kept_ns = now_ns
        mine = self._followed
        self._teller.keep(
            KIND,
            pack_memory(
                Memory(
                    self._steps.state,
                    self._teller.book,
                    mine.run.uid if mine else None,
                    mine.cursors if mine else (0, 0, 0),
                    self._left,
                )
            ),
        )

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
        self._steps.state, self._left = memory.state, memory.left
        self._teller.restore(memory.book)
        run = next((r for r in self._runs.active if r.uid == memory.uid), None)
        if run is None:
            return
        mine = FollowedRun.at(run, self._time_s, memory.cursors)
        first = max(memory.cursors[0], run.images.size - MOST_READ)
        mine.note(list(journal.image_rows(run.uid, first)), arrival_ns())
        self._followed = mine

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
        now_ns, state = arrival_ns(), self._steps.state
        told_id = self._teller.standing(said.alarm)
        if told_id is None:
            return f"no alarm {shown(said.alarm)} stands"
        now_s = self._now_s(now_ns)
        if all(one.id != told_id for one in offered(state, now_s)):
            return (
                f"alarm {said.alarm}: not before it stood for {HOLD_S:.0f} s, and "
                "only of what has a level"
            )
        self._steps.state, events = accept_level(state, told_id, now_s)
        self._teller.taken_as_normal(said, self._runs.active)
        self._teller.take(events, self._runs.active)
        self.keep(now_ns)
        return ""

    def _now_s(self, now_ns: int) -> float:
        """The time on which images count."""
        if self._live:
            return now_ns / 1e9
        return self._followed.newest_s if self._followed else 0.0

    # -- for others -------------------------------------------------------------------

    def alarms(self) -> tuple[LiveAlarm, ...]:
        """Alarms that stand or ended lately."""
        now_s = self._now_s(arrival_ns())
        known = {one.id for one in offered(self._steps.last, now_s)}
        return live_alarms(self._teller.shown, known)

    def status(self) -> list[Json]:
        """Alarms that stand, for the status."""
        return self._teller.status()
