"""Give images their trigger: by start time on a clock that is fitted as it goes.

The images pass once, in order of ``image_id``, in windows; what is kept between windows
does not grow. The same code serves the run that goes on and the one that has ended.
"""

from __future__ import annotations

import numpy as np

from recorder.ssx.arrays import BoolArray, Int64Array
from recorder.ssx.clocks.clock import PRIOR_RATE, Clock, fit_clock
from recorder.ssx.clocks.nearest import nearest
from recorder.ssx.clocks.overall_rate import OverallRate
from recorder.ssx.clocks.unknown import NO_ORDINAL, NO_TIME
from recorder.ssx.matching.clock_breaks import (
    BREAK,
    Break,
    broken,
    strange,
    until_break,
)
from recorder.ssx.matching.gap_bridge import DOUBT, bridge_gap
from recorder.ssx.matching.matched import Matched, Step, nothing, unmatched
from recorder.ssx.matching.start_candidates import find_start_candidates
from recorder.ssx.matching.tolerances import (
    doubts_ns,
    first_fits,
    growing,
    telling,
    tolerance_ns,
)

_WINDOW = 1024
"""Images that are matched before the clock is fitted anew. `make timeline-bench`: half
or double changes no label."""
_FIRST_WINDOW = 16
"""The same behind a start or break, where the clock is known least; it doubles. `make
timeline-bench`: half or double changes no label."""
_ANCHORS = 4096
"""Latest pairs of times that the clock rests on."""
_TO_LOCK, _TO_TRACK = 1024, 64
"""Images that are waited for before a trigger is looked for, or a window matched."""
_SPARE, _SPARE_OF = 512, 32
"""Triggers that may have been missed before the first image; and one in 32 more."""
_LEAST_RATE_SIGMA = 1e-6
"""Relative uncertainty of a rate, at least, when the way is sought anew: a clock may
have drifted meanwhile. Chosen, not tuned."""
_TRIES = 12
"""Failed attempts to find the way after which the rest of what is there is left
unknown: it bounds the time. `make timeline-bench`: half or double changes no label."""
_PAUSE = 1 << 16
"""After failed attempts the next one comes later, at most so many images."""


