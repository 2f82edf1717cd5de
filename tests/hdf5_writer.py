"""A real process that writes an HDF5 file in SWMR mode, as it is told line by line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SHAPE = (64, 64)
_PROGRAM = """
import sys, h5py, numpy as np
path, chunk, declared = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
with h5py.File(path, "w", libver="latest") as file:
    shape = (64, 64)
    data = file.create_dataset("entry/data/data", (0, *shape), "u2",
                               chunks=(chunk, *shape), maxshape=(None, *shape))
    if declared:
        specific = "entry/instrument/detector/detectorSpecific"
        group = file.create_group(specific)
        group["nimages"] = declared
        file["entry"].attrs["NX_class"] = "NXentry"
        file["entry/instrument"].attrs["NX_class"] = "NXinstrument"
        file["entry/instrument/detector"].attrs["NX_class"] = "NXdetector"
    file.swmr_mode = True
    print("open", flush=True)
    for line in sys.stdin:
        for _ in range(int(line)):
            n = data.shape[0]
            data.resize(n + 1, axis=0)
            data[n] = np.full(shape, n + 1)
            data.flush()
        print("written", data.shape[0], flush=True)
print("closed", flush=True)
"""


class SwmrWriter:
    """Writes images that hold their number, from 1.

    Args:
        path: The file.
        chunk: Images in a chunk.
        declared: Images that the file announces; 0: none.
    """

    def __init__(self, path: Path, chunk: int = 1, declared: int = 0) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, str(path), str(chunk), str(declared)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        self._hear("open")

    def write(self, images: int) -> None:
        """Append images, flushed when this returns."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{images}\n")
        self._process.stdin.flush()
        self._hear("written")

    def close(self) -> None:
        """Close the file in good order."""
        if self._process.stdin is not None and not self._process.stdin.closed:
            self._process.stdin.close()
            self._hear("closed")
        self._process.wait()

    def kill(self) -> None:
        """End it without warning."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _hear(self, word: str) -> None:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line.startswith(word), line
