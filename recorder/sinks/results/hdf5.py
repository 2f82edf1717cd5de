"""``results.h5``: one row for each image, in columns, readable by h5py and silx."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar

import h5py
import numpy as np
from numpy.typing import NDArray

from recorder.foreign_text import key_name, plain
from recorder.records import ImageOutcome, Lattice, TimedEvent
from recorder.runs.run import Run
from recorder.runs.timeline.chip import chip_of
from recorder.runs.timeline.measurement import PulseFacts
from recorder.sinks.held_folder import HeldFolder
from recorder.ssx.clocks.unknown import NO_TIME
from recorder.ssx.labels.delays import (
    after_reaction,
    mid_exposure,
    overlap,
    since_start,
)
from recorder.ssx.labels.timeline import EVIDENCES, PUMPS, Labels, Timeline
from recorder.ssx.scan.walk import NOWHERE

FILE = "results.h5"
BATCH = 512
"""Rows and events that are objects at a time; a long run has millions."""
T = TypeVar("T")
Arrays = dict[str, NDArray[Any]]


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
_NO_LATTICE = Lattice((np.nan,) * 6, (np.nan,) * 9, 0, np.nan, np.nan)
"""What stands in the columns of an image without lattice."""


def write_results(
    folder: HeldFolder,
    run: Run,
    timeline: Timeline,
    pulses: PulseFacts,
    rows: Iterator[ImageOutcome],
    events: Iterator[TimedEvent],
) -> None:
    """Write the file anew, whole.

    Args:
        folder: Of the run.
        run: The run.
        timeline: Its labels, in ascending image_id.
        pulses: What is known of its laser pulses and reaction triggers.
        rows: What became of its images, in ascending image_id.
        events: Its events as they were received.
    """
    columns = image_arrays(run, timeline, pulses, rows)
    told = _in_batches(event_arrays, events)
    body = _file_image(run, timeline, pulses, columns, told)
    folder.write(FILE, body)


def image_arrays(
    run: Run, timeline: Timeline, pulses: PulseFacts, rows: Iterator[ImageOutcome]
) -> Arrays:
    """One array for each column; the first axis of each is the received images.

    Args:
        run: The run.
        timeline: Its labels.
        pulses: What the lasers' durations and reaction triggers add to the columns.
        rows: Outcomes of the received images, by ascending image_id.
    """
    exposure = run.images.column("exposure_ns")[run.images.ids]
    labels = timeline.labels
    return {
        **_in_batches(_row_arrays, rows),
        **_label_arrays(labels),
        **_well_arrays(run, timeline),
        "exposure_ns": exposure,
        "delay_mid_ns": mid_exposure(labels.delay_ns, exposure),
        "overlap": overlap(labels.delay_ns, exposure, pulses.pump_s),
    }


def _file_image(
    run: Run,
    timeline: Timeline,
    pulses: PulseFacts,
    columns: Arrays,
    events: Arrays,
) -> bytes:
    """The file, made in memory: on a full disk the HDF5 library may end the process."""
    # HDF5 1.10 opens these; the library's newest layout it would not.
    with h5py.File(
        FILE, "w", driver="core", backing_store=False, libver=("v110", "v110")
    ) as file:
        entry = file.create_group("entry")
        file.attrs.update({"NX_class": "NXroot", "default": "entry"})
        entry.attrs.update({"NX_class": "NXentry", "default": "images"})
        entry["title"] = plain(f"{run.experiment} run {run.number}")
        entry["run_uid"] = plain(run.uid)
        images = entry.create_group("images")
        images.attrs.update({"NX_class": "NXdata", "signal": "spots"})
        for name in tuple(columns):
            images[name] = columns.pop(name)  # not kept twice
            if unit := UNITS.get(name):
                images[name].attrs["units"] = unit
        _reactions(entry, timeline, pulses)
        group = entry.create_group("events")
        group.attrs["NX_class"] = "NXcollection"
        for name, values in events.items():
            group[name] = values
        file.flush()
        return bytes(file.id.get_file_image())


def _in_batches(
    arrays_of: Callable[[Sequence[T]], Arrays], items: Iterator[T]
) -> Arrays:
    """The arrays of all items, made from a few at a time."""
    parts = [arrays_of(())]  # their types, if there is no item
    while batch := tuple(islice(items, BATCH)):
        parts.append(arrays_of(batch))
    return {
        name: np.concatenate([part.pop(name) for part in parts])
        for name in tuple(parts[0])
    }


def _reactions(entry: h5py.Group, timeline: Timeline, pulses: PulseFacts) -> None:
    """Time since each reaction trigger, for each image; by :func:`key_name`."""
    group = entry.create_group("reactions")
    group.attrs["NX_class"] = "NXcollection"
    since = since_start(timeline.labels.ordinal, timeline.table, pulses.first_ns)
    for name, offset in pulses.reactions.items():
        data = group.create_dataset(key_name(name), data=after_reaction(since, offset))
        data.attrs.update({"units": "ns", "offset_s": offset, "name": plain(name)})


def _row_arrays(images: Sequence[ImageOutcome]) -> Arrays:
    found = [image.found for image in images]
    first = [one.lattices[0] if one.lattices else _NO_LATTICE for one in found]
    orientation = [lattice.vectors or _NO_LATTICE.vectors for lattice in first]
    return {
        "image_id": np.array([image.image_id for image in images], np.int64),
        "start_time_ns": _times([image.start_time_ns for image in images]),
        "class": _texts([image.outcome for image in images]),
        "spots": np.array([one.spots for one in found], np.int32),
        "lattices": np.array([len(one.lattices) for one in found], np.int16),
        "cell": _vectors([lattice.cell for lattice in first], 6),
        "cell_error": _vectors(
            [lattice.cell_error or _NO_LATTICE.cell for lattice in first], 6
        ),
        "orientation": _vectors(orientation, 9),
        "resolution": _floats([one.resolution for one in found]),
        "background": _floats([one.background for one in found]),
        "solvent": _floats([one.solvent for one in found]),
        "saturated_pixels": np.array([one.saturated_pixels for one in found], np.int32),
        "log10_nfa": _floats([lattice.log10_nfa for lattice in first]),
        "residual": _floats([lattice.residual for lattice in first]),
        "learned": np.array([one.learned for one in found], np.int32),
        "class_before": _texts([one.before or "" for one in found]),
    }


def _label_arrays(labels: Labels) -> Arrays:
    return {
        "ordinal": labels.ordinal,
        "pump": _texts(PUMPS)[labels.pump],
        "dark_n": labels.dark_n,
        "delay_ns": labels.delay_ns,
        "chain": labels.chain,
        "slot": labels.slot,
        "cycle": labels.cycle,
        "evidence": _texts(EVIDENCES)[labels.evidence],
        "residual_ns": labels.residual_ns,
    }


def _well_arrays(run: Run, timeline: Timeline) -> Arrays:
    """Where on its chip each image is from; -1 in all columns where that is unknown."""
    chip = chip_of(run, timeline)
    names = ("block", "row", "column", "shot")
    if chip is None:
        nothing = np.full(run.images.ids.size, NOWHERE, np.int32)
        return dict.fromkeys(names, nothing)
    wells = chip.seen.wells
    return {name: getattr(wells, name).astype(np.int32) for name in names}


def event_arrays(events: Sequence[TimedEvent]) -> Arrays:
    """The raw events, as they were received."""
    triggers = [-1 if event.trigger is None else event.trigger for event in events]
    return {
        "type": _texts([event.type for event in events]),
        "uid": np.array([event.uid.encode() for event in events], "S"),
        "time_ns": np.array([event.time_ns for event in events], np.int64),
        "trigger": np.array(triggers, np.int64),
        "evidence": _texts([event.evidence for event in events]),
    }


def _times(values: list[int | None]) -> Any:
    return np.array([NO_TIME if v is None else v for v in values], np.int64)


def _floats(values: Sequence[float | None]) -> Any:
    return np.array([np.nan if v is None else v for v in values], np.float32)


def _texts(values: Sequence[Any]) -> Any:
    return np.array([str(v) for v in values], "S24")


def _vectors(values: Sequence[tuple[float, ...]], width: int) -> Any:
    return np.array(values, np.float64).reshape(-1, width)
