"""The counts of all runs that go on, and of those of their experiments that ended.

This is what the event loop calls for each image; it only notes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from recorder.live.heard import Heard
from recorder.live.run_counts import RunCounts
from recorder.live.traits import Counts, no_counts
from recorder.records import Image, ImageOutcome, RunState
from recorder.runs.book.parts import current_part, same_announcement
from recorder.runs.run import Run

LABEL_NS = 500_000_000
"""Time (ns) between two looks for labels: within the second that a light or dark image
has to the page, and some 5 ms of work each."""


_Kind = tuple[str, str]
"""Experiment and technique of runs whose images are summed up."""


def _kind(run: Run) -> _Kind:
    return run.experiment, run.technique


def _image_id(image: ImageOutcome) -> int:
    return image.image_id


def _nothing(run: Run, outcomes: Sequence[ImageOutcome], counts: RunCounts) -> None:
    """Nobody listens."""


def _nothing_more(run: Run) -> None:
    """Nobody listens."""


class LiveRuns:
    """Counts by run, and sums by experiment.

    Args:
        now_ns: The time of arrival of what would come now (Unix ns).
    """

    def __init__(self, now_ns: Callable[[], int]) -> None:
        self._now_ns = now_ns
        self._runs: dict[str, RunCounts] = {}
        self._known: dict[str, Run] = {}
        """Those runs, by uid: an announcement may yet give one another experiment."""
        self._ended: dict[_Kind, dict[str, Counts]] = {}
        """By kind and uid: what runs that are sealed came to."""
        self._taken_over: set[_Kind] = set()
        self.heard = Heard()
        """What each source sent."""
        self._label_ns = 0
        self._new: dict[str, list[ImageOutcome]] = {}
        self.told: Callable[[Run, Sequence[ImageOutcome], RunCounts], None] = _nothing
        """Called twice a second for each run that is not sealed: with the outcomes that
        are new, by image_id, and its counts, whose labels are as of now. For whoever
        raises alarms."""
        self.over: Callable[[Run], None] = _nothing_more
        """Called for a run that is over, before its report is made."""

    # -- from the event loop, for each image ----------------------------------------

    def begin(self, run: Run) -> None:
        """A run is opened, or taken over from an earlier recorder."""
        self._runs[run.uid] = RunCounts(run.images)
        self._known[run.uid] = run

    def received(self, run: Run, image: Image) -> None:
        """A run got an image."""
        if (counts := self._runs.get(run.uid)) is None:
            self.begin(run)  # a sealed one goes on; its table has the image already
        else:
            counts.received(image.image_id, image.received_ns)

    def finished(self, run: Run, image: ImageOutcome) -> None:
        """An image has its outcome."""
        if (counts := self._runs.get(run.uid)) is None:
            self.begin(run)
        else:
            counts.finished(image)

    def amended(self, run: Run, image: ImageOutcome) -> None:
        """A second look at an image changed its outcome."""
        if (counts := self._runs.get(run.uid)) is None:
            self.begin(run)
        else:
            counts.amended(image)

    # -- from time to time ------------------------------------------------------------

    def look(self, runs: Iterable[Run]) -> None:
        """Count what was noted; label what can be labelled, twice a second.

        Args:
            runs: Those that are not sealed.
        """
        now_ns, going_on = self._now_ns(), set()
        self.heard.look(now_ns)
        label = now_ns >= self._label_ns
        if label:
            self._label_ns = now_ns + LABEL_NS
        for run in runs:
            going_on.add(run.uid)
            if run.uid not in self._runs:
                self.begin(run)
            counts = self._runs[run.uid]
            self._new.setdefault(run.uid, []).extend(counts.look(now_ns))
            if label:
                counts.label(run)
                self.told(run, sorted(self._new.pop(run.uid), key=_image_id), counts)
        for uid in set(self._runs) - going_on:
            del self._runs[uid], self._known[uid]
            self._new.pop(uid, None)

    def flush(self, run: Run) -> None:
        """Tell all that is new of a run now: it is over."""
        if (counts := self._runs.get(run.uid)) is not None:
            now_ns = self._now_ns()
            new = [*self._new.pop(run.uid, []), *counts.look(now_ns)]
            counts.label(run)
            self.told(run, sorted(new, key=_image_id), counts)

    def ended(self, run: Run) -> None:
        """A run is sealed: what it came to counts for its experiment."""
        if (counts := self._runs.get(run.uid)) is not None:
            counts.look(self._now_ns())
            self._ended.setdefault(_kind(run), {})[run.uid] = counts.total.copy()

    def knows(self, run: Run) -> bool:
        """Whether the earlier runs of its experiment and technique are known."""
        return _kind(run) in self._taken_over

    def take_over(self, run: Run, totals: Mapping[str, Counts]) -> None:
        """What the sealed runs of its experiment came to, as a journal says.

        Args:
            run: A run of the experiment.
            totals: By uid, of the runs of its technique.
        """
        kind = _kind(run)
        self._taken_over.add(kind)
        self._ended[kind] = {**totals, **self._ended.get(kind, {})}

    def of(self, run: Run) -> RunCounts | None:
        """The counts of a run that goes on."""
        return self._runs.get(run.uid)

    def of_experiment(self, run: Run) -> Counts:
        """All runs of its experiment, sealed or not, and itself; shape (7,).

        Not those of another technique: what they count are not the same trials.
        """
        total = no_counts()
        for uid, counts in self._ended.get(_kind(run), {}).items():
            if uid != run.uid and uid not in self._runs:
                total += counts
        for uid, known in self._known.items():
            if _kind(known) == _kind(run):
                total += self._runs[uid].total
        return total


def current_run(runs: Iterable[Run]) -> Run | None:
    """The run to be shown: the latest that has begun, else the next announced one.

    Of several that have one series, the one that this is at. One without images, whose
    end nobody may say, does not hide images that come.
    """
    every = list(runs)
    begun = [run for run in every if run.state is not RunState.ANNOUNCED]
    if not begun:
        return every[0] if every else None
    imaged = [r for r in begun if r.takes_images and r.state is RunState.OPEN]
    return current_part(same_announcement((imaged or begun)[-1], begun))
