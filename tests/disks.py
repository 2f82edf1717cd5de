"""Small file systems, to be filled. Needs the right to mount: root, as in CI."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from recorder.errors import ServerMissingError


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
