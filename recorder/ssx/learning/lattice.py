"""Geometry and cell of a run, learned from its hits.

Hypotheses compete: what is in use, what was given, the given cell in another size, and
a cell that nobody gave. Each is refined over the hits that index with it; the one with
the most evidence wins, by the spots explained over all hits of the lesson. So what was
learned is given up when later hits contradict it. A given cell is never exchanged for
another one: that the hits have another one is said instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from recorder.records import ClassifySettings, Place, WorkLevel
from recorder.ssx.arrays import FloatArray
from recorder.ssx.learning import drift, verdicts
from recorder.ssx.learning import hypotheses as rivals
from recorder.ssx.learning.proposals import propose_all
from recorder.ssx.learning.same_lattice import SAME, aligned
from recorder.ssx.learning.trial import (
    LatticeKnowledge,
    Trial,
    refined,
    try_hits,
)

__all__ = ["MIN_HITS", "MIN_SPOTS", "LatticeKnowledge", "When", "learn_lattice"]

MIN_SPOTS = 15
"""Spots of a hit that teaches: with 12 an unknown cell was found in 0.5 to 0.7 of the
images, with 20 in 0.8 to 0.96. Half or double leaves every later hit indexed (`make
bench-quality`, after 30 hits, a monoclinic cell)."""
MIN_HITS = 4
"""Hits without which nothing is learned, and that must index: one more than must agree.
Chosen, not tuned."""
_TRIED = 24
"""Hits that are tried: they set the time of a lesson. Half or double leaves every later
hit indexed (`make bench-quality`, after 30 hits, a monoclinic cell)."""
_FIRST = 12
"""Of those, hits that are looked at first: where they say that what is in use fits, the
lesson ends with them; where none of them indexes, it is not tried on the others (one
that indexes 30 % has a chance of 1.4 % for that). Half of those that are tried."""
_FIT_SHARE = 0.75
"""Share of the first hits that must index with the very cell for that. Chosen, not
tuned: with less, something may be wrong with the others."""
_VAIN = 2
"""Searches for other hypotheses in vain, on as many hits as are tried, from which the
next one is put off. Chosen, not tuned."""
_MOST_REST = 64
"""Lessons that a search is put off at most: 32,000 images."""
_JUDGED = 60
"""Hits, at most, on which hypotheses that are left compete: they set the time of a
lesson that changes something. Chosen, not tuned."""
_MANY = 150
"""Spots of an image that are refined or searched, the strongest."""
_WELL = 0.6
"""If this share of the hits is indexed with the very cell, search is not needed: with
cells 2 % off fits alone can agree on a wrong cell."""
_FOUND_SHARE = 0.3
"""A hypothesis must index this share of the hits."""
_CLOSE = 0.5
"""Share of the best one's evidence from which a hypothesis is tried on all hits.
Chosen, not tuned."""
_CLEARLY = 1.2
"""Another cell must have so much more evidence than the given one."""


@dataclass(frozen=True, slots=True)
class When:
    """When the hits came, and when what they teach is used."""

    image_ids: Sequence[int]
    """Of each hit."""
    used_at: float
    """Middle image of those that will use it."""
    last: bool = False
    """No lesson comes after it: nothing is put off."""


def learn_lattice(
    known: LatticeKnowledge,
    hits: Sequence[FloatArray],
    settings: ClassifySettings,
    given: LatticeKnowledge | None = None,
    when: When | None = None,
) -> LatticeKnowledge:
    """Better geometry and cell, if the hits tell them.

    Args:
        known: What is in use.
        hits: Per hit (n, 2) positions of its spots, px, strongest first.
        settings: How to classify.
        given: What people, header and files said; None: `known`.
        when: When the hits came; None: nothing is said of drift.

    Returns:
        `known` itself if nothing better was found and there is nothing to say; else
        what to use from now on, findings, and where the beam was.
    """
    given = given or known
    order = sorted(range(len(hits)), key=lambda n: len(hits[n]), reverse=True)
    order = [n for n in order if len(hits[n]) >= MIN_SPOTS]
    if len(order) < MIN_HITS:
        return known
    lesson = _Lesson(given, hits, order, settings, when)
    rests = known.resting > 0 and not (when is not None and when.last)
    learned, searched = _learned(known, lesson, rests=rests)
    same = (learned.geometry, learned.cell) == (known.geometry, known.cell)
    in_vain, resting = 0, 0
    if searched and same and len(order) >= _TRIED:
        in_vain = known.in_vain + (not rests)
        resting = known.resting - 1 if rests else _rest(in_vain)
    if (in_vain, resting) == (learned.in_vain, learned.resting):
        return learned
    if learned is known:
        learned = replace(known, findings=(), places=())
    return replace(learned, in_vain=in_vain, resting=resting)


def _rest(in_vain: int) -> int:
    """Lessons that do not search again: one, two, four and so on."""
    return 0 if in_vain < _VAIN else min(1 << (in_vain - _VAIN), _MOST_REST)


@dataclass(frozen=True, slots=True, eq=False)
class _Lesson:
    """The hits of one lesson."""

    given: LatticeKnowledge
    hits: Sequence[FloatArray]
    order: Sequence[int]
    """Positions of those that teach, most spots first."""
    settings: ClassifySettings
    when: When | None

    def some(self, most: int) -> list[FloatArray]:
        """Spots of so many hits, spread over all of them."""
        return [self.hits[n][:_MANY] for n in _spread(self.order, most)]

    def ids(self) -> list[int] | None:
        """Of the hits that are tried."""
        if self.when is None:
            return None
        return [int(self.when.image_ids[n]) for n in _spread(self.order, _TRIED)]


def _learned(
    known: LatticeKnowledge, lesson: _Lesson, *, rests: bool
) -> tuple[LatticeKnowledge, bool]:
    """What to use from now on, and whether what is in use does not do.

    Args:
        known: What is in use.
        lesson: The hits.
        rests: Whether other hypotheses are left out.
    """
    given, settings, when = lesson.given, lesson.settings, lesson.when
    xy, ids = lesson.some(_TRIED), lesson.ids()
    first = slice(0, None, max(1, len(xy) // _FIRST))
    effort = WorkLevel.NO_RETRY if rests else WorkLevel.FULL
    looked = try_hits(known, xy[first], settings, effort)
    if rests and not looked.indexed:
        return known, True
    if looked.rigid_share >= _FIT_SHARE:
        some = list(range(len(xy)))[first] if ids is None else ids[first]
        places = drift.places(looked, some)
        if drift.fits(looked, places):
            learned = verdicts.verdict(known, given, looked)
            if when is not None:
                learned = _followed(learned, places, when.used_at)
            return learned, False
    shares = None if ids is None else drift.weights(ids)
    current = _settled(_tried(looked, xy, settings), settings, given, shares)
    well = current.rigid_share >= _WELL
    if well:
        best = current
        learned = verdicts.verdict(known, given, current)
    else:
        rivals_of = [] if rests else _rivals(known, given, xy, settings)
        every = lesson.some(_JUDGED)
        best, learned = _judged(known, given, [current, *rivals_of], every, settings)
    if ids is not None and when is not None:
        if learned.geometry != best.knowledge.geometry or len(best.hits) != len(xy):
            best = try_hits(learned, xy, settings)
        learned = _followed(learned, drift.places(best, ids), when.used_at)
    return learned, not well


def _tried(
    looked: Trial, hits: Sequence[FloatArray], settings: ClassifySettings
) -> Trial:
    """All hits, of which some were looked at before."""
    known = {
        id(xy): item for xy, item in zip(looked.hits, looked.lattices, strict=True)
    }
    rest = [xy for xy in hits if id(xy) not in known]
    if looked.indexed:
        more = try_hits(looked.knowledge, rest, settings)
        known |= {id(xy): item for xy, item in zip(rest, more.lattices, strict=True)}
    return Trial(looked.knowledge, hits, tuple(known.get(id(xy)) for xy in hits))


def _followed(
    learned: LatticeKnowledge, places: tuple[Place, ...], used_at: float
) -> LatticeKnowledge:
    """With the centre where it will be, and where it was."""
    if not places:
        return learned
    geometry = drift.followed(learned.geometry, places, used_at)
    images = learned.images
    if geometry != learned.geometry:
        images = len(places)
    return replace(learned, geometry=geometry, images=images, places=places)


def _spread(order: Sequence[int], most: int) -> Sequence[int]:
    return order[:: max(1, len(order) // most)][:most]


def _settled(
    trial: Trial,
    settings: ClassifySettings,
    given: LatticeKnowledge,
    weights: Sequence[float] | None = None,
) -> Trial:
    """Refined, if enough of the hits index and it helps."""
    if trial.indexed >= MIN_HITS:
        better = refined(trial, settings, weights=weights, given=given)
        if better is not None and better.better_than(trial):
            return better
    return trial


def _rivals(
    known: LatticeKnowledge,
    given: LatticeKnowledge,
    hits: Sequence[FloatArray],
    settings: ClassifySettings,
) -> list[Trial]:
    """Other hypotheses that enough of the hits index with."""
    trials: list[Trial | None] = []
    if known is not given and known.images:
        trials.append(_settled(try_hits(given, hits, settings), settings, given))
    proposals = propose_all(given.geometry, hits, settings.max_cell_length)
    agreed = proposals.agreed
    basis = rivals.reduced(given)
    if basis is not None:
        trials.append(rivals.free_scale(given, hits, settings, proposals))
    if agreed is not None and (basis is None or not _alike(agreed.basis, basis)):
        start = replace(given, cell=None, space_group=None)
        trials.append(rivals.other_cell(start, agreed, proposals, hits, settings))
    least = max(MIN_HITS, _FOUND_SHARE * len(hits))
    return [trial for trial in trials if trial is not None and trial.indexed >= least]


def _alike(found: FloatArray, basis: FloatArray) -> bool:
    """Whether a cell is the given one but for its size."""
    _, misfit = aligned(found[None], basis)
    size = verdicts.scale_of(found, basis)
    return bool(misfit[0] < SAME and abs(size - 1) < rivals.SIZE)


def _judged(
    known: LatticeKnowledge,
    given: LatticeKnowledge,
    trials: Sequence[Trial],
    hits: Sequence[FloatArray],
    settings: ClassifySettings,
) -> tuple[Trial, LatticeKnowledge]:
    """The best of all on all hits, and what there is to say of it."""
    most = max(trial.evidence for trial in trials)
    close = [trial for trial in trials if trial.evidence >= _CLOSE * most]
    if len(close) > 1:
        close = [_on_all(trial, hits, settings) for trial in close]
    ours = [trial for trial in close if not _foreign(trial, given)]
    foreign = [trial for trial in close if _foreign(trial, given)]
    best = ours[0] if ours else trials[0]
    for trial in ours[1:]:
        if trial.better_than(best):
            best = trial
    other = max(foreign, key=lambda trial: trial.evidence, default=None)
    if other is not None and other.evidence <= _CLEARLY * best.evidence:
        other = None
    return best, verdicts.verdict(known, given, best, other, before=trials[0])


def _foreign(trial: Trial, given: LatticeKnowledge) -> bool:
    """A cell that stands against the given one."""
    return trial.knowledge.found and given.cell is not None


def _on_all(
    trial: Trial, hits: Sequence[FloatArray], settings: ClassifySettings
) -> Trial:
    judged = try_hits(trial.knowledge, hits, settings)
    return replace(judged, free=trial.free, distance_sigma=trial.distance_sigma)
