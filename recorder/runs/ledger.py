"""The ledger: sums that must hold for every run. No count is ever adjusted to fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from recorder.records import ImageClass
from recorder.records.image_outcome import INDEXED, NON_HIT, NON_INDEXED_HIT
from recorder.runs.run import Run
from recorder.ssx.labels.timeline import DARK, LIGHT, PUMPS, UNKNOWN, Timeline

ELSEWHERE = "images_with_others_numbers"
"""What a part's counts call images of it that have the numbers of another part."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """Counts of one run, each counted on its own: docs/explanations/ledger.md."""

    expected: int | None = None
    received: int = 0
    lost: int | None = None
    classified: int = 0
    unprocessed: Mapping[str, int] = field(default_factory=dict)
    indexed: int = 0
    non_indexed_hits: int = 0
    non_hits: int = 0
    light: int = 0
    dark: int = 0
    unknown: int = 0
    triggers: int | None = None
    missed: int = 0
    pending: int = 0
    """Received, not yet classified; 0 once the run is sealed."""

    def differences(self) -> tuple[str, ...]:
        """The sums that do not hold, each named with its difference."""
        unprocessed = sum(self.unprocessed.values())
        classes = self.indexed + self.non_indexed_hits + self.non_hits
        sums: list[tuple[str, int | None, int | None]] = [
            (
                "received = classified + unprocessed + pending",
                self.received,
                self.classified + unprocessed + self.pending,
            ),
            (
                "classified = indexed + non_indexed_hits + non_hits",
                self.classified,
                classes,
            ),
            (
                "received = light + dark + unknown",
                self.received,
                self.light + self.dark + self.unknown,
            ),
        ]
        if self.expected is not None and self.lost is not None:
            total = self.received + self.lost
            sums.append(("expected = received + lost", self.expected, total))
            if self.triggers is not None:
                total += self.missed
                sums.append(
                    ("triggers = received + lost + missed", self.triggers, total)
                )
        return tuple(
            f"{name}: {left} against {right}, {left - right:+d}"
            for name, left, right in sums
            if left is not None and right is not None and left != right
        )

    @property
    def closed(self) -> bool:
        """Whether every sum holds and nothing is pending."""
        return not self.differences() and self.pending == 0


def ledger_of(run: Run, timeline: Timeline) -> Ledger:
    """The sums of a run as they stand.

    Args:
        run: The run.
        timeline: Its labels.
    """
    outcome = run.images.column("outcome")
    pumps = np.bincount(timeline.labels.pump, minlength=len(PUMPS)).tolist()
    classes = [
        int((outcome == code).sum()) for code in (INDEXED, NON_INDEXED_HIT, NON_HIT)
    ]
    expected = expected_images(run, timeline)
    lost = run.images.lost(run.images.size if expected is None else expected)
    triggers, missed = _triggers(run, expected, timeline)
    unprocessed = _unprocessed(run)
    finished = int((outcome >= INDEXED).sum())
    return Ledger(
        expected=expected,
        received=run.images.received,
        lost=lost,
        classified=finished - sum(unprocessed.values()),
        unprocessed=unprocessed,
        indexed=classes[0],
        non_indexed_hits=classes[1],
        non_hits=classes[2],
        light=pumps[LIGHT],
        dark=pumps[DARK],
        unknown=pumps[UNKNOWN],
        triggers=triggers,
        missed=missed,
        pending=run.images.pending,
    )


def expected_images(run: Run, timeline: Timeline) -> int | None:
    """Images that exist: as the detector counted, or as declared and not missed.

    None while more may come: until then only the gaps are known to be lost. Never fewer
    than were seen.
    """
    if not run.final:
        return None
    made = run.end.images if run.end else None
    if made is None:
        made = (run.declared_images or 0) - timeline.assignment.missed
    return max(made, run.images.size)


def _unprocessed(run: Run) -> dict[str, int]:
    """Counts by reason, only the reasons that occurred."""
    classes = set(ImageClass)
    return {
        str(name): count
        for name, count in run.images.outcomes.items()
        if name not in classes
    }


def _triggers(
    run: Run, expected: int | None, timeline: Timeline
) -> tuple[int | None, int]:
    """Captured triggers, once they cover every image that exists, and the missed.

    Triggers after the last image were missed if the detector says that it made no more;
    if nobody says how many it made, the images are taken to be lost.
    """
    missed = timeline.assignment.missed
    if run.in_doubt or run.moved:
        # rows and images of a part are not each other's: no sum, and none twice
        return None, max(0, missed - run.counts[ELSEWHERE])
    captured = run.events.triggers
    total = timeline.assignment.total
    if total is None or captured is None or captured < total:
        captured = None  # rows are missing: they do not cover all triggers
    if captured is None or expected is None or captured < expected:
        return None, missed
    if run.end is not None and run.end.images is not None:
        missed += max(0, timeline.assignment.tail)
    elif not timeline.assignment.by_time:
        missed = captured - expected
    return captured, missed
