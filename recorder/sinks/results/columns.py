"""The columns of ``results.h5``, a block of images or events at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recorder.records import ImageOutcome, Lattice, TimedEvent
from recorder.records.scan import Scan
from recorder.runs.tables.image_table import exposure_ns
from recorder.runs.timeline.measurement import PulseFacts
from recorder.ssx.clocks.unknown import NO_TIME
from recorder.ssx.labels.delays import mid_exposure, overlap
from recorder.ssx.labels.timeline import EVIDENCES, PUMPS
from recorder.ssx.scan.walk import NOWHERE, walk_of

BATCH = 512
"""Rows and events that are objects at a time; a long run has millions."""
Arrays = dict[str, NDArray[Any]]
_WELL = ("block", "row", "column", "shot")
_NO_LATTICE = Lattice((np.nan,) * 6, (np.nan,) * 9, 0, np.nan, np.nan)
"""What stands in the columns of an image without lattice."""


def row_columns(images: Iterator[ImageOutcome]) -> Arrays:
    """What became of images, one array for each column, and ``exposure_ns``.

    Args:
        images: By ascending image_id.
    """
    parts = [_row_arrays(())]  # their types, if there is no image
    while batch := tuple(islice(images, BATCH)):
        parts.append(_row_arrays(batch))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def image_columns(
    rows: Mapping[str, NDArray[Any]],
    labels: Mapping[str, NDArray[Any]],
    pulses: PulseFacts,
    scan: Scan | None,
) -> Arrays:
    """One array for each column; the first axis of each is the images.

    Args:
        rows: See :func:`row_columns`.
        labels: Labels of the same images; see ``reports/label_facts.py``.
        pulses: What the lasers' durations add to the columns.
        scan: The announced scan, None without one.
    """
    exposure, delay = rows["exposure_ns"], labels["delay_ns"]
    return {
        **rows,
        **_label_arrays(labels),
        **_well_arrays(labels, scan),
        "delay_mid_ns": mid_exposure(delay, exposure),
        "overlap": overlap(delay, exposure, pulses.pump_s),
    }


def _row_arrays(images: Sequence[ImageOutcome]) -> Arrays:
    found = [image.found for image in images]
    first = [one.lattices[0] if one.lattices else _NO_LATTICE for one in found]
    orientation = [lattice.vectors or _NO_LATTICE.vectors for lattice in first]
    return {
        "image_id": np.array([image.image_id for image in images], np.int64),
        "start_time_ns": _times([image.start_time_ns for image in images]),
        "exposure_ns": np.array(
            [exposure_ns(i.start_time_ns, i.stop_time_ns) for i in images], np.int64
        ),
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


def _label_arrays(labels: Mapping[str, NDArray[Any]]) -> Arrays:
    return {
        "ordinal": labels["ordinal"],
        "pump": _texts(PUMPS)[labels["pump"]],
        "dark_n": labels["dark_n"],
        "delay_ns": labels["delay_ns"],
        "chain": labels["chain"],
        "slot": labels["slot"],
        "cycle": labels["cycle"],
        "evidence": _texts(EVIDENCES)[labels["evidence"]],
        "residual_ns": labels["residual_ns"],
    }


def _well_arrays(labels: Mapping[str, NDArray[Any]], scan: Scan | None) -> Arrays:
    """Where on its chip each image is from; -1 in all columns where that is unknown."""
    ordinal = labels.get("well_ordinal")
    if scan is None or ordinal is None:
        nothing = np.full(labels["pump"].size, NOWHERE, np.int32)
        return dict.fromkeys(_WELL, nothing)
    wells = walk_of(scan).at(ordinal)
    return {name: getattr(wells, name).astype(np.int32) for name in _WELL}


def event_arrays(events: Sequence[TimedEvent], uid_bytes: int = 1) -> Arrays:
    """The raw events, as they were received.

    Args:
        events: Some of them.
        uid_bytes: Of the longest uid of all of them.
    """
    triggers = [-1 if event.trigger is None else event.trigger for event in events]
    uids = [event.uid.encode() for event in events]
    return {
        "type": _texts([event.type for event in events]),
        "uid": np.array(uids, f"S{max(1, uid_bytes)}"),
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
