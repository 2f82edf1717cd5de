"""What is announced becomes runs: one, or one for each part, or belongs to one."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import replace

from recorder.errors import shown
from recorder.records import Announcement, RunState
from recorder.runs.book.actions import Action, Changed, Opened
from recorder.runs.book.binding import run_to_adopt
from recorder.runs.book.clock_offsets import ClockOffsets, sent_ns
from recorder.runs.book.early_events import EarlyEvents
from recorder.runs.book.endings import BookSettings, end_run
from recorder.runs.book.known_runs import KnownRuns
from recorder.runs.book.part_headers import whole_start
from recorder.runs.book.parts import (
    names_of,
    part_of_series,
    series_is_over,
)
from recorder.runs.book.said import adopted_one_of
from recorder.runs.book.waiting_series import bind_header
from recorder.runs.run import Run
from recorder.runs.technique import technique_of

NOT_PARTED = (
    "announced after its first images, some of which are of its second part: all "
    "{parts} are one run"
)


class AnnouncementDesk:
    """Opens runs.

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

    def take(
        self, announcement: Announcement, past: Set[str], now: float
    ) -> list[Action]:
        """A run was announced, or several that have one series.

        Args:
            announcement: It.
            past: Uids of all runs that were ever sealed.
            now: Monotonic time (s).
        """
        announcement = self._checked(announcement)
        parts = self._new_parts(announcement, past)
        if not parts:
            return []
        if (adopted := self._adopt(announcement, parts, now)) is not None:
            return adopted
        opened = self._open_all(parts, now)
        runs = [action.run for action in opened if isinstance(action, Opened)]
        early = self._early.adopt(*runs)
        return [*opened, *early, *self._clock(runs[0], now)]

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

    def _new_parts(
        self, announcement: Announcement, past: Set[str]
    ) -> list[Announcement]:
        """The collections of an announcement that are not known yet.

        A recorder that was killed may know some of them only.
        """
        uid = announcement.uid or ""
        known = self._runs.called(uid)
        every = technique_of(announcement).parts(announcement)
        told = [part for run in known if (part := run.part) is not None]
        names: set[str] = set().union(*map(names_of, self._runs.all))
        another = bool(known) and (not told or told[0].count != len(every))
        fresh = [
            one
            for one in every
            if not another and past.isdisjoint((uid, one.uid)) and one.uid not in names
        ]
        if len(fresh) < len(every):
            for run in known:
                run.counts["duplicate_announcements"] += 1
        return fresh

    def _open_all(self, parts: Sequence[Announcement], now: float) -> list[Action]:
        runs = [self._open(part, now) for part in parts]
        actions: list[Action] = [Opened(run) for run in runs]
        for run in runs:
            actions += join(run, self._runs.parts_of(run), now, self._settings)
        return actions

    def _open(self, announcement: Announcement, now: float) -> Run:
        run = Run(
            uid=announcement.uid or "",
            number=0,
            opened_ns=announcement.received_ns,
            announcement=announcement,
            announced_ns=announcement.received_ns,
            clock_step_ns=self._settings.clock_step_ns(),
            last_progress=now,
        )
        run.number = self._runs.number(run.experiment, announcement.run)
        self._runs.add(run)
        return run

    def _clock(self, run: Run, now: float) -> list[Action]:
        return self._clocks.announcement(run, now) if self._settings.live else []

    def _adopt(
        self, announcement: Announcement, parts: Sequence[Announcement], now: float
    ) -> list[Action] | None:
        """Give an announcement that came late to its run, if that goes on."""
        runs, detectors = self._runs.all, self._settings.detectors
        sent = sent_ns(announcement, runs)
        choice = run_to_adopt(runs, announcement, detectors, sent)
        if choice is None or choice.run.state is RunState.SEALED:
            return None
        run = choice.run
        mine = part_of_series(run, parts) or announcement
        self._runs.announced(run, mine)
        run.notes = [n for n in run.notes if not n.startswith("unannounced")]
        run.note("announced after its first images")
        others: list[Action] = []
        if run.part is not None and run.key is not None:
            bind_header(run, run.key, run.start)
            rest = [part for part in parts if part is not mine]
            others = self._open_all(rest, now)
        elif len(parts) > 1:
            run.note(NOT_PARTED.format(parts=len(parts)))
        said = [*adopted_one_of(choice), *self._clock(run, now)]
        early = self._early.adopt(*self._runs.parts_of(run))
        return [Changed(run, "announced"), *others, *said, *early]


def join(
    run: Run, parts: Sequence[Run], now: float, settings: BookSettings
) -> list[Action]:
    """A part that came late to a series which other parts have: it has that, too.

    Args:
        run: The run.
        parts: All of its announcement.
        now: Monotonic time (s).
        settings: How long to wait for what is late.
    """
    bound = next((part for part in parts if part.key is not None), None)
    if bound is None or bound.key is None or run.state is not RunState.ANNOUNCED:
        return []
    run.state, run.last_progress, run.bound_at = RunState.OPEN, now, bound.bound_at
    actions: list[Action] = [bind_header(run, bound.key, whole_start(bound))]
    return actions + end_with(run, parts, now, settings)


def end_with(
    run: Run, parts: Sequence[Run], now: float, settings: BookSettings
) -> list[Action]:
    """End a part whose series has ended, which only others of it know.

    Args:
        run: The run.
        parts: All of its announcement.
        now: Monotonic time (s).
        settings: How long to wait for what is late.
    """
    over = series_is_over(parts)
    if over is None or run.state is not RunState.OPEN:
        return []
    return end_run(run, now, settings, None, "", over.ended_ns)
