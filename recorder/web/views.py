"""Messages of the streams as each reader may see them, one for all who see the same.

Who may see the whole beamline reads what the feed has encoded for all. Of the others'
messages each is made once for all who see the same runs, and only if it changed: an
event that says nothing new would tell that somebody else's run did something.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from recorder.errors import RecorderError
from recorder.journal import Journal
from recorder.records.cards import RunCard
from recorder.records.run_report import RunReport
from recorder.reports.cards import experiment_cards
from recorder.reports.journal_mark import sinks_of
from recorder.reports.store import ReportStore
from recorder.web.access import Access
from recorder.web.feed import Feed, Message, message_of
from recorder.web.hiding import JOURNAL_TROUBLE, Part, now_for, part_of
from recorder.web.journal_view import MAX_CARDS
from recorder.web.place import WebPlace
from recorder.web.shapes import Slow

MAX_KEPT = 128
"""Messages that are kept for those who see the same, some 10 kB each. Chosen, not
tuned."""


@dataclass(frozen=True, slots=True)
class SlowView:
    """What changes slowly, as somebody sees it."""

    state: Slow
    message: Message


class Views:
    """Makes the messages; ``now`` in the loop, ``slow`` in a thread of its own.

    Args:
        feed: Has what there is.
        place: Where the journal is.
    """

    def __init__(self, feed: Feed, place: WebPlace) -> None:
        self._feed = feed
        self._place = place
        self._serial = -1
        self._now: dict[Part, Message] = {}
        self._asked: dict[Access, tuple[int, asyncio.Future[SlowView]]] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="views")
        self._slow: OrderedDict[_Seen, SlowView] = OrderedDict()
        """Used by that thread alone."""
        self._number = 0

    def now(self, access: Access) -> Message:
        """The event ``now``."""
        feed = self._feed
        if access.all:
            return feed.now
        if feed.now.serial != self._serial:
            self._serial = feed.now.serial
            self._now.clear()
        part = part_of(feed.now_state, access, feed.going)
        found = self._now.get(part)
        if found is None:
            state = now_for(feed.now_state, access, part)
            number = state.live.id if state.live else None
            found = message_of("now", state, feed.now.serial, number)
            self._now[part] = found
        return found

    async def slow(self, access: Access) -> SlowView:
        """The event ``slow``; the same as before where nothing changed for them."""
        feed = self._feed
        if access.all:
            return SlowView(feed.slow_state, feed.slow)
        serial, made = self._asked.get(access, (-1, None))
        if made is None or serial != feed.slow.serial:
            loop = asyncio.get_running_loop()
            made = loop.run_in_executor(self._thread, self._made, access)
            self._asked.pop(access, None)
            while len(self._asked) >= MAX_KEPT:
                self._asked.pop(next(iter(self._asked)))
            self._asked[access] = feed.slow.serial, made
        # Who hangs up must not take the answer from the others.
        return await asyncio.shield(made)

    def close(self) -> None:
        """Wait for no one."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    # -- in the thread --------------------------------------------------------------

    def _made(self, access: Access) -> SlowView:
        base, cards = self._feed.slow_state, self._feed.view.listed
        if not access.names:
            key: _Seen = (False, ())
            state = _nameless(base)
        else:
            state, key = self._state(access, base, cards)
        known = self._slow.get(key)
        if known is None or replace(known.state, id=0) != state:
            # no number that counts what others do: the time, in ms
            self._number = max(self._number + 1, time.time_ns() // 10**6)
            state = replace(state, id=self._number)
            message = message_of("slow", state, state.id, None)
            known = self._slow[key] = SlowView(state, message)
        self._slow.move_to_end(key)
        while len(self._slow) > MAX_KEPT:
            self._slow.popitem(last=False)
        return known

    def _state(
        self, access: Access, base: Slow, cards: tuple[RunCard, ...]
    ) -> tuple[Slow, _Seen]:
        """Of somebody who sees some runs, with id 0, and which runs these are."""
        told = Slow(0, base.complete, version=base.version, beamline=base.beamline)
        if base.problem is not None:
            return replace(told, problem=JOURNAL_TROUBLE), (True, ())
        try:
            journal = Journal(self._place.journal, read_only=True)
            try:
                access.look(journal)
                mine = access.cards(cards)
                run = self._report(journal, access, mine)
            finally:
                journal.close()
        except (RecorderError, ValueError, KeyError, TypeError):
            return replace(told, problem=JOURNAL_TROUBLE), (True, ())
        found = experiment_cards(mine, MAX_CARDS)
        state = replace(told, experiments=found, run=run)
        return state, (True, tuple(card.uid for card in mine))

    def _report(
        self, journal: Journal, access: Access, mine: tuple[RunCard, ...]
    ) -> RunReport | None:
        """Of their run that goes on, else of their latest one that can be read."""
        live = self._feed.now_state.live
        going = live.run.uid if live and live.run else None
        readable = [card.uid for card in mine if card.problem is None]
        uids = [going if access.sees(going) else None, *readable[:1]]
        store = ReportStore(journal, sinks_of(self._place.settings, journal))
        found = (store.get(uid) for uid in uids if uid)
        report = next((report for report in found if report is not None), None)
        return None if report is None else access.report(report)


_Seen = tuple[bool, tuple[str, ...]]
"""Whether names are shown, and which runs."""


def _nameless(base: Slow) -> Slow:
    """Nothing of any run: its numbers of now are in the other event."""
    problem = None if base.problem is None else JOURNAL_TROUBLE
    return Slow(
        0,
        base.complete,
        version=base.version,
        beamline=base.beamline,
        problem=problem,
    )
