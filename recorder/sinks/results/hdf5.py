"""``results.h5``: one row for each image, in columns, readable by h5py and silx.

It is written a block of images at a time, as it is read from the journal: a run of ten
million images takes no more memory than one of ten thousand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import h5py
import numpy as np

from recorder.foreign_text import key_name, plain
from recorder.journal.kept_labels import Columns
from recorder.records import ImageOutcome, TimedEvent
from recorder.reports.label_facts import NO_LABELS
from recorder.reports.run_labels import LabelsGoneError, RunLabels
from recorder.runs.run import Run
from recorder.runs.timeline.measurement import PulseFacts
from recorder.sinks.held_folder import HeldFolder
from recorder.sinks.results.columns import (
    Arrays,
    event_arrays,
    image_columns,
    row_columns,
)
from recorder.sinks.results.disk_file import DiskFile
from recorder.ssx.labels.delays import after_reaction

FILE = "results.h5"
EVENTS = 4096
"""Events that are written at a time, each some 1.2 kB while it is read. Chosen, not
tuned."""

UNITS = {
    "start_time_ns": "ns",
    "orientation": "angstrom",
    "resolution": "angstrom",
    "background": "counts",
    "residual": "1/angstrom",
    "delay_ns": "ns",
    "residual_ns": "ns",
    "exposure_ns": "ns",
    "delay_mid_ns": "ns",
}


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the journal has of a run."""

    rows: Callable[[int, int], Iterator[ImageOutcome]]
    """What became of the images from one image_id to before another, ascending."""
    events: Callable[[], Iterator[TimedEvent]]
    """Its events as they were received, each once."""
    uid_bytes: int
    """Of the longest uid of its events."""


def write_results(
    folder: HeldFolder,
    run: Run,
    labels: RunLabels,
    pulses: PulseFacts,
    recorded: Recorded,
) -> None:
    """Write the file anew, whole.

    Args:
        folder: Of the run.
        run: The run; its images and events are not looked at.
        labels: Its labels.
        pulses: What is known of its laser pulses and reaction triggers.
        recorded: What the journal has of it.

    Raises:
        LabelsGoneError: Labels and rows are not of the same images.
        SinkError, SinkUnavailableError: The file cannot be written.
    """
    with folder.replacing(FILE) as descriptor:
        disk = DiskFile(descriptor)
        # HDF5 1.10 opens these; the library's newest layout it would not.
        with h5py.File(disk, "w", libver=("v110", "v110")) as file:
            _fill(file, disk, run, labels, pulses, recorded)
        disk.check()


def _fill(
    file: h5py.File,
    disk: DiskFile,
    run: Run,
    labels: RunLabels,
    pulses: PulseFacts,
    recorded: Recorded,
) -> None:
    entry = file.create_group("entry")
    file.attrs.update({"NX_class": "NXroot", "default": "entry"})
    entry.attrs.update({"NX_class": "NXentry", "default": "images"})
    entry["title"] = plain(f"{run.experiment} run {run.number}")
    entry["run_uid"] = plain(run.uid)
    images = entry.create_group("images")
    images.attrs.update({"NX_class": "NXdata", "signal": "spots"})
    reactions = entry.create_group("reactions")
    reactions.attrs["NX_class"] = "NXcollection"
    told = entry.create_group("events")
    told.attrs["NX_class"] = "NXcollection"
    columns = _Columns(images, labels.facts.images, _unit_attributes())
    since = _Columns(reactions, labels.facts.images, _reaction_attributes(pulses))
    for block in labels.blocks():
        columns.add(_images_of(block, run, pulses, recorded))
        since.add(_since(block, pulses))
        disk.check()
    if not columns.size:
        columns.add(image_columns(row_columns(iter(())), NO_LABELS, pulses, None))
        since.add(_since(NO_LABELS, pulses))
    _tell_events(told, labels.facts.events, recorded, disk)


def _images_of(
    block: Columns, run: Run, pulses: PulseFacts, recorded: Recorded
) -> Arrays:
    """The columns of the images of a block."""
    ids = block["image_id"]
    wanted = frozenset(ids.tolist())
    rows = recorded.rows(int(ids[0]), int(ids[-1]) + 1)
    # what came since the labels were worked out is in a further revision
    found = row_columns(image for image in rows if image.image_id in wanted)
    if not np.array_equal(found["image_id"], ids):
        raise LabelsGoneError(f"run {run.uid}: not all labelled images have rows")
    return image_columns(found, block, pulses, run.announcement.scan)


def _since(block: Columns, pulses: PulseFacts) -> Arrays:
    """Time since each reaction trigger, for each image; by :func:`key_name`."""
    return {
        key_name(name): after_reaction(block["since_ns"], offset)
        for name, offset in pulses.reactions.items()
    }


def _unit_attributes() -> dict[str, dict[str, Any]]:
    return {name: {"units": unit} for name, unit in UNITS.items()}


def _reaction_attributes(pulses: PulseFacts) -> dict[str, dict[str, Any]]:
    return {
        key_name(name): {"units": "ns", "offset_s": offset, "name": plain(name)}
        for name, offset in pulses.reactions.items()
    }


def _tell_events(
    group: h5py.Group, count: int, recorded: Recorded, disk: DiskFile
) -> None:
    """The events, as many as there are: those of a sealed run are counted before."""
    columns = _Growing(group, max(1, min(EVENTS, count)))
    events = recorded.events()
    columns.add(event_arrays((), recorded.uid_bytes))
    while batch := tuple(islice(events, EVENTS)):
        columns.add(event_arrays(batch, recorded.uid_bytes))
        disk.check()


class _Columns:
    """Datasets of a known length, written a block at a time.

    Args:
        group: Where they are.
        length: Entries of each.
        attributes: Of each by name, if it has any.
    """

    def __init__(
        self, group: h5py.Group, length: int, attributes: dict[str, dict[str, Any]]
    ) -> None:
        self._group, self._length, self._attributes = group, length, attributes
        self.size = 0
        """Entries that were written."""

    def add(self, block: Arrays) -> None:
        """Write the next entries of each."""
        count = 0
        for name, values in block.items():
            if name not in self._group:
                shape = (self._length, *values.shape[1:])
                made = self._group.create_dataset(name, shape, values.dtype)
                made.attrs.update(self._attributes.get(name, {}))
            count = len(values)
            if count:
                self._group[name][self.size : self.size + count] = values
        self.size += count


class _Growing:
    """Datasets that become as long as what is added to them.

    Args:
        group: Where they are.
        chunk: Entries that lie together.
    """

    def __init__(self, group: h5py.Group, chunk: int) -> None:
        self._group, self._chunk = group, chunk
        self._size = 0

    def add(self, block: Arrays) -> None:
        """Write further entries of each."""
        count = 0
        for name, values in block.items():
            if name not in self._group:
                self._group.create_dataset(
                    name, (0,), values.dtype, maxshape=(None,), chunks=(self._chunk,)
                )
            count = len(values)
            if count:
                self._group[name].resize((self._size + count,))
                self._group[name][self._size :] = values
        self._size += count
