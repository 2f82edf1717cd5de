"""CrystFEL event lists of a run: light, dark, indexed, and one for each delay."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recorder.foreign_text import plain
from recorder.journal.kept_labels import Columns
from recorder.records import Announcement, Files
from recorder.reports.label_facts import NO_LABELS
from recorder.reports.run_labels import RunLabels
from recorder.reports.statistics import delay_clusters
from recorder.sinks.held_folder import HeldFolder
from recorder.ssx.arrays import BoolArray
from recorder.ssx.clocks.unknown import NO_DELAY
from recorder.ssx.labels.timeline import DARK, LIGHT

Choose = Callable[[Columns, BoolArray], BoolArray]
"""Which images of a block a list has; told which of them are indexed."""
IndexedIn = Callable[[int, int], Sequence[int]]
"""The indexed images from one image_id to before another."""
_AT_ONCE = 64
"""Lists that are open at a time, of the 1024 files that a process may have. Chosen, not
tuned."""
_DELAY_LIST = re.compile(r"delay_-?[0-9.]+(e[+-][0-9]+)?s(-[0-9]+)?\.lst")
"""Names of our lists by delay, which another revision may have had more of."""
_DIGITS = range(4, 16)
"""Of a delay in a name: four where they tell all delays apart, at most all of them."""


def write_event_lists(
    folder: HeldFolder,
    announced: Announcement,
    labels: RunLabels,
    indexed: IndexedIn,
) -> None:
    """CrystFEL event lists, one for each delay; those of an earlier revision go.

    Args:
        folder: Of the run.
        announced: Names the file with its images, and where in it a part begins.
        labels: Of the run.
        indexed: Tells which of its images are indexed.

    Raises:
        LabelsGoneError: The labels cannot be read.
        SinkError, SinkUnavailableError: They cannot be written.
    """
    files = announced.files or Files()
    path = Path(files.directory or ".") / (files.template or "unknown.h5")
    image_file = plain(path)  # a line end in it would make a line
    first = announced.part.first_image if announced.part else 0
    delays = _light_delays(labels)
    cluster = delay_clusters(delays)
    firsts = np.flatnonzero(np.diff(cluster, prepend=-1))
    each = np.split(delays, firsts[1:])
    names = delay_names([float(np.median(mine)) for mine in each if mine.size])
    lowest = delays[firsts]
    chosen: dict[str, Choose] = {"light": _light, "dark": _dark, "indexed": _indexed}
    chosen.update({name: _of_delay(lowest, n) for n, name in enumerate(names)})
    every = list(chosen.items())
    for n in range(0, len(every), _AT_ONCE):
        some = dict(every[n : n + _AT_ONCE])
        _write_lists(folder, image_file, labels, indexed, some, first)
    folder.remove(
        name
        for name in folder.names()
        if _DELAY_LIST.fullmatch(name) and name.removesuffix(".lst") not in chosen
    )


def _light_delays(labels: RunLabels) -> NDArray[np.int64]:
    """Known delays (ns) of the light images, ascending: 8 bytes for each of them."""
    parts = [NO_LABELS["delay_ns"]]
    for block in labels.blocks():
        delay = block["delay_ns"]
        parts.append(delay[(block["pump"] == LIGHT) & (delay != NO_DELAY)])
    return np.sort(np.concatenate(parts))


def _write_lists(
    folder: HeldFolder,
    image_file: str,
    labels: RunLabels,
    indexed: IndexedIn,
    chosen: Mapping[str, Choose],
    first: int,
) -> None:
    """Some of the lists, a block of images at a time.

    Args:
        folder: Of the run.
        image_file: With its images.
        labels: Of the run.
        indexed: Tells which of its images are indexed.
        chosen: The lists, and what each has.
        first: Number in the file of its image 0.
    """
    with ExitStack() as stack:
        files = {}
        for name in chosen:
            descriptor = stack.enter_context(folder.replacing(f"{name}.lst"))
            file = os.fdopen(descriptor, "wb", closefd=False)
            files[name] = stack.enter_context(file)
        for block in labels.blocks():
            ids = block["image_id"]
            hits = np.isin(ids, indexed(int(ids[0]), int(ids[-1]) + 1))
            for name, choose in chosen.items():
                mine = (ids[choose(block, hits)] + first).tolist()
                text = "".join(f"{image_file} //{n}\n" for n in mine)
                files[name].write(text.encode())


def _light(block: Columns, indexed: BoolArray) -> BoolArray:
    return np.asarray(block["pump"] == LIGHT)


def _dark(block: Columns, indexed: BoolArray) -> BoolArray:
    return np.asarray(block["pump"] == DARK)


def _indexed(block: Columns, indexed: BoolArray) -> BoolArray:
    return indexed


def _of_delay(lowest: NDArray[np.int64], number: int) -> Choose:
    """Light images of one of the distinct delays.

    Args:
        lowest: Delay (ns) with which each of them begins.
        number: Which of them.
    """

    def choose(block: Columns, indexed: BoolArray) -> BoolArray:
        delay = block["delay_ns"]
        mine = np.searchsorted(lowest, delay, "right") - 1 == number
        return np.asarray(mine & (block["pump"] == LIGHT) & (delay != NO_DELAY))

    return choose


def delay_names(delays_ns: Sequence[float]) -> list[str]:
    """File names of lists by delay, such as ``delay_0.6s``: each has its own."""
    for digits in _DIGITS:
        names = [delay_name(delay, digits) for delay in delays_ns]
        if len(set(names)) == len(names):
            return names
    return [f"{name}-{n}" for n, name in zip(count(1), names, strict=False)]


def delay_name(delay_ns: float, digits: int = _DIGITS[0]) -> str:
    """File name of a delay's list, such as ``delay_0.6s``."""
    return f"delay_{delay_ns / 1e9:.{digits}g}s"
