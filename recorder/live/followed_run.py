"""The run that alarms follow: what of it was handed over, and what is new."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from recorder.live.gaps import Gaps
from recorder.live.image_flow import ImageFlow
from recorder.live.image_slices import slice_of
from recorder.live.pulses import PulseFlow, pump_states, triggers
from recorder.live.pump_counts import PumpCounts
from recorder.live.run_counts import RunCounts
from recorder.records import ImageOutcome
from recorder.runs.run import Run
from recorder.ssx.alarms.observation import (
    Fates,
    Images,
    Pulses,
    no_pulses,
)
from recorder.ssx.arrays import Int64Array
from recorder.ssx.scan.walk import walk_of

Cursors = tuple[int, int, int]
"""Images, fates and pulses before these image_ids were handed over."""


@dataclass(frozen=True, slots=True)
class Slice:
    """What is new of a run."""

    images: Images
    fates: Fates
    pulses: Pulses
    time_s: float
    """Unix time of the newest of its images so far."""


@dataclass(eq=False)
class FollowedRun:
    """One run on its way to the alarms.

    Args:
        run: The run.
        time_s: Unix time at which an image counts.
    """

    run: Run
    time_s: Callable[[ImageOutcome], float]
    flow: ImageFlow = field(default_factory=ImageFlow)
    pulses: PulseFlow = field(default_factory=PulseFlow)
    gaps: Gaps = field(default_factory=Gaps)
    counts: RunCounts | None = None
    newest_s: float = 0.0

    @classmethod
    def at(
        cls, run: Run, time_s: Callable[[ImageOutcome], float], cursors: Cursors
    ) -> FollowedRun:
        """Go on where an earlier recorder was."""
        images, fates, pulses = cursors
        return cls(run, time_s, ImageFlow(images, fates), PulseFlow(pulses))

    @property
    def cursors(self) -> Cursors:
        """What was handed over."""
        flow = self.flow
        return flow.next_image, flow.next_fate, self.pulses.next_image

    def note(self, outcomes: Sequence[ImageOutcome], now_ns: int) -> None:
        """Note outcomes that are new, by image_id."""
        self.flow.note(outcomes, now_ns)
        self.gaps.note(sorted([image.received_ns for image in outcomes]))

    def _known_of(
        self, pump: PumpCounts | None, ids: Int64Array
    ) -> dict[str, Int64Array]:
        """Pump state, and place on the chip, of images."""
        found = {} if pump is None else {"pump": pump_states(pump, ids)}
        scan = self.run.announcement.scan
        if scan is None:
            return found
        # Without triggers the count of images tells: one that was missed is one well.
        wells = walk_of(scan).at(ids if pump is None else triggers(pump, ids))
        return {
            **found,
            "block": wells.block,
            "row": wells.row,
            "column": wells.column,
        }

    def take(self, now_ns: int, *, last: bool = False) -> Slice:
        """What can be handed over now.

        Args:
            now_ns: The time of arrival of what would come now.
            last: The run is over: all that is there.
        """
        pump = self.counts.pump if self.counts else None
        known = pump if pump is not None and pump.follows else None
        labelled_to = None if known is None else known.settled_to or 0
        ready, fates = self.flow.take(self.run.images, now_ns, labelled_to, last=last)
        images = slice_of(ready, self.time_s, partial(self._known_of, known))
        if ready:
            self.newest_s = max(self.newest_s, float(images.time_s[-1]))
        pulses = no_pulses()
        if known is not None and self.newest_s:
            pulses = self.pulses.take(known, self.newest_s)
        return Slice(images, fates, pulses, self.newest_s)
