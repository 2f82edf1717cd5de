"""The labels of a run: worked out once, asked for often.

When a run is sealed its labels are kept in the journal in blocks
(:mod:`recorder.journal.kept_labels`): one image, or all of them one block after the
other, then cost the memory of a block. Of a run that goes on, and of one that an
earlier recorder sealed, they are worked out from all of its images and events.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol, TypeVar

import numpy as np

from recorder.errors import JournalError
from recorder.journal import Journal
from recorder.journal.kept_labels import (
    Columns,
    keep_labels,
    kept_block,
    kept_blocks,
    kept_facts,
)
from recorder.journal.restore import load_run
from recorder.journal.run_index import Headline
from recorder.journal.snapshots_table import SNAPSHOT_ROWS
from recorder.records import Json
from recorder.reports.chip_answer import chip_answer
from recorder.reports.label_facts import LabelFacts, describe_labels, facts_from_json
from recorder.runs.run import Run
from recorder.runs.timeline.chip import chip_of
from recorder.runs.timeline.measurement import Measurement, measure
from recorder.runs.timeline.mx_images import mx_images
from recorder.runs.timeline.of_run import timeline_of
from recorder.ssx.labels.timeline import Timeline

T = TypeVar("T")
BLOCK = SNAPSHOT_ROWS
"""Received images of a block at most: of labels that are kept, and of those in
memory."""


class RunLabels(Protocol):
    """The labels of a run, wherever they are; see :func:`describe_labels`."""

    @property
    def facts(self) -> LabelFacts:
        """What holds for all images."""

    def blocks(self) -> Iterator[Columns]:
        """Those of the received images, by ascending id, at most BLOCK at a time.

        Raises:
            LabelsGoneError: They cannot be read; what came of them is to be thrown
                away.
        """

    def at(self, image_id: int) -> Mapping[str, Any] | None:
        """Those of one image; None if it was not received.

        Raises:
            LabelsGoneError: They cannot be read.
        """


class LabelsGoneError(JournalError):
    """Labels that were kept cannot be read: they are to be worked out again."""


class LabelsAtHand:
    """The labels of a run in memory.

    Args:
        run: The run.
        timeline: Its labels.
        measurement: What its events amount to.
    """

    def __init__(self, run: Run, timeline: Timeline, measurement: Measurement) -> None:
        chip = chip_of(run, timeline)
        self.chip: Json | None = None if chip is None else chip_answer(run, chip)
        """Its chip as programs have it; None without a scan."""
        self.facts, self.columns = describe_labels(
            run, timeline, measurement, chip, mx_images(run, timeline)
        )

    def blocks(self) -> Iterator[Columns]:
        """See :class:`RunLabels`."""
        ids = self.columns["image_id"]
        for first in range(0, ids.size, BLOCK):
            yield {n: v[first : first + BLOCK] for n, v in self.columns.items()}

    def at(self, image_id: int) -> Mapping[str, Any] | None:
        """See :class:`RunLabels`."""
        return _row(self.columns, image_id)


class KeptLabels:
    """The labels of a sealed run in the journal.

    Args:
        journal: Where they are.
        uid: Of the run.
        revision: Of its report.
        facts: Those of the same revision.
    """

    def __init__(
        self, journal: Journal, uid: str, revision: int, facts: LabelFacts
    ) -> None:
        self._journal, self._uid = journal, uid
        self.revision = revision
        self.facts = facts

    def blocks(self) -> Iterator[Columns]:
        """See :class:`RunLabels`."""
        left = self.facts.images
        for number in kept_blocks(self._journal, self._uid):
            found = kept_block(self._journal, self._uid, self.revision, number)
            if found is None:
                break
            left -= found["image_id"].size
            yield found
        if left:
            raise LabelsGoneError(f"run {self._uid}: kept labels cannot be read")

    def at(self, image_id: int) -> Mapping[str, Any] | None:
        """See :class:`RunLabels`."""
        number = image_id // SNAPSHOT_ROWS
        found = kept_block(self._journal, self._uid, self.revision, number)
        if found is None:
            if number not in kept_blocks(self._journal, self._uid):
                return None
            raise LabelsGoneError(f"run {self._uid}: kept labels cannot be read")
        return _row(found, image_id)


def _row(columns: Columns, image_id: int) -> Mapping[str, Any] | None:
    ids = columns["image_id"]
    place = int(np.searchsorted(ids, image_id))
    if place == ids.size or int(ids[place]) != image_id:
        return None
    return {name: values[place].item() for name, values in columns.items()}


def keep(journal: Journal, run: Run, labels: LabelsAtHand) -> None:
    """Keep the labels of a run that is about to be sealed.

    Args:
        journal: A connection for the calling thread.
        run: The run as its report has it.
        labels: Its labels.

    Raises:
        JournalError: The disk refuses.
    """
    body = labels.facts.to_json()
    keep_labels(journal, run.uid, run.revision, body, labels.columns, labels.chip)


def sealed_report(journal: Journal, known: Headline) -> tuple[int, Json] | None:
    """Revision and report of a sealed run; None of any other."""
    if not known.sealed or known.reported is None:
        return None
    record = journal.record(known.reported)
    if record is None:
        return None
    revision, report = record.body.get("revision"), record.body.get("report")
    if not isinstance(revision, int) or not isinstance(report, dict):
        return None
    return revision, report


def kept_labels(journal: Journal, known: Headline) -> KeptLabels | None:
    """The labels of a sealed run as they were kept; None if there are none."""
    sealed = sealed_report(journal, known)
    if sealed is None:
        return None
    revision, report = sealed
    body = kept_facts(journal, known.uid, revision)
    try:
        facts = None if body is None else facts_from_json(body)
        if facts is None or not _is_of(facts, report):
            return None
    except (KeyError, TypeError, ValueError):  # another recorder's
        return None
    return KeptLabels(journal, known.uid, revision, facts)


def _is_of(facts: LabelFacts, report: Json) -> bool:
    """Whether labels are those that a report counts.

    A recorder that was killed as it sealed a run may have left labels of the same
    revision that know less.
    """
    events = sum(report["events"].values())
    return (facts.images, facts.events) == (report["images"]["received"], events)


def with_labels(
    journal: Journal, known: Headline, use: Callable[[RunLabels], T]
) -> T | None:
    """What somebody makes of a run's labels; None if there is no such run any more.

    Args:
        journal: Where the run is.
        known: The run.
        use: Called with the labels; once more if those that were kept are damaged.
    """
    kept = kept_labels(journal, known)
    if kept is not None:
        try:
            return use(kept)
        except LabelsGoneError:
            pass
    run = load_run(journal, known.uid)
    return None if run is None else use(labels_of(run))


def labels_of(run: Run) -> LabelsAtHand:
    """The labels of a run with its images and events."""
    timeline = timeline_of(run)
    return LabelsAtHand(run, timeline, measure(run, timeline))
