"""Where the live state and its pictures lie: a folder of a memory file system."""

from __future__ import annotations

import os
from pathlib import Path

LIVE = "live.json"
"""The state; pictures are ``preview-<which>.png`` and ``.json`` beside it."""


def live_folder(state_directory: Path) -> Path:
    """Systemd's runtime directory, else ``live`` in the state directory.

    Args:
        state_directory: The daemon's.
    """
    if runtime := os.environ.get("RUNTIME_DIRECTORY"):
        return Path(runtime.split(":")[0])
    return state_directory / "live"


def replace_file(path: Path, body: bytes) -> None:
    """Replace a file as a whole; a reader sees the one before or this one.

    It is not forced to disk: after a crash of the host it says nothing anyway.

    Raises:
        OSError: It cannot be written.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    place = os.open(temporary, flags, 0o640)
    try:
        rest = memoryview(body)
        while rest:  # a disk that is nearly full takes a part, then refuses
            rest = rest[os.write(place, rest) :]
    finally:
        os.close(place)
    temporary.replace(path)