class Matcher:
    """Matches the images of one series to the triggers of one run.

    Args:
        rate: First guess of the relative rate between the clocks.
        rate_sigma: How well it is known.
    """

    def __init__(self, rate: float = 0.0, rate_sigma: float = PRIOR_RATE) -> None:
        self._prior = Clock(0, 0, rate, rate_sigma=rate_sigma)
        self.clock: Clock | None = None
        self.breaks: list[Break] = []
        self.certain: list[bool] = []
        """By segment: whether the triggers told which one came first."""
        self._found = Matched()
        self._window = _FIRST_WINDOW
        self._last: tuple[int, int, int] | None = None
        self._anchors: tuple[Int64Array, Int64Array] = (nothing(), nothing())
        self._lost: str | None = "start"
        self._pause, self._tries = BREAK, 0
        self._overall = OverallRate()
        self._kept: tuple[Int64Array, Int64Array] = (nothing(), nothing())
        self._origin = 0
        self._locked_at = -1
        """First image when the way was found last."""
        self._skip = 0
        """Images at a jump of whole periods: on which side of it is not certain."""
        self._real: BoolArray | None = None
        self._shared_ns: float | None = None
        """Scatter of a segment whose trigger was told by it."""

    def feed(
        self,
        ids: Int64Array,
        start_ns: Int64Array,
        triggers: Int64Array,
        gaps: Int64Array,
        *,
        last: bool,
        first_ordinal: int = 0,
        real: BoolArray | None = None,
        seek: bool = True,
    ) -> None:
        """Match further images.

        Args:
            ids: image_ids beyond those fed before, ascending, shape (n,).
            start_ns: Start times, NO_TIME where unknown, shape (n,).
            triggers: All triggers known now, ascending (ns).
            gaps: Distance of each trigger to its nearer neighbour (ns).
            last: No more images come. Else some are kept back until more are there.
            first_ordinal: Ordinal of the first of these triggers.
            real: Triggers whose time a row gave; None for all.
            seek: Look for the way where it is lost; else the rest is kept back.
        """
        self._origin, self._real = first_ordinal, real
        ids = np.concatenate((self._kept[0], ids))
        start_ns = np.concatenate((self._kept[1], start_ns))
        timed = np.flatnonzero(start_ns != NO_TIME)
        ordinal = np.full(ids.size, NO_ORDINAL, np.int64)
        residual = np.full(ids.size, NO_TIME, np.int64)
        segment = np.full(ids.size, max(0, len(self.certain) - 1), np.int64)
        all_ids, all_times = ids[timed], start_ns[timed]
        i = 0
        while i < timed.size and triggers.size:
            rest = timed.size - i
            waits = not last and rest < (_TO_LOCK if self._lost else _TO_TRACK)
            if waits or (self._lost and not seek):
                last = False
                break
            act = self._lock if self._lost is not None else self._track
            step, found, off = act(all_ids[i:], all_times[i:], triggers, gaps)
            place = timed[i : i + step]
            matched = found != NO_ORDINAL
            ordinal[place] = np.where(matched, found + first_ordinal, NO_ORDINAL)
            residual[place] = off
            if place.size:
                segment[place[0] :] = max(0, len(self.certain) - 1)
            i += step
        done = ids.size if i >= timed.size or last else int(timed[i])
        self._kept = (ids[done:], start_ns[done:])
        self._found.add(ordinal[:done], residual[:done], segment[:done])

    def arrays(self) -> tuple[Int64Array, Int64Array, Int64Array]:
        """Ordinal, residual and segment of all images fed so far, shape (n,) each."""
        return self._found.arrays()

    def take(self) -> tuple[Int64Array, Int64Array, Int64Array]:
        """Like :meth:`arrays`, and forget them: for a run that still goes on."""
        found = self._found.arrays()
        self._found = Matched()
        return found

    @property
    def reached(self) -> int:
        """Ordinal of the last matched trigger, -1 before any."""
        return -1 if self._last is None else self._last[1]

    @property
    def locked(self) -> bool:
        """The way is known; else a trigger is being looked for."""
        return self._lost is None

    def _track(
        self,
        ids: Int64Array,
        start_ns: Int64Array,
        triggers: Int64Array,
        gaps: Int64Array,
    ) -> Step:
        """Match one window of images on the fitted clock."""
        clock = self.clock or self._prior
        ids, start_ns = ids[: self._window], start_ns[: self._window]
        wanted = clock.predict(start_ns)
        found = nearest(triggers, wanted)
        off = triggers[found] - wanted
        near = gaps[found].astype(np.float64)
        doubt = doubts_ns(clock, start_ns)
        real = None if self._real is None else self._real[found]
        good = np.abs(off) <= tolerance_ns(near, clock.sigma_ns, doubt, real)
        good &= growing(ids, found, good, self._least_missed())
        outside = (wanted > triggers[-1] + near) | (wanted < triggers[0] - near)
        outside |= near == 0  # nothing matches those: they tell nothing of the clock
        n = until_break(good | outside)
        unsure = np.flatnonzero((near > 0) & (doubt > DOUBT * near))
        if unsure.size and unsure[0] < n:
            n = int(unsure[0])
            if n == 0:
                self._lost = "gap"
        elif n == 0:
            self._lost = "step"
        good, found, off = good[:n], found[:n], off[:n]
        odd, skip = strange(good, outside[:n], off, self._shared_ns, real)
        if odd < n:
            self._skip = skip
            self._lost = "step"
            n, good, found, off = odd, good[:odd], found[:odd], off[:odd]
        self._learn(start_ns[:n], triggers[found], telling(good, real))
        if good.any():
            last = np.flatnonzero(good)[-1]
            ordinal = int(found[last]) + self._origin
            self._last = (int(ids[last]), ordinal, int(start_ns[last]))
            self._window = min(_WINDOW, 2 * self._window)
        return (
            n,
            np.where(good, found, NO_ORDINAL),
            np.where(good, off, NO_TIME),
        )

    def _least_missed(self) -> int | None:
        """Triggers without an image before the last match, None before any."""
        if self._last is None:
            return None
        return self._last[1] - self._origin - self._last[0]

    def _learn(self, source: Int64Array, target: Int64Array, use: BoolArray) -> None:
        """Fit the clock anew with further pairs of times."""
        if not use.any():
            return
        source, target = source[use], target[use]
        old_source, old_target = self._anchors
        self._anchors = (
            np.concatenate((old_source, source))[-_ANCHORS:],
            np.concatenate((old_target, target))[-_ANCHORS:],
        )
        self.clock, _ = fit_clock(*self._anchors, prior=self._prior)
        self._overall.add(source, target)

    @property
    def rate(self) -> float:
        """Relative rate over all images since the last break."""
        known = self.clock.rate if self.clock else self._prior.rate
        return self._overall.rate(known)

    def _lock(
        self,
        ids: Int64Array,
        start_ns: Int64Array,
        triggers: Int64Array,
        gaps: Int64Array,
    ) -> Step:
        """Find the trigger of the first of these images."""
        if self._skip:
            count, self._skip = min(self._skip, ids.size), 0
            return unmatched(count)
        if int(ids[0]) == self._locked_at:
            # What was found here did not last for a single image: go on behind it.
            self._locked_at = -1
            return self._give_up(ids)
        ids, start_ns = ids[:_TO_LOCK], start_ns[:_TO_LOCK]
        usual = int(ids[0]) - self._origin
        spare = _SPARE + int(ids[0]) // _SPARE_OF
        first = usual - spare
        if self._last is not None:
            first = usual = usual + self._last[1] - self._last[0]
        prior = self.clock or self._prior
        prior = Clock(
            0, 0, prior.rate, rate_sigma=max(prior.rate_sigma, _LEAST_RATE_SIGMA)
        )
        candidates = find_start_candidates(
            ids, start_ns, triggers, gaps, first, usual, usual + spare, prior
        )
        if candidates.clock is None:
            return self._give_up(ids)
        guessed = self._real is not None and not self._real[candidates.best]
        near_ns = int(gaps[candidates.best]) if guessed else 0
        if not first_fits(candidates, start_ns, triggers, near_ns):
            # The first image does not fit to those after it: begin with the next.
            return unmatched(1)
        candidate, bridged = candidates.best, False
        if self._lost == "gap" and not candidates.certain and self._last is not None:
            before = (self._last[1] - self._origin, self._last[2])
            behind = bridge_gap(candidates, before, int(start_ns[0]), triggers, gaps)
            if behind is not None:
                candidate, bridged = behind, True
        later_ns = int(triggers[candidate] - triggers[candidates.best])
        clock = candidates.clock.moved(later_ns)
        resolved = candidates.certain or bridged
        if self._lost in ("gap", "step"):
            clocks = (self.clock, clock)
            self.breaks.append(
                broken(self._lost, int(ids[0]), resolved, int(start_ns[0]), clocks)
            )
        if not bridged:
            # Known distances end here; a certain trigger is a new beginning.
            self.certain.append(candidates.certain)
            self._overall = OverallRate()
            self._shared_ns = clock.sigma_ns if candidates.certain else None
        self._locked_at = int(ids[0])
        self.clock, self._lost, self._tries, self._pause = clock, None, 0, BREAK
        self._anchors = (nothing(), nothing())
        self._window = _FIRST_WINDOW
        # The image before the first: so that the first one is matched like all others.
        self._last = (int(ids[0]) - 1, candidate + self._origin - 1, int(start_ns[0]))
        return 0, nothing(), nothing()

    def _give_up(self, ids: Int64Array) -> Step:
        """These images fit no trigger: leave some out and try again later."""
        self._tries += 1
        if self._tries > 3:
            self._pause = min(2 * self._pause, _PAUSE)
        n = min(self._pause, ids.size)
        if self._tries > _TRIES:
            n = ids.size
        return unmatched(n)
