"""CrystFEL event lists of a run: light, dark, indexed, and one for each delay."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import count
from pathlib import Path

import numpy as np

from recorder.foreign_text import plain
from recorder.records import Files, Pump
from recorder.records.image_outcome import INDEXED
from recorder.reports.statistics import delay_clusters
from recorder.runs.run import Run
from recorder.sinks.atomic_files import write_text
from recorder.sinks.held_folder import HeldFolder
from recorder.ssx.clocks.unknown import NO_DELAY
from recorder.ssx.labels.timeline import PUMPS, Labels

_DELAY_LIST = re.compile(r"delay_-?[0-9.]+(e[+-][0-9]+)?s(-[0-9]+)?\.lst")
"""Names of our lists by delay, which another revision may have had more of."""
_DIGITS = range(4, 16)
"""Of a delay in a name: four where they tell all delays apart, at most all of them."""


def write_event_lists(folder: HeldFolder, run: Run, labels: Labels) -> None:
    """CrystFEL event lists, one for each delay; those of an earlier revision go."""
    files = run.announcement.files or Files()
    path = Path(files.directory or ".") / (files.template or "unknown.h5")
    image_file = plain(path)  # a line end in it would make a line
    ids = run.images.ids
    indexed = run.images.column("outcome")[ids] == INDEXED
    light = labels.pump == PUMPS.index(Pump.LIGHT)
    dark = labels.pump == PUMPS.index(Pump.DARK)
    chosen = {"light": light, "dark": dark, "indexed": indexed}
    cluster = delay_clusters(np.where(light, labels.delay_ns, NO_DELAY))
    each = [cluster == number for number in range(int(cluster.max(initial=-1)) + 1)]
    delays = [float(np.median(labels.delay_ns[mine])) for mine in each]
    chosen.update(zip(delay_names(delays), each, strict=True))
    for name, which in chosen.items():
        lines = "".join(f"{image_file} //{n}\n" for n in ids[which].tolist())
        write_text(folder, f"{name}.lst", lines)
    folder.remove(
        name
        for name in folder.names()
        if _DELAY_LIST.fullmatch(name) and name.removesuffix(".lst") not in chosen
    )


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
