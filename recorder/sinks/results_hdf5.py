"""``results.h5``: one row for each image, in columns, readable by h5py and silx."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from recorder.journal import ImageRow
from recorder.records import TimedEvent
from recorder.runs.chains import Measurement, measure
from recorder.runs.run import Run
from recorder.sinks.files import replacing
from recorder.ssx.delays import after_reaction, mid_exposure, overlap, since_start
from recorder.ssx.timeline import EVIDENCES, PUMPS, Labels, Timeline
from recorder.ssx.times import NO_TIME


def write_results(
    path: Path,
    run: Run,
    timeline: Timeline,
    rows: Iterator[ImageRow],
    events: Iterator[TimedEvent],
) -> None:
    """Write the file anew, whole.

    Args:
        path: Where.
        run: The run.
        timeline: Its labels, in ascending image_id.
        rows: Its image rows, in ascending image_id.
        events: Its events as they were received.
    """
    measurement = measure(run, timeline)
    columns = _columns(list(rows), timeline.labels)
    columns |= _delays(run, timeline.labels, measurement)
    body = _file_image(run, timeline, measurement, columns, list(events))
    with replacing(path) as temporary:
        temporary.write_bytes(body)


def _file_image(
    run: Run,
    timeline: Timeline,
    measurement: Measurement,
    columns: dict[str, tuple[Any, str]],
    events: list[TimedEvent],
) -> bytes:
    """The file, made in memory: on a full disk the HDF5 library may end the process."""
    # HDF5 1.10 opens these; the library's newest layout it would not.
    with h5py.File(
        "results.h5", "w", driver="core", backing_store=False, libver=("v110", "v110")
    ) as file:
        entry = file.create_group("entry")
        file.attrs.update({"NX_class": "NXroot", "default": "entry"})
        entry.attrs.update({"NX_class": "NXentry", "default": "images"})
        entry["title"] = f"{run.experiment} run {run.number}"
        entry["run_uid"] = run.uid
        images = entry.create_group("images")
        images.attrs.update({"NX_class": "NXdata", "signal": "spots"})
        for name, (values, unit) in columns.items():
            images.create_dataset(name, data=values)
            if unit:
                images[name].attrs["units"] = unit
        _reactions(entry, timeline, measurement)
        _events(entry, events)
        file.flush()
        return bytes(file.id.get_file_image())


def _delays(
    run: Run, labels: Labels, measurement: Measurement
) -> dict[str, tuple[Any, str]]:
    """Delays that take the exposure's and the pump's duration into account."""
    exposure = run.images.column("exposure_ns")[run.images.ids]
    return {
        "exposure_ns": (exposure, "ns"),
        "delay_mid_ns": (mid_exposure(labels.delay_ns, exposure), "ns"),
        "overlap": (overlap(labels.delay_ns, exposure, measurement.pump_s), ""),
    }


def _reactions(entry: h5py.Group, timeline: Timeline, measurement: Measurement) -> None:
    """Time since each reaction trigger, for each image."""
    group = entry.create_group("reactions")
    group.attrs["NX_class"] = "NXcollection"
    since = since_start(
        timeline.labels.ordinal, timeline.reference, measurement.first_ns
    )
    for name, offset in measurement.reactions.items():
        data = group.create_dataset(
            name.replace("/", "_"), data=after_reaction(since, offset)
        )
        data.attrs.update({"units": "ns", "offset_s": offset})


def _columns(rows: list[ImageRow], labels: Labels) -> dict[str, tuple[Any, str]]:
    details = [json.loads(row.detail) if row.detail else {} for row in rows]
    first = [(d.get("lattices") or [None])[0] for d in details]
    ids = np.array([row.image_id for row in rows], np.int64)
    return {
        "image_id": (ids, ""),
        "start_time_ns": (_times([row.start_time_ns for row in rows]), "ns"),
        "ordinal": (labels.ordinal, ""),
        "class": (_texts([row.outcome for row in rows]), ""),
        "spots": (np.array([row.spots for row in rows], np.int32), ""),
        "lattices": (
            np.array([len(d.get("lattices") or ()) for d in details], np.int16), ""),
        "cell": (_vectors([f and f["cell"] for f in first], 6), ""),
        "orientation": (_vectors([f and f["vectors"] for f in first], 9), "angstrom"),
        "resolution": (_floats([row.resolution for row in rows]), "angstrom"),
        "background": (_floats([row.background for row in rows]), "counts"),
        "solvent": (_floats([row.solvent for row in rows]), ""),
        "saturated_pixels": (np.array([row.saturated for row in rows], np.int32), ""),
        "log10_nfa": (_floats([f and f["log10_nfa"] for f in first]), ""),
        "residual": (_floats([f and f["residual"] for f in first]), "1/angstrom"),
        "learned": (np.array([row.learned for row in rows], np.int32), ""),
        "pump": (_texts([PUMPS[code] for code in labels.pump.tolist()]), ""),
        "dark_n": (labels.dark_n, ""),
        "delay_ns": (labels.delay_ns, "ns"),
        "chain": (labels.chain, ""),
        "slot": (labels.slot, ""),
        "cycle": (labels.cycle, ""),
        "evidence": (_texts([EVIDENCES[n] for n in labels.evidence.tolist()]), ""),
        "residual_ns": (labels.residual_ns, "ns"),
    }  # fmt: skip


def _times(values: list[int | None]) -> Any:
    return np.array([NO_TIME if v is None else v for v in values], np.int64)


def _floats(values: list[float | None]) -> Any:
    return np.array([np.nan if v is None else v for v in values], np.float32)


def _texts(values: list[Any]) -> Any:
    return np.array([str(v) for v in values], "S24")


def _vectors(values: list[Any], width: int) -> Any:
    empty = [np.nan] * width
    return np.array([v or empty for v in values], np.float64).reshape(-1, width)


def _events(entry: h5py.Group, events: list[TimedEvent]) -> None:
    """The raw events, as they were received."""
    group = entry.create_group("events")
    group.attrs["NX_class"] = "NXcollection"
    group["type"] = _texts([event.type for event in events])
    group["uid"] = np.array([event.uid.encode() for event in events], "S")
    group["time_ns"] = np.array([event.time_ns for event in events], np.int64)
    group["trigger"] = np.array(
        [-1 if event.trigger is None else event.trigger for event in events], np.int64
    )
    group["evidence"] = _texts([event.evidence for event in events])
