"""Images by pump state, as far as their labels are told.

What is settled is counted once. What is told ahead of that is worked out anew at each
look, half a second later at most.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recorder.live.delay_counts import Clusters, DelayCounts, Measured
from recorder.live.traits import NAMES, TABLE, Counts, Traits, no_counts
from recorder.records import EventType
from recorder.records.live_delays import DelayHistogram
from recorder.runs.run import Run
from recorder.runs.timeline.live_timeline import LiveTimeline
from recorder.runs.timeline.of_run import LONG_RUN, timeline_of
from recorder.ssx.arrays import Int64Array
from recorder.ssx.clocks.unknown import NO_ORDINAL
from recorder.ssx.labels.timeline import DARK, LIGHT, PUMPS, UNKNOWN
from recorder.ssx.triggers.trigger_table import CAPTURED

MOST_DARK = 32
"""Dark n that are told apart. Chosen, not tuned: chains have two or three."""
BLOCKS = 8
"""Blocks that are settled at one look, at most: a run of a million images takes a
minute after a restart, if a block costs little."""
SETTLE_S = 0.015
"""CPU seconds of a look after which no further block is settled: one costs 4 to 30 ms,
by the number of events, and the event loop waits for it."""
WHOLE_SHARE = 50
"""Time between two looks at a run as a whole over the time that one takes, at least."""
Columns = Mapping[str, NDArray[Any]]
_NAMES = (
    "pump",
    "dark_n",
    "chain",
    "slot",
    "delay_ns",
    "evidence",
    "declared",
    "ordinal",
)


class Sums:
    """Counts of labelled images.

    Args:
        clusters: Which delays are one.
    """

    def __init__(self, clusters: Clusters) -> None:
        self.pump: Counts = np.zeros((len(PUMPS), len(NAMES)), np.int64)
        self.dark_n: Counts = np.zeros((MOST_DARK + 1, len(NAMES)), np.int64)
        self.delays = DelayCounts(clusters)
        self.due = self.misfires = 0

    def add(self, labels: Columns, by: Counts) -> None:
        """Count images for their labels.

        Args:
            labels: Columns of shape (n,).
            by: What each counts for, shape (n, 7).
        """
        pump = labels["pump"]
        np.add.at(self.pump, pump, by)
        dark_n = labels["dark_n"]
        dark = (pump == DARK) & (dark_n >= 0) & (dark_n <= MOST_DARK)
        np.add.at(self.dark_n, dark_n[dark], by[dark])
        lit = pump == LIGHT
        self.delays.add(
            labels["chain"][lit], labels["slot"][lit], labels["delay_ns"][lit], by[lit]
        )

    def add_pulses(self, labels: Columns) -> None:
        """Count the pulses that were due for images, and those that did not come."""
        due = (labels["declared"] == LIGHT) & (labels["evidence"] >= CAPTURED)
        self.due += int(due.sum())
        self.misfires += int((due & (labels["pump"] == DARK)).sum())


class PumpCounts:
    """The counts of one run by pump state."""

    def __init__(self) -> None:
        self.timeline = LiveTimeline()
        self.measured = Measured()
        self.histogram = DelayHistogram()
        """Of measured delays, as of the last look."""
        self.declared = False
        self._clusters = Clusters()
        self._begin()
        self._next_whole = 0.0

    def _begin(self) -> None:
        self._begun = self.timeline.begun
        self.settled, self.ahead = Sums(self._clusters), Sums(self._clusters)
        self._counted = 0
        """Images before this one are in ``settled``."""
        self.settled_to: int | None = None
        """All images before this one have their label."""
        self.missed: int | None = None
        """Triggers without an image so far; None: nobody can tell."""
        self._told: tuple[Int64Array, Columns] | None = None
        """Images behind the settled ones whose labels are told, and those."""

    def changed(self, ids: Int64Array, by: Counts) -> None:
        """Images count for more or less than before.

        Args:
            ids: Which, shape (n,); one may be in it several times.
            by: By how much, shape (n, 7).
        """
        mine = ids < self._counted
        if mine.any():
            self.settled.add(self._labels_of(ids[mine]), by[mine])

    def look(self, run: Run, traits: Traits, total: Counts) -> None:
        """Label what can be labelled, and count it.

        Args:
            run: The run.
            traits: What each image counts for, by image_id.
            total: The sum of that, shape (7,).
        """
        before, self.declared = self.declared, _has_laser(run)
        if not self.declared:
            self._alike(run, total)
        elif self.timeline.serves(run):
            if not before:  # labels that were settled without it do not hold
                self.timeline = LiveTimeline()
                self._begin()
            self._follow(run, traits)
        elif run.images.received <= LONG_RUN:
            self._whole(run, traits)
        else:
            self.missed = None

    def delay_s(self, cluster: int) -> float | None:
        """The delay of a cluster (s)."""
        return self._clusters.median_s(cluster)

    def _alike(self, run: Run, total: Counts) -> None:
        """No laser is declared and none was seen: all images have one label."""
        self._begin()
        self.ahead.pump[DARK if run.announced else UNKNOWN] = total
        self.settled_to = run.images.size
        if self.timeline.serves(run):
            self._settle(run)
            self.missed = self.timeline.missed(self.timeline.ahead(run))

    def _settle(self, run: Run) -> None:
        """Settle some blocks: all that are complete, unless they cost too much."""
        begun = time.thread_time()
        for _ in range(BLOCKS):
            before = self.timeline.labels.size
            self.timeline.settle(run, 1)
            done = self.timeline.labels.size == before
            if done or time.thread_time() - begun > SETTLE_S:
                return

    def _follow(self, run: Run, traits: Traits) -> None:
        self._settle(run)
        if self.timeline.begun != self._begun or self.settled_to is None:
            self._begin()
        first, end = self._counted, min(self.timeline.labels.size, traits.size)
        if end > first:
            new = np.arange(first, end)[traits[first:end] > 0]
            labels = self._labels_of(new)
            self._counted = end
            self.settled.add(labels, TABLE[traits[new]])
            self.settled.add_pulses(labels)
            self.measured.add(*_measured(labels))
        self.ahead = Sums(self._clusters)
        found = self.timeline.ahead(run)
        self.missed = self.timeline.missed(found)
        told = found.told & (found.ids < traits.size)
        ids = found.ids[told]
        labels = {name: column[told] for name, column in found.columns.items()}
        self.ahead.add(labels, TABLE[traits[ids]])
        self.ahead.add_pulses(labels)
        self._told = ids, labels
        self.measured.set_ahead(*_measured(labels))
        missing = found.ids[~told]
        behind = max(end, int(found.ids[-1]) + 1) if found.ids.size else end
        self.settled_to = int(missing[0]) if missing.size else behind
        self.histogram = self.measured.histogram()

    def _whole(self, run: Run, traits: Traits) -> None:
        """A run that cannot be followed: all of it anew, but seldom."""
        now = time.monotonic()
        if now < self._next_whole:
            return
        timeline = timeline_of(run)
        labels, assignment = timeline.labels, timeline.assignment
        ids = run.images.ids
        self._begin()
        self.missed = assignment.missed if assignment.by_time else None
        names = ("pump", "dark_n", "chain", "slot", "delay_ns")
        kept = ids < traits.size
        columns = {name: getattr(labels, name)[kept] for name in names}
        self.ahead.add(columns, TABLE[traits[ids[kept]]])
        self.settled_to = run.images.size
        took = time.monotonic() - now
        self._next_whole = now + WHOLE_SHARE * took

    def _labels_of(self, ids: Int64Array) -> Columns:
        labels = self.timeline.labels
        return {name: labels[name][ids] for name in _NAMES}

    @property
    def follows(self) -> bool:
        """Labels of single images are told while the run goes on."""
        return self._told is not None

    def told_from(self, first: int) -> tuple[Int64Array, Columns]:
        """Images from one on that have their label, up to the first that has none.

        Args:
            first: Lowest image_id.

        Returns:
            image_ids, ascending, shape (n,), and their labels as columns.
        """
        end = self.settled_to or 0
        begin = min(first, self._counted)
        every = np.arange(begin, self._counted)
        mine = every[self.timeline.labels["ordinal"][every] != NO_ORDINAL]
        mine = mine[mine >= first]
        labels = self._labels_of(mine)
        if self._told is None:
            return mine, labels
        ids, columns = self._told
        kept = (ids >= max(first, self._counted)) & (ids < end)
        return (
            np.concatenate((mine, ids[kept])),
            {n: np.concatenate((labels[n], columns[n][kept])) for n in labels},
        )

    def of(self, pump: int) -> Counts:
        """Counts of one pump state, shape (7,)."""
        found: Counts = self.settled.pump[pump] + self.ahead.pump[pump]
        return found

    def delays(self) -> dict[tuple[int, int, int], Counts]:
        """Counts of light images by chain, slot and cluster of delays."""
        found: dict[tuple[int, int, int], Counts] = {}
        for sums in (self.settled, self.ahead):
            for key, counts in sums.delays.counts.items():
                found[key] = found.get(key, no_counts()) + counts
        return found


def _has_laser(run: Run) -> bool:
    """A laser is declared, or its pulses were seen."""
    laser = EventType.LASER_EXCITATION
    if run.events.counts[laser]:
        return True
    return any(event.type is laser for chain in run.chains for event in chain.events)


def _measured(labels: Columns) -> tuple[Int64Array, Int64Array]:
    """Which event each measured delay is of, and the delay (ns)."""
    seen = (labels["pump"] == LIGHT) & (labels["evidence"] >= CAPTURED)
    event: Int64Array = labels["chain"][seen] * (1 << 16) + labels["slot"][seen]
    return event, labels["delay_ns"][seen]
