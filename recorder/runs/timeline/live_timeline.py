"""The timeline of a run that goes on; settled images are not labelled again.

Images are settled in blocks, once the captured triggers for them are there. Each block
looks only at a window of triggers, so that an image costs the same early and late in a
run. When the run ends, all images are labelled once more, with the events that came
late.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from recorder.records import Chain, Start
from recorder.runs.tables.columns import Columns
from recorder.runs.tables.event_log import EventLog
from recorder.runs.tables.image_table import ImageTable
from recorder.ssx.chains.pattern import Pattern, pattern
from recorder.ssx.clocks.unknown import NO_DARK_N, NO_DELAY, NO_ORDINAL, NO_TIME
from recorder.ssx.labels.timeline import Labels, Timeline, assemble
from recorder.ssx.matching.assignment import BLOCK, Assigner, Assignment
from recorder.ssx.matching.rate_conflict import rate_conflict
from recorder.ssx.triggers.laser_labels import Before, light
from recorder.ssx.triggers.trigger_table import (
    TriggerTable,
    captured_table,
    declared_table,
)

REORDER = 256
"""Images by which one may be late and still be settled with its block."""
MARGIN = 4096
"""Triggers before and after a block that are looked at."""
WAIT = 65_536
"""Images that wait for the rows of their triggers, at most."""
SPARE = 512
"""Triggers beyond the block that must be there while its way is sought: as many as the
matcher looks for (`matcher._SPARE`), which may have been missed."""
_COLUMNS = {
    "pump": (np.uint8, 0),
    "evidence": (np.uint8, 0),
    "known": (np.bool_, False),
    "sure": (np.bool_, False),
    "dark_n": (np.int64, NO_DARK_N),
    "delay_ns": (np.int64, NO_DELAY),
    "chain": (np.int64, -1),
    "slot": (np.int64, -1),
    "cycle": (np.int64, -1),
    "ordinal": (np.int64, NO_ORDINAL),
    "residual_ns": (np.int64, NO_TIME),
}


class Followed(Protocol):
    """What is followed: a run that goes on."""

    @property
    def images(self) -> ImageTable:
        """The images that came."""

    @property
    def events(self) -> EventLog:
        """The events that came."""

    @property
    def chains(self) -> tuple[Chain, ...]:
        """The declared event chains."""

    @property
    def announced(self) -> bool:
        """Whether it was announced: then it is dark where no laser is declared."""


class LiveTimeline:
    """Labels of one run, by ``image_id``, as far as they are settled."""

    def __init__(self) -> None:
        self._captured: bool | None = None
        self._settled = _Settled()

    @staticmethod
    def serves(run: Followed) -> bool:
        """Whether this run can be followed by windows: its triggers have times."""
        if run.events.first_number is not None:
            return run.events.ordered
        declared = pattern(run.chains, 1)
        return declared is not None and not declared.periodic

    def update(self, run: Followed) -> Timeline:
        """Settle what can be settled; labels of all images, the rest unknown yet."""
        self.settle(run)
        return self._settled.timeline(run)

    def settle(self, run: Followed) -> None:
        """Match and label the blocks of images that are complete."""
        captured = run.events.first_number is not None
        if captured is not self._captured:  # other triggers: all begins anew
            self._captured, self._settled = captured, _Settled()
        self._settled.settle(run, captured)


class _Settled:
    """What is settled against the triggers of one kind: captured, or declared."""

    def __init__(self) -> None:
        self._labels = Columns(_COLUMNS)
        self._assigner = Assigner()
        self._fed = 0
        self._mark = 0
        """Event from which on windows look for rows."""
        self._pattern: Pattern | None = None
        self._pattern_size = 0
        self._table: TriggerTable | None = None
        self._kinds: dict[str, int] = {}
        self._conflict = ""
        """How the first images contradict the declared chains, for people."""

    def settle(self, run: Followed, captured: bool) -> None:
        """Match and label the blocks that are complete."""
        while self._ready(run, captured):
            self._settle(run, captured)

    def _ready(self, run: Followed, captured: bool) -> bool:
        end = self._fed + BLOCK
        if end > run.images.size - REORDER:
            return False
        if not captured or run.images.size - end > WAIT:
            return True
        matcher = self._assigner.matcher
        ahead = end if matcher is None else matcher.reached + end - self._fed
        ahead += MARGIN // 16 if matcher and matcher.locked else SPARE + end // 32
        return run.events.highest_number - (run.events.first_number or 0) >= ahead

    def _settle(self, run: Followed, captured: bool) -> None:
        """Match and label one block."""
        first, end = self._fed, self._fed + BLOCK
        outcome = run.images.column("outcome")[first:end]
        ids = np.flatnonzero(outcome).astype(np.int64) + first
        start_ns = run.images.column("start_time_ns")[ids]
        reached = self._assigner.matcher.reached if self._assigner.matcher else -1
        window = max(0, (reached if reached >= 0 else first) - MARGIN)
        size = 2 * MARGIN + BLOCK + SPARE + end // 16
        table = self._describe(run, captured, window, size)
        self._assigner.feed(
            ids,
            start_ns,
            table.time_ns,
            table.usable,
            table.real,
            last=False,
            first=window,
        )
        self._fed = end
        if not captured and first == 0:
            timed = start_ns != NO_TIME
            conflict, enough = rate_conflict(ids[timed], start_ns[timed], self._pattern)
            self._conflict = conflict if enough else ""
        if self._assigner.matcher is not None:
            self._label(run, table, window)
        self._table = table

    def _describe(
        self, run: Followed, captured: bool, window: int, size: int
    ) -> TriggerTable:
        wanted = window + size
        if self._pattern_size < wanted:
            self._pattern_size = max(2 * wanted, 1 << 16)
            self._pattern = pattern(run.chains, self._pattern_size)
        declared = self._pattern.part(window, size) if self._pattern else None
        dark = run.announced and not (declared is not None and declared.has_laser)
        dark &= not run.events.counts["LaserExcitation"]
        base = declared_table(declared, size, None, dark=dark)
        if not captured:
            return base
        number = (run.events.first_number or 0) + window
        self._mark, rows = run.events.rows_since(number, self._mark)
        table, present = captured_table(rows, base, number)
        if run.events.counts["LaserExcitation"]:
            span = int(rows.xray[-1] - rows.xray[0]) + 1 if rows.xray.size else 0
            lost = span - rows.xray.size
            return light(table, rows, present, self._before(window), lost)
        return table

    def _before(self, window: int) -> Before:
        """What earlier images say of the triggers before a window."""
        labels, size = self._labels, self._labels.size
        near = labels["ordinal"][max(0, size - 2 * MARGIN) : size]
        at = np.flatnonzero((near >= 0) & (near <= window))
        if not at.size:
            return Before(window)
        place = max(0, size - 2 * MARGIN) + int(at[-1])
        dark_n, ordinal = int(labels["dark_n"][place]), int(labels["ordinal"][place])
        if dark_n == NO_DARK_N or not labels["known"][place]:
            return Before(window)
        return Before(window, dark_n + window - ordinal)

    def _label(self, run: Followed, table: TriggerTable, window: int) -> None:
        matcher = self._assigner.matcher
        if matcher is None:
            return
        ordinal, residual, segment = matcher.take()
        first = self._labels.size
        outcome = run.images.column("outcome")[first : self._fed]
        ids = (np.flatnonzero(outcome).astype(np.int64) + first)[: ordinal.size]
        if not ids.size:
            return
        found = ordinal != NO_ORDINAL
        sure = np.array([*matcher.certain, False])[segment] & found
        part = assemble(
            Assignment(
                ordinal=np.where(found, ordinal - window, NO_ORDINAL),
                residual_ns=residual,
                sure=sure,
                known=(sure | (found & (segment == 0))) & (not self._conflict),
                start=Start.ASSUMED,
                by_time=True,
                missed=0,
                tail=0,
            ),
            table,
            None,
        )
        for kind, count in part.contradictions.items():
            self._kinds[kind] = self._kinds.get(kind, 0) + count
        size = int(ids[-1]) + 1
        self._labels.reserve(size)
        for name in (
            "pump",
            "evidence",
            "dark_n",
            "delay_ns",
            "chain",
            "slot",
            "cycle",
        ):
            self._labels[name][ids] = getattr(part.labels, name)
        self._labels["ordinal"][ids] = ordinal
        self._labels["residual_ns"][ids] = residual
        self._labels["known"][ids] = found & (not self._conflict)
        self._labels["sure"][ids] = sure
        self._labels.size = size

    def _start(self, certain: list[bool]) -> Start:
        if self._conflict:
            return Start.UNCERTAIN
        return Start.PROVEN if certain and certain[0] else Start.ASSUMED

    def timeline(self, run: Followed) -> Timeline:
        """All images: those that are not settled yet are unknown."""
        ids = run.images.ids
        self._labels.reserve(run.images.size)
        columns = {
            name: self._labels[name][ids]
            for name in _COLUMNS
            if name not in ("known", "sure")
        }
        matcher = self._assigner.matcher
        certain = matcher.certain if matcher else []
        last = self._labels.size - 1
        reached = int(self._labels["ordinal"][last]) if last >= 0 else NO_ORDINAL
        assignment = Assignment(
            ordinal=columns["ordinal"],
            residual_ns=columns["residual_ns"],
            sure=self._labels["sure"][ids],
            known=self._labels["known"][ids],
            start=self._start(certain),
            by_time=True,
            missed=max(0, reached - last) if reached != NO_ORDINAL else 0,
            tail=0,
            breaks=tuple(matcher.breaks) if matcher else (),
            clock=matcher.clock if matcher else None,
            rate=matcher.rate if matcher else 0.0,
            conflict=self._conflict,
        )
        table = self._table or self._describe(run, False, 0, 1)
        return Timeline(Labels(**columns), assignment, table, None, dict(self._kinds))
