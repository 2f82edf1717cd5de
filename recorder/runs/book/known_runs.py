"""The runs that go on and the last ones that were sealed, found by what names them."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable

from recorder.errors import shown
from recorder.records import Announcement, BadMessage, RunState, SeriesKey
from recorder.records.limits import MAX_ANNOUNCED_BYTES
from recorder.runs.book.parts import by_announcement, going_on
from recorder.runs.book.same_series import same_series
from recorder.runs.run import Run
from recorder.runs.technique import technique_of

KEPT_SEALED = 8
"""Sealed runs that late images, events and ends still find; all parts of an
announcement count as one."""

KEPT_ROWS = 4_000_000
"""Images and events of sealed runs in memory: some 0.5 GB. The last one stays whatever
it has; of earlier ones as many as fit. Chosen, not tuned: eight usual runs fit."""


class KnownRuns:
    """Runs in memory, and the run numbers that are used."""

    def __init__(self) -> None:
        self.active: list[Run] = []
        """Not sealed, oldest first."""
        self.sealed: deque[Run] = deque()
        """The last ones that were sealed, oldest first."""
        self._numbers: Counter[str] = Counter()
        self._parts: dict[str, list[Run]] | None = None
        """The parts of each announcement, by number; None: to be looked up anew."""

    def restore(self, runs: Iterable[Run], numbers: dict[str, int]) -> None:
        """Take over runs, and the highest run number of each experiment."""
        self._numbers.update(numbers)
        for run in runs:
            (self.sealed if run.state is RunState.SEALED else self.active).append(run)
        self._parts = None
        self._forget_old()

    def add(self, run: Run) -> None:
        """A run begins."""
        self.active.append(run)
        self._parts = None

    def announced(self, run: Run, announcement: Announcement) -> None:
        """A run has its announcement late."""
        run.announcement, run.announced_ns = announcement, announcement.received_ns
        self._parts = None

    @property
    def all(self) -> list[Run]:
        """The sealed ones in memory, then those that go on."""
        return [*self.sealed, *self.active]

    @property
    def current(self) -> Run | None:
        """The run with images that something without a name is for.

        The latest whose series goes on; without one, the run whose series comes next;
        without one, the latest that is not sealed.
        """
        fit = [run for run in self.active if run.takes_images]
        if going := going_on(fit):
            return going[-1]
        announced = (run for run in fit if run.state is RunState.ANNOUNCED)
        return next(announced, fit[-1] if fit else None)

    def by_uid(self, uid: str) -> Run | None:
        """The run of this uid, or that an announcement of this uid adopted.

        Of the parts of an announcement, one of them.
        """
        return next(iter(self.called(uid)), None)

    def called(self, uid: str) -> list[Run]:
        """The run of this uid, or the parts of the announcement of this uid."""
        for run in (*self.active, *self.sealed):
            if uid in (run.uid, run.announcement.uid):
                return [run]
            if run.part is not None and uid == run.part.of:
                return self.parts_of(run)
        return []

    def parts_of(self, run: Run) -> list[Run]:
        """The parts of a run's announcement, by number; itself if it is whole."""
        if run.part is None:
            return [run]
        if self._parts is None:
            self._parts = by_announcement(self.all)
        return self._parts[run.part.of]

    def by_series(self, key: SeriesKey) -> Run | None:
        """The latest run of a series; an unknown unique id matches by number.

        Where a series has several, one of them.
        """
        for run in reversed((*self.sealed, *self.active)):
            if run.key is not None and same_series(run.key, key):
                return run
        return None

    def open_of(self, source: str) -> list[Run]:
        """The runs open on a source: those of one series, unless a relay mixes them."""
        return [
            run
            for run in self.active
            if run.state is RunState.OPEN and run.key and run.key.source == source
        ]

    def number(self, experiment: str, asked: int | None) -> int:
        """The number of a new run: the one asked for, else the next."""
        number = asked if asked is not None else self._numbers[experiment] + 1
        self._numbers[experiment] = max(self._numbers[experiment], number)
        return number

    def refusal(self, announcement: Announcement, most: int) -> BadMessage | None:
        """Why a run cannot be announced now, None if it can."""
        uid = announcement.uid or ""
        known = self.by_uid(uid)
        if known is not None and known.part is not None and known.part.of != uid:
            return _a_parts_uid(announcement, known.part.of)
        waiting = [run for run in self.active if run.key is None and not run.final]
        if known is not None or not waiting:
            return None
        parts = technique_of(announcement).parts(announcement)
        kept = sum(run.announcement.size for run in waiting)
        many = len(waiting) + len(parts) > most
        large = kept + sum(part.size for part in parts) > MAX_ANNOUNCED_BYTES
        if not (many or large):
            return None
        more = "raise runs.max_announced" if many else "send less with each"
        size = "" if many else f" with {kept} bytes"
        beside = f" of {len(parts)} parts" if len(parts) > 1 else ""
        text = (
            f"collection/start: {len(waiting)} runs{size} are announced already and "
            f"wait for their series: {shown(uid)}{beside} is refused; announce a run "
            f"when it begins, end those that will not come (collection/end), or {more}"
        )
        return BadMessage("mqtt", "too_many", text, announcement.received_ns)

    def seal(self, run: Run) -> None:
        """A run goes on no longer."""
        self.active.remove(run)
        self.sealed.append(run)
        self._forget_old()

    def _forget_old(self) -> None:
        """Forget the oldest sealed runs where they are too many together."""
        left = KEPT_ROWS
        seen: set[str] = set()
        for place, run in enumerate(reversed(self.sealed)):
            left -= run.images.size + run.events.size
            seen.add(run.uid if run.part is None else run.part.of)
            if place and (left < 0 or len(seen) > KEPT_SEALED):
                for _ in range(len(self.sealed) - place):
                    self.sealed.popleft()
                self._parts = None
                return

    def reopen(self, run: Run) -> None:
        """A sealed run goes on again."""
        self.sealed.remove(run)
        self.active.append(run)


def _a_parts_uid(announcement: Announcement, of: str) -> BadMessage:
    text = (
        f"collection/start: uid {shown(announcement.uid)} is that of a part of "
        f"{shown(of)}, which is several collections: it is refused; announce it by "
        "another uid"
    )
    return BadMessage("mqtt", "uid_of_a_part", text, announcement.received_ns)
