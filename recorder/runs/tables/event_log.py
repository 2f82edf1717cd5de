"""The timed events of one run as columns; their texts are in the journal."""

from __future__ import annotations

import copy
from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recorder.records import EventType, Evidence, TimedEvent
from recorder.records.positions import positions_of
from recorder.runs.tables.columns import Columns
from recorder.runs.tables.event_arrays import (
    CAPTURED,
    GRADES,
    LASER,
    TYPES,
    XRAY,
    EventArrays,
)
from recorder.runs.tables.event_order import best_rows, numbered
from recorder.runs.tables.position_table import PositionTable
from recorder.runs.tables.seen_uids import SeenUids, uid_code
from recorder.ssx.clocks.unknown import NO_TIME
from recorder.ssx.measured.chains import Pulses
from recorder.ssx.triggers.captured import NO_NUMBER, CapturedTriggers

LATE_TRIGGERS = 30_000
"""A number that falls further back is no late row: the counter began anew."""
_COLUMNS = {
    "type": (np.uint8, 0),
    "grade": (np.uint8, 0),
    "trigger": (np.int64, NO_NUMBER),
    "time_ns": (np.int64, NO_TIME),
    "duration_s": (np.float32, np.nan),
    "clock": (np.uint16, 0),
    "name": (np.uint16, 0),
    "off": (np.bool_, False),
    "uid": (np.int64, 0),
}


