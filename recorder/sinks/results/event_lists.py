"""CrystFEL event lists of a run: light, dark, indexed, and one for each delay."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from recorder.records import Files, Pump
from recorder.records.image_outcome import INDEXED
from recorder.reports.statistics import delay_clusters
from recorder.runs.run import Run
from recorder.sinks.atomic_files import write_text
from recorder.ssx.clocks.unknown import NO_DELAY
from recorder.ssx.labels.timeline import PUMPS, Labels


def write_event_lists(folder: Path, run: Run, labels: Labels) -> None:
    """CrystFEL event lists; one more for each delay."""
    files = run.announcement.files or Files()
    image_file = str(Path(files.directory or ".") / (files.template or "unknown.h5"))
    ids = run.images.ids
    indexed = run.images.column("outcome")[ids] == INDEXED
    light = labels.pump == PUMPS.index(Pump.LIGHT)
    dark = labels.pump == PUMPS.index(Pump.DARK)
    chosen = {"light": light, "dark": dark, "indexed": indexed}
    cluster = delay_clusters(np.where(light, labels.delay_ns, NO_DELAY))
    for number in range(int(cluster.max(initial=-1)) + 1):
        mine = cluster == number
        chosen[delay_name(float(np.median(labels.delay_ns[mine])))] = mine
    for name, which in chosen.items():
        lines = "".join(f"{image_file} //{n}\n" for n in ids[which].tolist())
        write_text(folder / f"{name}.lst", lines)


def delay_name(delay_ns: float) -> str:
    """File name of a delay's list, such as ``delay_0.6s``."""
    return f"delay_{delay_ns / 1e9:.4g}s"
