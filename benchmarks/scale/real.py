"""What a series through the real daemon shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.cpu import usage_of
from benchmarks.scale.costs import Costs
from benchmarks.scale.field import Series, running


@dataclass(frozen=True)
class Measured:
    """One series through the real daemon."""

    done_s: NDArray[np.float64]
    """Seconds of the monotonic clock at which images were done, ascending."""
    begun_s: float
    """When the first image was with a worker."""
    loop_s: float
    """CPU of the event loop for each image, in steady state."""
    other_s: float
    """CPU of all other threads of the daemon for each image."""

    def rate(self, first: int, last: int) -> float:
        """Images per second between two counts of images that are done."""
        since = self.done_s[first - 1] if first else self.begun_s
        return float((last - first) / (self.done_s[last - 1] - since))


def measure(costs: Costs, series: Series, workers: int, steady_from: int) -> Measured:
    """Send a series and look when its images are done.

    Args:
        costs: Of images and lessons, here.
        series: What is sent.
        workers: That there are.
        steady_from: Images after which the CPU of the daemon is looked at.
    """
    with running(costs, series, workers=workers) as field:
        field.until(steady_from)
        before, first = usage_of(field.daemon.pid), field.done()
        field.until(series.images)
        spent, last = usage_of(field.daemon.pid).since(before), field.done()
        found = field.found()
    each = 1 / (last - first)
    own = sum(spent.values()) - spent["workers"] - spent["event loop"]
    return Measured(
        found.done["at"].astype(np.float64),
        float(found.came["at"][0]),
        spent["event loop"] * each,
        own * each,
    )
