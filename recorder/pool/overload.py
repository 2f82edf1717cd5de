"""What is left out of the work on an image while the backlog fills."""

from __future__ import annotations

from recorder.records import WorkLevel

SAMPLE = 4
"""Under overload one of so many images, or hits, is still looked at."""
_GIVING_UP = (
    (0.5, WorkLevel.NO_RETRY),
    (0.65, WorkLevel.ONE_LATTICE),
    (0.8, WorkLevel.NO_INDEXING),
)
"""What is left out from which fill of the backlog on: what costs most and tells least
goes first. Chosen, not tuned; what remains under ten times too much: `make soak`."""
NO_LESSONS = 0.5
"""Fill from which lessons that only renew what a run has learned are left out."""
_NO_SPOTS = 0.9
"""Fill from which only a sample of the images is looked at."""


def effort_at(fill: float, *, sampled: bool) -> WorkLevel | None:
    """How much is done for an image; None: nothing.

    Args:
        fill: Of the backlog, 0 to 1 and a little above.
        sampled: It is one of the sample that keeps rates right.
    """
    if fill > _NO_SPOTS and not sampled:
        return None
    effort = WorkLevel.FULL
    for limit, level in _GIVING_UP:
        if fill > limit:
            effort = level
    if effort is WorkLevel.NO_INDEXING and sampled:
        return WorkLevel.ONE_LATTICE
    return effort
