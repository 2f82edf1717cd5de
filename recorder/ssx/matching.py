"""Give images their trigger: by start time on a clock that is fitted as it goes.

The images pass once, in order of ``image_id``, in windows; what is kept between windows
does not grow. The same code serves the run that goes on and the one that has ended.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from recorder.ssx.breaks import BREAK, Break, strange, until_break
from recorder.ssx.clocks import (
    DRIFT,
    PRIOR_RATE,
    Clock,
    Floats,
    Ints,
    fit_clock,
)
from recorder.ssx.leads import Leads, find_leads, nearest
from recorder.ssx.times import NO_ORDINAL, NO_TIME

_WINDOW = 1024
_FIRST_WINDOW = 16
_ANCHORS = 4096
"""Latest pairs of times that the clock rests on."""
_REACH = 0.45
_DOUBT = 0.25
"""Of the spacing: beyond this doubt a time names no trigger."""
_SIGMAS = 8.0
_LEAST_NS = 2000.0
"""Tolerance below which no image is refused for its time."""
_TO_LOCK, _TO_TRACK = 1024, 64
"""Images that are waited for before a trigger is looked for, or a window matched."""
_SPARE = 512
"""Triggers that may have been missed before the first image; and one in 32 more."""
_TRIES = 12
_PAUSE = 1 << 16
"""After failed attempts the next one comes later, at most so many images."""


@dataclass(slots=True, eq=False)
class Match:
    """What has been matched so far; arrays of one entry for each image."""

    ordinal: list[Ints] = field(default_factory=list)
    residual_ns: list[Ints] = field(default_factory=list)
    stretch: list[Ints] = field(default_factory=list)
    """Number of the stretch; images of one stretch have certain distances."""


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
        """By stretch: whether the triggers told which one came first."""
        self._found = Match()
        self._window = _FIRST_WINDOW
        self._last: tuple[int, int, int] | None = None
        self._anchors: tuple[Ints, Ints] = (_none(), _none())
        self._lost: str | None = "start"
        self._pause = BREAK
        self._tries = 0
        self.sums = np.zeros(5)
        self._zero: tuple[int, int] | None = None
        self._kept: tuple[Ints, Ints] = (_none(), _none())
        self._origin = 0
        self._locked_at = -1
        """First image when the way was found last."""
        self._skip = 0
        """Images at a jump of whole periods: on which side of it is not certain."""
        self._shared_ns: float | None = None
        """Scatter of a stretch whose trigger was told by it."""

    def feed(
        self,
        ids: Ints,
        start_ns: Ints,
        triggers: Ints,
        gaps: Ints,
        *,
        last: bool,
        first_ordinal: int = 0,
    ) -> None:
        """Match further images.

        Args:
            ids: image_ids beyond those fed before, ascending, shape (n,).
            start_ns: Start times, NO_TIME where unknown, shape (n,).
            triggers: All triggers known now, ascending (ns).
            gaps: Distance of each trigger to its nearer neighbour (ns).
            last: No more images come. Else some are kept back until more are there.
            first_ordinal: Ordinal of the first of these triggers.
        """
        self._origin = first_ordinal
        ids = np.concatenate((self._kept[0], ids))
        start_ns = np.concatenate((self._kept[1], start_ns))
        timed = np.flatnonzero(start_ns != NO_TIME)
        ordinal = np.full(ids.size, NO_ORDINAL, np.int64)
        residual = np.full(ids.size, NO_TIME, np.int64)
        stretch = np.full(ids.size, max(0, len(self.certain) - 1), np.int64)
        all_ids, all_times = ids[timed], start_ns[timed]
        i = 0
        while i < timed.size and triggers.size:
            rest = timed.size - i
            if not last and rest < (_TO_LOCK if self._lost else _TO_TRACK):
                break
            act = self._lock if self._lost is not None else self._track
            step, found, off = act(all_ids[i:], all_times[i:], triggers, gaps)
            place = timed[i : i + step]
            matched = found != NO_ORDINAL
            ordinal[place] = np.where(matched, found + first_ordinal, NO_ORDINAL)
            residual[place] = off
            if place.size:
                stretch[place[0] :] = max(0, len(self.certain) - 1)
            i += step
        done = ids.size if i >= timed.size or last else int(timed[i])
        self._kept = (ids[done:], start_ns[done:])
        self._found.ordinal.append(ordinal[:done])
        self._found.residual_ns.append(residual[:done])
        self._found.stretch.append(stretch[:done])

    def arrays(self) -> tuple[Ints, Ints, Ints]:
        """Ordinal, residual and stretch of all images fed so far, shape (n,) each."""
        found = self._found
        parts = (found.ordinal, found.residual_ns, found.stretch)
        for part in parts:
            if len(part) > 1:
                part[:] = [np.concatenate(part)]
        first, second, third = (part[0] if part else _none() for part in parts)
        return first, second, third

    def take(self) -> tuple[Ints, Ints, Ints]:
        """The same, and forget them: for a run that is followed while it goes on."""
        found = self.arrays()
        self._found = Match()
        return found

    @property
    def reached(self) -> int:
        """Ordinal of the last matched trigger, -1 before any."""
        return -1 if self._last is None else self._last[1]

    @property
    def locked(self) -> bool:
        """The way is known; else a trigger is being looked for."""
        return self._lost is None

    # -- on the way -----------------------------------------------------------------

    def _track(
        self, ids: Ints, start_ns: Ints, triggers: Ints, gaps: Ints
    ) -> tuple[int, Ints, Ints]:
        """Match one window of images on the fitted clock."""
        clock = self.clock or self._prior
        ids, start_ns = ids[: self._window], start_ns[: self._window]
        wanted = clock.predict(start_ns)
        found = nearest(triggers, wanted)
        off = triggers[found] - wanted
        near = gaps[found].astype(np.float64)
        doubt = self._doubts(clock, start_ns)
        good = np.abs(off) <= _tolerance(near, clock.sigma_ns, doubt)
        good &= self._grows(ids, found, good)
        outside = (wanted > triggers[-1] + near) | (wanted < triggers[0] - near)
        n = until_break(good | outside)
        unsure = np.flatnonzero(doubt > _DOUBT * near)
        if unsure.size and unsure[0] < n:
            n = int(unsure[0])
            if n == 0:
                self._lost = "gap"
        elif n == 0:
            self._lost = "step"
        good, found, off = good[:n], found[:n], off[:n]
        odd, skip = strange(good, outside[:n], off, self._shared_ns)
        if odd < n:
            self._skip = skip
            self._lost = "step"
            n, good, found, off = odd, good[:odd], found[:odd], off[:odd]
        self._learn(start_ns[:n][good], triggers[found[good]])
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

    def _doubts(self, clock: Clock, start_ns: Ints) -> Floats:
        """One sigma of the predictions: images before in the window are no anchors."""
        doubt = clock.doubt_ns(start_ns) - clock.sigma_ns
        steps = np.diff(start_ns, prepend=start_ns[:1])
        long = np.abs(steps) * (clock.rate_sigma)
        together: Floats = np.maximum(doubt, long)
        return together

    def _grows(
        self, ids: Ints, found: Ints, good: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        """No two images share a trigger: ordinals grow at least as image_ids do."""
        missed = found - ids
        least = int(missed.min())
        if self._last is not None:
            least = self._last[1] - self._origin - self._last[0]
        counted = np.where(good, missed, least)
        before = np.maximum.accumulate(np.concatenate(([least], counted[:-1])))
        enough: NDArray[np.bool_] = missed >= before
        return enough

    def _learn(self, source: Ints, target: Ints) -> None:
        """Fit the clock anew with further pairs of times."""
        if not source.size:
            return
        old_source, old_target = self._anchors
        self._anchors = (
            np.concatenate((old_source, source))[-_ANCHORS:],
            np.concatenate((old_target, target))[-_ANCHORS:],
        )
        self.clock, _ = fit_clock(*self._anchors, prior=self._prior)
        self._add_up(source, target)

    def _add_up(self, source: Ints, target: Ints) -> None:
        """Sums over the whole stretch, for its overall rate."""
        if self._zero is None:
            self._zero = (int(source[0]), int(target[0]))
        x = (source - self._zero[0]) / 1e9
        y = ((target - self._zero[1]) - (source - self._zero[0])).astype(np.float64)
        self.sums += np.array([x.size, x.sum(), y.sum(), x @ x, x @ y])

    @property
    def rate(self) -> float:
        """Relative rate over all images since the last break."""
        n, x, y, xx, xy = self.sums
        spread = n * xx - x * x
        if n < 3 or spread <= 0:
            return self.clock.rate if self.clock else self._prior.rate
        return float((n * xy - x * y) / spread) * 1e-9

    # -- finding the way ------------------------------------------------------------

    def _lock(
        self, ids: Ints, start_ns: Ints, triggers: Ints, gaps: Ints
    ) -> tuple[int, Ints, Ints]:
        """Find the trigger of the first of these images."""
        if self._skip:
            count, self._skip = min(self._skip, ids.size), 0
            nothing = np.full(count, NO_ORDINAL, np.int64)
            return count, nothing, np.full(count, NO_TIME, np.int64)
        if int(ids[0]) == self._locked_at:
            # What was found here did not last for a single image: go on behind it.
            self._locked_at = -1
            return self._give_up(ids)
        ids, start_ns = ids[:_TO_LOCK], start_ns[:_TO_LOCK]
        usual = int(ids[0]) - self._origin
        spare = _SPARE + int(ids[0]) // 32
        first = usual - spare
        if self._last is not None:
            first = usual = usual + self._last[1] - self._last[0]
        prior = self.clock or self._prior
        prior = Clock(0, 0, prior.rate, rate_sigma=max(prior.rate_sigma, 1e-6))
        leads = find_leads(
            ids, start_ns, triggers, gaps, first, usual, usual + spare, prior
        )
        if leads.clock is None:
            return self._give_up(ids)
        off = leads.clock.at_origin_ns - int(triggers[leads.best])
        if abs(off) > max(_LEAST_NS, _SIGMAS * leads.clock.sigma_ns):
            # The first image does not fit to those after it: begin with the next.
            nothing = np.full(1, NO_ORDINAL, np.int64)
            return 1, nothing, np.full(1, NO_TIME, np.int64)
        lead, bridged = leads.best, False
        if self._lost == "gap" and not leads.certain:
            lead, bridged = self._bridge(leads, start_ns, triggers, gaps)
        clock = _moved(leads.clock, int(triggers[lead] - triggers[leads.best]))
        self._note_break(int(ids[0]), leads.certain or bridged, start_ns, clock)
        if not bridged:
            # Known distances end here; a certain trigger is a new beginning.
            self.certain.append(leads.certain)
            self.sums[:] = 0
            self._zero = None
        self._locked_at = int(ids[0])
        self.clock, self._lost, self._tries, self._pause = clock, None, 0, BREAK
        if not bridged:
            self._shared_ns = clock.sigma_ns if leads.certain else None
        self._anchors = (_none(), _none())
        self._window = _FIRST_WINDOW
        # The image before the first: so that the first one is matched like all others.
        self._last = (int(ids[0]) - 1, lead + self._origin - 1, int(start_ns[0]))
        return 0, _none(), _none()

    def _bridge(
        self, leads: Leads, start_ns: Ints, triggers: Ints, gaps: Ints
    ) -> tuple[int, bool]:
        """Reach back over a gap with the rate that the images after it tell."""
        if self._last is None or leads.clock is None:
            return leads.best, False
        ordinal, source = self._last[1] - self._origin, self._last[2]
        if not 0 <= ordinal < triggers.size:
            return leads.best, False
        away = int(start_ns[0]) - source
        wanted = int(triggers[ordinal]) + away + round(away * leads.clock.rate)
        doubt = abs(away) * (leads.clock.rate_sigma + DRIFT) + 2 * leads.clock.sigma_ns
        off = np.abs(triggers[leads.triggers] - wanted)
        lead = int(leads.triggers[np.argmin(off)])
        sure = doubt <= _DOUBT * gaps[lead] and int(off.min()) <= 4 * doubt
        return (lead, True) if sure else (leads.best, False)

    def _note_break(
        self, image_id: int, resolved: bool, start_ns: Ints, clock: Clock
    ) -> None:
        if self._lost in (None, "start"):
            return
        step = 0
        if self.clock is not None and self._lost == "step":
            there = self.clock.predict(start_ns[:1])[0]
            step = int(clock.predict(start_ns[:1])[0] - there)
        self.breaks.append(Break(image_id, str(self._lost), resolved, -step))

    def _give_up(self, ids: Ints) -> tuple[int, Ints, Ints]:
        """These images fit no trigger: leave some out and try again later."""
        self._tries += 1
        if self._tries > 3:
            self._pause = min(2 * self._pause, _PAUSE)
        n = min(self._pause, ids.size)
        if self._tries > _TRIES:
            n = ids.size
        nothing = np.full(n, NO_ORDINAL, np.int64)
        return n, nothing, np.full(n, NO_TIME, np.int64)


def _moved(clock: Clock, shift_ns: int) -> Clock:
    """The same clock against triggers that come ``shift_ns`` later."""
    return replace(clock, at_origin_ns=clock.at_origin_ns + shift_ns)


def _none() -> Ints:
    return np.empty(0, np.int64)


def _tolerance(near: Floats, sigma: float, doubt: Floats) -> Floats:
    """How far (ns) an image may be from its trigger."""
    limit: Floats = np.minimum(
        _REACH * near, np.maximum(_LEAST_NS, _SIGMAS * sigma) + 3 * doubt
    )
    return limit
