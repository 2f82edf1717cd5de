"""Angles of each image that a file had, kept with its run as long as its images are."""

from __future__ import annotations

import zlib
from dataclasses import replace
from zipfile import BadZipFile

import numpy as np

from recorder.journal.snapshots_table import Packed, pack_arrays, unpack_arrays
from recorder.records import FileAngles
from recorder.runs.run import Run

ANGLES = "file_angles"
"""Kind of the snapshots."""
GONE = (
    "the file had an angle for each image, but the journal has lost them: replay the "
    "file anew to have them"
)


def pack_angles(angles: FileAngles) -> bytes:
    """The angles as one value of the database."""
    arrays = {"start": angles.start}
    if angles.end is not None:
        arrays["end"] = angles.end
    return zlib.compress(pack_arrays(arrays), 1)


def unpack_angles(axis: str, body: bytes) -> FileAngles:
    """The reverse of :func:`pack_angles`.

    Raises:
        KeyError, ValueError, zipfile.BadZipFile, zlib.error: The body is damaged.
    """
    found = unpack_arrays(zlib.decompress(body))
    columns = [found["start"], *([found["end"]] if "end" in found else [])]
    if any(c.dtype != np.float64 or c.shape != columns[0].shape for c in columns):
        raise ValueError("no columns of angles")
    return FileAngles(axis, found["start"], found.get("end"))


def give_angles(journal: Packed, run: Run, axis: str | None) -> None:
    """Give a run that was read again the angles that its file had.

    Args:
        journal: Where they are.
        run: The run; a note says so if they are lost.
        axis: Their axis, as the run's record names it; None: the file had none.
    """
    if axis is None or run.start is None:
        return
    kept = journal.snapshot(run.uid, ANGLES, 0)
    try:
        if kept is None:
            raise KeyError(ANGLES)
        run.start = replace(run.start, angles=unpack_angles(axis, kept[1]))
    except (KeyError, ValueError, BadZipFile, zlib.error):
        run.note(GONE)
