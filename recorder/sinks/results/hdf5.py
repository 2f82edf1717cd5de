"""``results.h5``: one row for each image, in columns, readable by h5py and silx.

It is written a block of images at a time, as it is read from the journal: a run of ten
million images takes no more memory than one of ten thousand.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from itertools import islice
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from recorder.foreign_text import key_name, plain
from recorder.journal.kept_labels import Columns as Labelled
from recorder.reports.label_facts import NO_LABELS, LabelFacts
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
from recorder.sinks.results.laid_out import Columns, Place, laid_out, make_holes
from recorder.sinks.results.recorded import Recorded
from recorder.sinks.results.technique_files import TechniqueFiles
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


def write_results(
    folder: HeldFolder,
    run: Run,
    labels: RunLabels,
    pulses: PulseFacts,
    recorded: Recorded,
    technique: TechniqueFiles | None = None,
) -> None:
    """Write the file anew, whole.

    Args:
        folder: Of the run.
        run: The run; its images and events are not looked at.
        labels: Its labels.
        pulses: What is known of its laser pulses and reaction triggers.
        recorded: What the journal has of it.
        technique: What its technique adds; None: nothing.

    Raises:
        LabelsGoneError: Labels, rows and events are not of the same moment.
        SinkError, SinkUnavailableError: The file cannot be written.
    """
    make = partial(_describe, run, labels.facts, pulses, recorded.uid_bytes, technique)
    with folder.replacing(FILE) as descriptor:
        with laid_out(descriptor, make) as columns:
            for block in labels.blocks():
                found = _images_of(block, run, pulses, recorded)
                columns["images"].add({**found, **_further(technique, run, block)})
                columns["reactions"].add(_since(block, pulses))
            _tell_events(columns["events"], labels.facts.events, recorded)
        if columns["images"].size != labels.facts.images:
            raise LabelsGoneError(f"run {run.uid}: images have no labels")


def _further(
    technique: TechniqueFiles | None, run: Run, labels: Mapping[str, NDArray[Any]]
) -> Arrays:
    """Columns of the run's technique for a block of images."""
    return {} if technique is None else technique.columns(run, labels)


def _describe(
    run: Run,
    facts: LabelFacts,
    pulses: PulseFacts,
    uid_bytes: int,
    technique: TechniqueFiles | None,
    file: h5py.File,
) -> dict[str, dict[str, Place]]:
    """All that is in the file but the numbers."""
    entry = file.create_group("entry")
    file.attrs.update({"NX_class": "NXroot", "default": "entry"})
    entry.attrs.update({"NX_class": "NXentry", "default": "images"})
    entry["title"] = plain(f"{run.experiment} run {run.number}")
    entry["run_uid"] = plain(run.uid)
    images = entry.create_group("images")
    images.attrs.update({"NX_class": "NXdata", "signal": "spots"})
    reactions = entry.create_group("reactions")
    reactions.attrs["NX_class"] = "NXcollection"
    events = entry.create_group("events")
    events.attrs["NX_class"] = "NXcollection"
    nothing = image_columns(row_columns(iter(())), NO_LABELS, pulses, None)
    nothing |= _further(technique, run, NO_LABELS)
    since, none = _since(NO_LABELS, pulses), event_arrays((), uid_bytes)
    places = {
        "images": make_holes(images, facts.images, nothing),
        "reactions": make_holes(reactions, facts.images, since),
        "events": make_holes(events, facts.events, none),
    }
    for name, unit in {**UNITS, **(technique.units if technique else {})}.items():
        images[name].attrs["units"] = unit
    for name, offset in pulses.reactions.items():
        told = {"units": "ns", "offset_s": offset, "name": plain(name)}
        reactions[key_name(name)].attrs.update(told)
    return places


def _images_of(
    block: Labelled, run: Run, pulses: PulseFacts, recorded: Recorded
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


def _since(block: Labelled, pulses: PulseFacts) -> Arrays:
    """Time since each reaction trigger, for each image; by :func:`key_name`."""
    return {
        key_name(name): after_reaction(block["since_ns"], offset)
        for name, offset in pulses.reactions.items()
    }


def _tell_events(columns: Columns, count: int, recorded: Recorded) -> None:
    """The events, as many as the labels know; those that came since are left out."""
    events = islice(recorded.events(), count)
    while batch := tuple(islice(events, EVENTS)):
        columns.add(event_arrays(batch, recorded.uid_bytes))
    if columns.size != count:
        raise LabelsGoneError(f"{count - columns.size} events are not there any more")
