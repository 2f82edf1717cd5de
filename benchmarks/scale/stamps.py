"""When modelled workers got images and were done with them; read while it goes on."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ROW = np.dtype([("at", "<f8"), ("image", "<i8"), ("worker", "<i8")])
"""Seconds of the monotonic clock, which all processes of a host share; the image's
number; the process id of the worker."""


class Stamps:
    """Where one process writes them; what is written survives its death.

    Args:
        folder: Two files for each process.
    """

    def __init__(self, folder: Path) -> None:
        self._pid = os.getpid()
        how = os.O_CREAT | os.O_APPEND | os.O_WRONLY
        self._came = os.open(folder / f"{self._pid}.came", how)
        self._done = os.open(folder / f"{self._pid}.done", how)

    def came(self, at: float, image: int) -> None:
        """An image is with the worker."""
        os.write(self._came, np.array([(at, image, self._pid)], ROW).tobytes())

    def done(self, at: float, image: int) -> None:
        """It is done with it."""
        os.write(self._done, np.array([(at, image, self._pid)], ROW).tobytes())


@dataclass(frozen=True)
class Found:
    """The stamps of all processes, ROW each, by time."""

    came: NDArray[np.void]
    done: NDArray[np.void]


def read_stamps(folder: Path) -> Found:
    """What was written so far."""
    return Found(_rows(folder, "came"), _rows(folder, "done"))


def images_done(folder: Path) -> int:
    """How many images are done."""
    sizes = (path.stat().st_size for path in folder.glob("*.done"))
    return sum(size // ROW.itemsize for size in sizes)


def _rows(folder: Path, kind: str) -> NDArray[np.void]:
    parts = [np.zeros(0, ROW)]
    for path in folder.glob(f"*.{kind}"):
        data = path.read_bytes()
        # a row that is being written is left out
        parts.append(
            np.frombuffer(data[: len(data) // ROW.itemsize * ROW.itemsize], ROW)
        )
    rows = np.concatenate(parts)
    return rows[np.argsort(rows["at"], kind="stable")]
