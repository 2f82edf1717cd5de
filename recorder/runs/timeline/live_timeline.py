"""The timeline of a run that goes on; settled images are not labelled again.

Images are settled in blocks (:mod:`recorder.runs.timeline.settled`): so they cost
least. What is certain of those behind the last block is told at once, and worked out
anew each time until their block is settled.
"""

from __future__ import annotations

import copy

import numpy as np

from recorder.records import Chain
from recorder.runs.tables.columns import Columns
from recorder.runs.timeline.followed import Followed
from recorder.runs.timeline.part import NOTHING_AHEAD, Ahead, missed_before
from recorder.runs.timeline.settled import REORDER as REORDER
from recorder.runs.timeline.settled import Settled
from recorder.ssx.chains.pattern import pattern
from recorder.ssx.labels.timeline import Timeline


class LiveTimeline:
    """Labels of one run, by ``image_id``, as far as they are settled."""

    def __init__(self) -> None:
        self._captured: bool | None = None
        self._settled = Settled()
        self._chains: tuple[Chain, ...] = ()
        self._row = -1
        """Highest trigger with a row at the last look."""
        self.begun = 0
        """How often all began anew."""

    @staticmethod
    def serves(run: Followed) -> bool:
        """Whether this run can be followed by windows: its triggers have times."""
        if run.events.first_number is not None:
            return run.events.ordered
        declared = pattern(run.chains, 1)
        return declared is not None and not declared.periodic

    @property
    def labels(self) -> Columns:
        """The settled labels by ``image_id``; see ``part.COLUMNS``; read only."""
        return self._settled.labels

    def missed(self, ahead: Ahead) -> int | None:
        """Triggers without an image before the last one whose trigger is certain.

        Args:
            ahead: What is certain behind the settled images.

        Returns:
            None: no image has a trigger yet.
        """
        known = missed_before(ahead.ids, ahead.placed, ahead.columns["ordinal"])
        return self._settled.missed if known is None else known

    @property
    def rate(self) -> float | None:
        """Relative rate of the triggers' clock over the images', if it is known."""
        return self._settled.rate

    def copy(self) -> LiveTimeline:
        """As it is now: to be looked at in another thread."""
        made = copy.copy(self)
        made._settled = self._settled.copy()  # noqa: SLF001
        return made

    def update(self, run: Followed) -> Timeline:
        """Settle what can be settled; labels of all images, the rest unknown yet."""
        self.settle(run)
        return self._settled.timeline(run)

    def settle(self, run: Followed, most: int | None = None) -> None:
        """Match and label the blocks of images that are complete.

        Args:
            run: The run.
            most: Blocks that are settled now, at most.
        """
        captured = run.events.first_number is not None
        if captured is not self._captured or run.chains != self._chains:
            # other triggers: all begins anew
            self._captured, self._settled = captured, Settled()
            self._chains = run.chains
            self._row = -1
            self.begun += 1
        self._settled.settle(run, captured, most)

    def ahead(self, run: Followed) -> Ahead:
        """What is certain of the images that are not settled.

        A trigger is believed once its row was there at the look before: what belongs to
        it, such as a laser pulse, may come a little later than its X-ray row.
        """
        captured = bool(self._captured)
        before = self._row
        self._row = run.events.highest_number - (run.events.first_number or 0)
        if captured and before < 0:
            return NOTHING_AHEAD
        found = self._settled.ahead(run, captured)
        if not captured:
            return found
        there = np.asarray(found.columns["ordinal"] <= before, np.bool_)
        told, placed = found.told & there, found.placed & there
        return Ahead(found.ids, told, placed, found.columns)
