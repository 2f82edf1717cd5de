"""Journals what alarms say, and then tells it: log, live state, MQTT."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from functools import partial

from recorder.journal import RecordKind
from recorder.journal.alarm_records import (
    NORMAL,
    SEEN,
    cleared_body,
    raised_body,
    said_body,
)
from recorder.journal.writer import JournalWriter
from recorder.live.alarm_book import AlarmBook, Noted
from recorder.records import Json
from recorder.records.said import NormalSaid, SeenSaid
from recorder.records.times import iso
from recorder.runs.run import Run
from recorder.runtime.log import get_logger
from recorder.ssx.alarms.events import AlarmRaised, Event

log = get_logger("alarms")

AT_ONCE_S = 3.0
"""Age (s) of a record that is not on disk beyond which alarms are told before they are:
the disk may be what is wrong, which is an alarm after 5 s. Chosen, not tuned."""


class AlarmTeller:
    """Tells alarms, once each.

    Args:
        writer: What journals.
        changed: Set when the status is to be published.
        off: Kinds that are not told.
    """

    def __init__(
        self, writer: JournalWriter, changed: asyncio.Event, off: Iterable[str]
    ) -> None:
        self._writer = writer
        self._changed = changed
        self._off = frozenset(off)
        self.book = AlarmBook()
        self.shown: tuple[Noted, ...] = ()
        """What others are told now."""
        self._said_last = self._shown_last = 0

    def take(
        self, events: Iterable[Event], runs: Iterable[Run], current: Run | None = None
    ) -> bool:
        """Note what is told; whether there was anything.

        Args:
            events: In order.
            runs: That they may be about.
            current: In whose report alarms stand that are about no run.
        """
        by_uid = {run.uid: run for run in runs}
        any_of_them = False
        for event in events:
            if event.kind in self._off:
                continue
            if isinstance(event, AlarmRaised):
                self._raised(event, by_uid.get(event.run_uid or "", current))
            elif (over := self.book.cleared(event)) is not None:
                self.note(over, cleared_body(over.alarm), by_uid.get(over.uid or ""))
                self._say(partial(_say_cleared, over))
            else:
                continue
            any_of_them = True
        return any_of_them

    def _raised(self, event: AlarmRaised, run: Run | None) -> None:
        before = {one.alarm.id: one.alarm for one in self.book.noted}
        new = self.book.raised(event, run)
        self.note(new, raised_body(new.alarm), run)
        old = before.get(new.alarm.id)
        if old is None:
            self._say(partial(_say_raised, new))
        elif (old.level, old.hints) != (new.alarm.level, new.alarm.hints):
            self._say(partial(_say_raised, new, again=True))

    def note(self, one: Noted, body: Json, run: Run | None) -> None:
        """Journal one more word of an alarm, and show it once it is on disk.

        Args:
            one: The alarm as it is now.
            body: Of the record.
            run: Its run, if that goes on.
        """
        if run is not None:
            run.alarms[one.alarm.id] = one.alarm
        self._writer.record(RecordKind.ALARM, one.uid, body)
        self._say(lambda: None)

    def _say(self, call: Callable[[], None]) -> None:
        """Once it is on disk: nobody is told of what could still be lost."""
        self._said_last += 1
        show = partial(self._show, self._said_last, self.book.noted, call)
        if self._writer.failing or self._writer.age_s > AT_ONCE_S:
            show()
        else:
            self._writer.after_commit(show)

    def _show(
        self, number: int, noted: tuple[Noted, ...], call: Callable[[], None]
    ) -> None:
        call()
        if number > self._shown_last:  # one that was told at once may be newer
            self._shown_last, self.shown = number, noted
        self._changed.set()

    def seen(self, said: SeenSaid, runs: Iterable[Run]) -> bool:
        """Somebody saw an alarm; False if nobody knows it."""
        new = self.book.seen(said.alarm, said.by)
        if new is None:
            return False
        self._said(SEEN, said, new, runs)
        log.info("alarm_seen", alarm=said.alarm, run=new.run, uid=new.uid, by=said.by)
        return True

    def taken_as_normal(self, said: NormalSaid, runs: Iterable[Run]) -> None:
        """Somebody took the level of an alarm as the normal one."""
        known = self.book.find(said.alarm)
        if known is not None:
            self._said(NORMAL, said, known, runs)
            log.info(
                "alarm_taken_as_normal",
                alarm=said.alarm,
                run=known.run,
                uid=known.uid,
                by=said.by,
            )

    def _said(
        self, what: str, said: SeenSaid | NormalSaid, one: Noted, runs: Iterable[Run]
    ) -> None:
        run = next((run for run in runs if run.uid == one.uid), None)
        self.note(one, said_body(what, said.alarm, said.by, iso(said.time_ns)), run)

    def standing(self, alarm: str) -> Noted | None:
        """An alarm that stands, by its id; None if it does not."""
        known = self.book.find(alarm)
        return known if known and known.cleared_ns is None else None

    def status(self) -> list[Json]:
        """Alarms that stand, for the status."""
        return [
            {
                "id": one.alarm.id,
                "kind": one.alarm.kind,
                "severity": one.alarm.severity,
                "text": one.alarm.text,
                "since_image": one.alarm.since_image,
                "run": one.run,
            }
            for one in self.shown
            if one.cleared_ns is None
        ]

    @property
    def journal_age_s(self) -> float:
        """Age of the oldest record that is not on disk."""
        return self._writer.age_s

    def keep(self, kind: str, body: bytes) -> None:
        """Journal what is kept once, with all that was told."""
        self._writer.keep(kind, body)

    def restore(self, book: AlarmBook) -> None:
        """Go on with what was told."""
        self.book, self.shown = book, book.noted

    def forget(self, now_ns: int) -> None:
        """Show no longer what ended long ago."""
        before = len(self.book.noted)
        self.book.forget(now_ns)
        if len(self.book.noted) != before:
            self._say(lambda: None)


def _say_raised(one: Noted, *, again: bool = False) -> None:
    alarm = one.alarm
    log.warning(
        "alarm_raised",
        id=alarm.id,
        kind=alarm.kind,
        severity=alarm.severity,
        alarm_level=alarm.level,
        subject=alarm.subject,
        run=one.run,
        uid=one.uid,
        since_image=alarm.since_image,
        at_image=alarm.raised_image,
        text=alarm.text,
        causes=[hint.cause for hint in alarm.hints],
        again=again,
    )


def _say_cleared(one: Noted) -> None:
    alarm = one.alarm
    log.info(
        "alarm_cleared",
        id=alarm.id,
        kind=alarm.kind,
        run=one.run,
        uid=one.uid,
        because=alarm.cleared_because,
    )
