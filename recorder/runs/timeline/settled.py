"""What is settled of the labels of a run that goes on.

Images are settled in blocks, once the captured triggers for them are there. Each block
looks only at a window of triggers, so that an image costs the same early and late in a
run. When the run ends, all images are labelled once more, with the events that came
late.
"""

from __future__ import annotations

import copy

import numpy as np

from recorder.records import Start
from recorder.runs.tables.columns import Columns
from recorder.runs.timeline.followed import Followed
from recorder.runs.timeline.part import (
    COLUMNS,
    NOTHING_AHEAD,
    Ahead,
    labelled,
    missed_before,
    placed,
)
from recorder.runs.timeline.scout import Scout
from recorder.ssx.arrays import Int64Array
from recorder.ssx.chains.pattern import Pattern, pattern
from recorder.ssx.clocks.unknown import NO_DARK_N, NO_TIME
from recorder.ssx.labels.timeline import UNKNOWN, Labels, Timeline
from recorder.ssx.matching.assignment import BLOCK, Assigner, Assignment
from recorder.ssx.matching.matcher import Matcher
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
AHEAD = 2 * BLOCK
"""Images behind the settled ones that are looked at: a block and what may be late."""


class Settled:
    """What is settled against the triggers of one kind: captured, or declared."""

    def __init__(self) -> None:
        self._labels = Columns(COLUMNS)
        self._assigner = Assigner()
        self._scout = Scout()
        self._fed = 0
        self._waiting: Int64Array = np.empty(0, np.int64)
        """Images that the matcher keeps back: fed, but not labelled."""
        self._mark = 0
        """Event from which on windows look for rows."""
        self._pattern: Pattern | None = None
        self._pattern_size = 0
        self._kinds: dict[str, int] = {}
        self._conflict = ""
        """How the first images contradict the declared chains, for people."""

    def settle(self, run: Followed, captured: bool, most: int | None = None) -> None:
        """Match and label the blocks that are complete, at most so many."""
        while self._ready(run, captured) and most != 0:
            self._settle(run, captured)
            most = None if most is None else most - 1

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
        window, size = self._window(first, end)
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
        self._waiting = np.concatenate((self._waiting, ids))
        if self._assigner.matcher is not None:
            self._label(self._assigner.matcher, table, window)

    def _window(self, first: int, end: int) -> tuple[int, int]:
        """First trigger that is looked at for images, and how many."""
        reached = self._assigner.matcher.reached if self._assigner.matcher else -1
        window = max(0, (reached if reached >= 0 else first) - MARGIN)
        return window, 2 * MARGIN + end - first + SPARE + end // 16

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

    def _label(self, matcher: Matcher, table: TriggerTable, window: int) -> None:
        part = labelled(matcher, self._waiting, table, window, self._conflict)
        if not part.ids.size:
            return
        self._waiting = self._waiting[part.ids.size :]
        for kind, count in part.contradictions.items():
            self._kinds[kind] = self._kinds.get(kind, 0) + count
        size = int(part.ids[-1]) + 1
        self._labels.reserve(size)
        for name, values in part.columns.items():
            self._labels[name][part.ids] = values
        self._labels.size = size

    @property
    def labels(self) -> Columns:
        """Labels by ``image_id`` of the images before ``size``; read only."""
        return self._labels

    @property
    def missed(self) -> int | None:
        """Triggers without an image before the last labelled one; None: unknown."""
        size, matcher = self._labels.size, self._assigner.matcher
        if matcher is None or not size:
            return None
        begin = max(0, size - BLOCK)
        latest = {n: self._labels[n][begin:size] for n in ("known", "sure", "ordinal")}
        return missed_before(
            np.arange(begin, size), placed(matcher, latest), latest["ordinal"]
        )

    @property
    def rate(self) -> float | None:
        """Relative rate of the triggers' clock; None before the way is known."""
        matcher = self._assigner.matcher
        return matcher.rate if matcher is not None and matcher.clock else None

    def copy(self) -> Settled:
        """As it is now: to be looked at in another thread."""
        made = copy.copy(self)
        made._labels = self._labels.copy()  # noqa: SLF001
        made._assigner = copy.deepcopy(self._assigner)  # noqa: SLF001
        made._kinds = dict(self._kinds)  # noqa: SLF001
        return made

    def ahead(self, run: Followed, captured: bool) -> Ahead:
        """Labels of the images behind the settled ones, as of now.

        Nothing is kept of it: the same images are settled with their block.
        """
        settled = self._assigner.matcher
        # one that was fed, but waits for more images, knows no way either
        before = settled if settled is not None and settled.certain else None
        scouting = before is None and not self._labels.size
        first = 0 if scouting else self._fed
        end = min(run.images.size, self._fed + AHEAD)
        outcome = run.images.column("outcome")[first:end]
        ids = np.flatnonzero(outcome).astype(np.int64) + first
        start_ns = run.images.column("start_time_ns")[ids]
        window, size = self._window(first, end)
        table = self._describe(run, captured, window, size)
        conflict = self._conflict
        if not captured and first == 0:
            timed = start_ns != NO_TIME
            conflict, _ = rate_conflict(ids[timed], start_ns[timed], self._pattern)
        if scouting:
            self._scout.look(ids, start_ns, table, captured)
        known = self._scout.assigner if scouting else self._assigner
        if known is None or known.matcher is None or not known.matcher.locked:
            return NOTHING_AHEAD
        fed = self._scout.fed if scouting else self._waiting
        assigner = copy.deepcopy(known)
        breaks = len(before.breaks) if before else 0
        new_ones = ids > (int(fed[-1]) if scouting else -1)
        ids, start_ns = ids[new_ones], start_ns[new_ones]
        times = (table.time_ns, table.usable, table.real)
        if ids.size:
            assigner.feed(ids, start_ns, *times, last=True, first=window, seek=False)
        every = np.concatenate((fed, ids))
        if assigner.matcher is None:
            return NOTHING_AHEAD
        part = labelled(assigner.matcher, every, table, window, conflict)
        certain = np.ones(part.ids.size, np.bool_)
        if scouting and captured:
            # Rows may yet tell which trigger came first: nothing is assumed here.
            certain &= part.columns["sure"]
        if new := assigner.matcher.breaks[breaks:]:
            certain &= part.ids < new[0].image_id
        told = certain & (part.columns["pump"] != UNKNOWN)
        certain &= placed(assigner.matcher, part.columns)
        return Ahead(part.ids, told, certain, part.columns)

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
            for name in COLUMNS
            if name not in ("known", "sure", "declared")
        }
        matcher = self._assigner.matcher
        certain = matcher.certain if matcher else []
        assignment = Assignment(
            ordinal=columns["ordinal"],
            residual_ns=columns["residual_ns"],
            sure=self._labels["sure"][ids],
            known=self._labels["known"][ids],
            start=self._start(certain),
            by_time=True,
            missed=self.missed or 0,
            tail=0,
            breaks=tuple(matcher.breaks) if matcher else (),
            clock=matcher.clock if matcher else None,
            rate=matcher.rate if matcher else 0.0,
            conflict=self._conflict,
        )
        return Timeline(
            Labels(**columns),
            assignment,
            self._whole(run),
            self._pattern,
            dict(self._kinds),
        )

    def _whole(self, run: Followed) -> TriggerTable:
        """All triggers so far: chains are measured over the whole run."""
        captured = run.events.first_number is not None
        size = run.images.size + SPARE
        if captured:
            size = run.events.highest_number - (run.events.first_number or 0) + 1
        mark, self._mark = self._mark, 0
        found = self._describe(run, captured, 0, size)
        self._mark = mark
        return found
