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
    base: Slow
    """All that there was when it was looked at last."""


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
        self._slow: OrderedDict[tuple[str, ...], SlowView] = OrderedDict()
        """By the runs that are seen. Used by that thread alone."""
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
            return SlowView(feed.slow_state, feed.slow, feed.slow_state)
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
        told = Slow(0, base.complete, version=base.version, beamline=base.beamline)
        if base.problem is not None:
            return self._kept((), base, replace(told, problem=JOURNAL_TROUBLE))
        if not access.names:  # its numbers of now are in the other event
            return self._kept((), base, told)
        try:
            journal = Journal(self._place.journal, read_only=True)
            try:
                access.look(journal)
                seen = tuple(access.runs())
                known = self._slow.get(seen)
                if known is not None and known.base is base:
                    return known  # made for somebody who sees the same
                mine = access.cards(cards)
                run = self._report(journal, access, mine)
            finally:
                journal.close()
        except (RecorderError, ValueError, KeyError, TypeError):
            return self._kept((), base, replace(told, problem=JOURNAL_TROUBLE))
        found = experiment_cards(mine, MAX_CARDS)
        return self._kept(seen, base, replace(told, experiments=found, run=run))

    def _kept(self, seen: tuple[str, ...], base: Slow, state: Slow) -> SlowView:
        """The message of a state with id 0; the same as before if it says the same."""
        known = self._slow.pop(seen, None)
        if known is None or replace(known.state, id=0) != state:
            # no number that counts what others do: the time, in ms
            self._number = max(self._number + 1, time.time_ns() // 10**6)
            state = replace(state, id=self._number)
            message = message_of("slow", state, state.id, None)
            known = SlowView(state, message, base)
        self._slow[seen] = known = replace(known, base=base)
        while len(self._slow) > MAX_KEPT:
            self._slow.popitem(last=False)
        return known

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
