"""Small file systems, to be filled, and folders in memory.

The first need the right to mount: root, as in CI.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from recorder.errors import ServerMissingError

MEMORY = Path("/dev/shm")
"""Where Linux keeps a file system in memory."""
ROOM_BYTES = 1 << 30
"""As much must be free in it: a server takes 0.2 GB, and eight of them may begin."""
PREFIX = "recorder-tests-"


@contextmanager
def memory_folder(otherwise: Path) -> Iterator[Path]:
    """A folder in memory, which goes with the context.

    A database makes and drops the tables of ISPyB there in a tenth of the time that it
    waits for a disk. What a killed server finds again is the same.

    Args:
        otherwise: Taken where there is none, or no room in it.
    """
    if not (os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM_BYTES):
        yield otherwise
        return
    _remove_orphans()
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=MEMORY))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_orphans() -> None:
    """What is there of processes that were killed."""
    for folder in MEMORY.glob(f"{PREFIX}*-*"):
        pid = folder.name.removeprefix(PREFIX).partition("-")[0]
        if not Path(f"/proc/{pid}").exists():
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def small_disk(folder: Path, size_mb: int) -> Iterator[Path]:
    """A file system of its own in memory.

    Raises:
        ServerMissingError: We may not mount one.
    """
    folder.mkdir(parents=True)
    options = ["-t", "tmpfs", "-o", f"size={size_mb}m", "tmpfs", str(folder)]
    done = subprocess.run(
        ["mount", *options], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ServerMissingError(
            f"no small disk to fill: {done.stderr.strip()}; run as root, or in a "
            "container that may mount (unshare --map-root-user --mount make test)"
        )
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(folder: Path) -> Path:
    """Take all the space there is; the file that has it."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue
    return filler
