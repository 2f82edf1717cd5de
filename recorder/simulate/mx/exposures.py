"""What each image of a series is planned to be: its time, trigger, angle and cell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recorder.simulate.arrays import Floats, Ints
from recorder.simulate.spec import demanded
from recorder.simulate.stream.arming import Arming, Axes

HEADERS = ("zeros", "values", "wrong", "absent")
ENERGY_EV = 12700.0
"""Of the beam unless another is asked for; above the K edge of selenium, as most beams
for MX."""
WRONG_BY = 10.0
"""Degrees by which a wrong header is off, far beyond half a step of any sweep. Chosen,
not tuned."""
OTHER_AXES = ("chi", "kappa", "phi", "two_theta", "omega")
"""Axes of a header, in any order."""


@dataclass(frozen=True, slots=True, eq=False)
class Exposures:
    """The images of a series in the order of the plan; each array has shape (n,)."""

    after_ns: Ints
    """Start of the exposure, ns after that of the first one."""
    trigger: Ints
    """Which trigger makes it, from 0."""
    part: Ints
    """Which collection it belongs to, from 0."""
    wedge: Ints
    """Which sweep or plane it belongs to, from 0."""
    start: Floats
    """Degrees of the axis where it begins."""
    end: Floats
    row: Ints
    """Cell along y, from 0; -1 where there is no grid."""
    column: Ints
    """Cell along x."""
    brightness: Floats
    """Of the crystal, 0 to 1."""

    @property
    def size(self) -> int:
        """Images of the plan."""
        return int(self.after_ns.size)

    @property
    def triggers(self) -> int:
        """Triggers of the plan."""
        return int(self.trigger[-1]) + 1

    @property
    def arming(self) -> Arming:
        """How the detector is armed for them."""
        each = self.size // self.triggers
        mode = "exte" if each == 1 and self.size > 1 else "exts"
        return Arming(each, self.triggers, mode)


def begun_after(lines: Ints, period_s: float, gap_s: float) -> Ints:
    """When exposures begin of which lines stand apart.

    Args:
        lines: Which line each exposure is in, ascending, shape (n,).
        period_s: From one exposure of a line to the next.
        gap_s: In addition from one line to the next.

    Returns:
        ns after the first one, shape (n,).
    """
    seconds = np.arange(lines.size) * period_s + (lines - lines[:1]) * gap_s
    times: Ints = np.rint(seconds * 1e9).astype(np.int64)
    return times


def header_axes(said: str, axis: str, start: float, step: float) -> Axes:
    """The goniometer of a header.

    Args:
        said: One of ``HEADERS``: ``wrong`` contradicts what is true.
        axis: The one that turns.
        start: Degrees.
        step: Degrees an image.

    Returns:
        (start, increment) of each axis; empty if the header has none.
    """
    if said == "absent":
        return {}
    axes = dict.fromkeys(OTHER_AXES, (0.0, 0.0))
    if said == "values":
        axes[axis] = (start, step)
    elif said == "wrong":
        axes[axis] = (start + WRONG_BY, 2 * step or 1.0)
    return axes


def demand_header(said: str) -> None:
    """Refuse what no header says.

    Raises:
        UsageError: It lists what can be said.
    """
    demanded(said in HEADERS, f"header: {', '.join(HEADERS)}")