class EventLog:
    """What the timing system said, deduplicated by uid; about 45 bytes an event."""

    def __init__(self) -> None:
        self._seen = SeenUids()
        self._columns = Columns(_COLUMNS)
        self._positions = PositionTable()
        self._texts: list[str] = [""]
        self._codes: dict[str, int] = {"": 0}
        self._rows: tuple[int, CapturedTriggers] | None = None
        self._numbers: tuple[int, NDArray[np.int64]] | None = None
        """Trigger numbers made ascending, and of how many events."""
        self.ordered = True
        """Numbers of X-ray rows came ascending, but for a few that were late."""
        self.first_number: int | None = None
        """Lowest trigger number of an X-ray row."""
        self._highest = 0
        self.counts: Counter[str] = Counter()

    @property
    def size(self) -> int:
        """Events in the log."""
        return self._columns.size

    def add(self, event: TimedEvent) -> bool:
        """Add an event; False if its uid is known already."""
        code = uid_code(event.uid)
        if not self._seen.add_code(code):
            return False
        self.counts[event.type] += 1
        if event.type is EventType.XRAY_DETECTION and event.trigger is not None:
            self._follow(event.trigger)
        grade = GRADES.index(event.evidence) if event.evidence in GRADES else 0
        if event.type is EventType.XRAY_DETECTION and grade >= CAPTURED and event.body:
            self._positions.add(self.size, positions_of(event.body))
        duration = event.duration_s
        self._columns.append(
            type=TYPES.index(event.type),
            grade=grade,
            trigger=NO_NUMBER if event.trigger is None else event.trigger,
            time_ns=NO_TIME if event.body.get("untimed") else event.time_ns,
            duration_s=np.nan if duration is None else duration,
            clock=self._code(event.clock),
            name=self._code(event.name),
            # A sensor that reports nothing says that there was no pulse.
            off=event.value is not None
            and event.value <= 0
            and event.evidence is Evidence.MEASURED,
            uid=code,
        )
        return True

    def copy(self) -> EventLog:
        """The log as it is now, sharing its events; nothing may be added to it."""
        made = copy.copy(self)
        made._columns = self._columns.snapshot()  # noqa: SLF001
        made._positions = self._positions.copy()  # noqa: SLF001
        made._texts, made._codes = list(self._texts), dict(self._codes)  # noqa: SLF001
        made.counts = Counter(self.counts)
        return made

    def arrays(self) -> EventArrays:
        """All events, to be kept."""
        columns = {name: self.column(name) for name in _COLUMNS}
        texts = np.array(self._texts, np.str_)
        return EventArrays(**columns, texts=texts, **self._positions.arrays())

    def extend(self, more: EventArrays) -> None:
        """Add events as :meth:`add` does, many at once."""
        new = np.flatnonzero(self._seen.add_codes(more.uid))
        for number, count in enumerate(np.bincount(more.type[new]).tolist()):
            if count:
                self.counts[TYPES[number]] += count
        numbered = (more.type[new] == XRAY) & (more.trigger[new] != NO_NUMBER)
        self._follow_all(more.trigger[new][numbered])
        codes = np.array([self._code(str(text)) for text in more.texts], np.uint16)
        columns = {
            name: value[new]
            for name, value in more.as_dict().items()
            if name in _COLUMNS
        }
        for name in ("clock", "name"):
            columns[name] = codes[columns[name]]
        place = np.full(more.uid.size, -1, np.int64)
        place[new] = self.size + np.arange(new.size)
        place[more.grade < CAPTURED] = -1
        self._positions.extend(
            more.place_axis, place[more.place_event], more.place_value
        )
        if new.size:
            self._columns.append(**columns)

    def _follow_all(self, numbers: NDArray[np.int64]) -> None:
        """The same as :meth:`_follow` for each number."""
        if not numbers.size:
            return
        if self.first_number is None:
            self.first_number = int(numbers[0])
        before = np.maximum.accumulate(np.concatenate(([self._highest], numbers)))
        fell = numbers < before[:-1] - LATE_TRIGGERS
        if bool((fell | (numbers < self.first_number)).any()):
            self.ordered = False
        self._highest = int(before[-1])

    def _follow(self, number: int) -> None:
        """Note how the hardware's counter goes on."""
        if self.first_number is None:
            self.first_number = number
        if number < self._highest - LATE_TRIGGERS or number < self.first_number:
            self.ordered = False
        self._highest = max(self._highest, number)

    @property
    def highest_number(self) -> int:
        """Highest trigger number of an X-ray row."""
        return self._highest

    @property
    def last_clock(self) -> str:
        """Clock of the last event; empty without any."""
        size = self._columns.size
        return self._texts[int(self._columns["clock"][size - 1])] if size else ""

    def _code(self, text: str | None) -> int:
        """Number of a clock's or an event's name; beyond 65535 they share one."""
        known = self._codes.get(text or "")
        if known is None:
            known = min(len(self._texts), 65535)
            self._codes[text or ""] = known
            self._texts.append(text or "")
        return known

    def column(self, name: str) -> NDArray[Any]:
        """A column in order of arrival; read only."""
        return self._columns.view(name)

    @property
    def triggers(self) -> int | None:
        """Triggers that the timing hardware captured; None if it captured none."""
        numbers = self.rows().xray
        return int(numbers[-1] - numbers[0]) + 1 if numbers.size else None

    @property
    def positioned(self) -> tuple[str, ...]:
        """Axes whose position the timing hardware captured."""
        return self._positions.axes

    def positions(self, axis: str) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Captured positions of an axis, by ascending trigger number; both (n,).

        Args:
            axis: One of :data:`~recorder.records.positions.POSITIONS`.

        Returns:
            Trigger numbers as :meth:`rows` has them, each once; degrees or mm.
        """
        events, values = self._positions.at(axis)
        if self._numbers is None or self._numbers[0] != self.size:
            self._numbers = (self.size, numbered(self._columns, 0).number)
        numbers = self._numbers[1][events]
        known = numbers != NO_NUMBER
        numbers, first = np.unique(numbers[known], return_index=True)
        return numbers, values[known][first]

    def rows(self) -> CapturedTriggers:
        """Captured and measured events as arrays in ascending order."""
        if self._rows is None or self._rows[0] != self.size:
            self._rows = (self.size, self._make_rows(0))
        return self._rows[1]

    def rows_since(self, number: int, mark: int) -> tuple[int, CapturedTriggers]:
        """The rows from a trigger on, without a look at all that came before.

        Args:
            number: The trigger's number.
            mark: Event before which none is looked at.

        Returns:
            The mark for the same or a higher number, and the rows.
        """
        trigger = self._columns.view("trigger", mark)
        reached = np.flatnonzero(trigger >= number)
        mark += int(reached[0]) if reached.size else max(0, trigger.size - 1)
        return mark, self._make_rows(mark).since(number)

    def _make_rows(self, since: int) -> CapturedTriggers:
        view, found = self._columns.view, numbered(self._columns, since)
        grade, kind, time_ns = (
            view(name, since) for name in ("grade", "type", "time_ns")
        )
        trigger, off = view("trigger", since), view("off", since)
        dark = (grade >= CAPTURED) & (kind == LASER) & off & (trigger != NO_NUMBER)
        numbers, names = found.number, view("name", since)
        xray = best_rows(numbers, grade, np.zeros_like(names), found.xray)
        laser = best_rows(numbers, grade, names, found.laser)
        clock = view("clock", since)
        return CapturedTriggers(
            laser=numbers[laser],
            laser_ns=time_ns[laser],
            laser_measured=grade[laser] > CAPTURED,
            xray=numbers[xray],
            xray_ns=time_ns[xray],
            same_clock=found.same_clock,
            clock=self._texts[int(clock[xray[0]])] if xray.size else "",
            laser_off=np.sort(numbers[dark]),
            restarts=found.restarts,
            wraps=found.wraps,
        )

    def pulses(self) -> list[Pulses]:
        """The events by type and name, best grade only, in order of time."""
        kind, name = self.column("type"), self.column("name")
        grade, off = self.column("grade"), self.column("off")
        found = []
        keys = kind.astype(np.int64) * 65536 + name
        for key in np.unique(keys[~off]) if self.size else ():
            mine = np.flatnonzero((keys == key) & ~off)
            mine = mine[grade[mine] == grade[mine].max()]
            times = self.column("time_ns")[mine]
            mine = mine[np.argsort(times, kind="stable")]
            mine = mine[self.column("time_ns")[mine] != NO_TIME]
            if not mine.size:
                continue
            given = self.column("duration_s")[mine]
            given = given[np.isfinite(given)]
            clocks = np.unique(self.column("clock")[mine])
            found.append(
                Pulses(
                    type=TYPES[int(key) // 65536],
                    name=self._texts[int(key) % 65536],
                    clock=self._texts[int(clocks[0])] if clocks.size == 1 else "",
                    time_ns=self.column("time_ns")[mine],
                    duration_s=float(np.median(given)) if given.size else None,
                )
            )
        return found
