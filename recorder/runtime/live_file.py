"""Where the live state and its pictures lie: a folder of a memory file system."""

from __future__ import annotations

import os
from pathlib import Path

from recorder.runtime.status_file import NAME as STATUS
from recorder.runtime.status_file import read_status

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


def told_live_folder(state_directory: Path) -> Path:
    """Where the daemon of a state directory says it writes, for who watches it.

    Systemd tells its folder to the daemon alone; the daemon passes it on in its sign of
    life. Without that :func:`live_folder`.

    Args:
        state_directory: The daemon's.
    """
    try:
        told = (read_status(state_directory / STATUS) or {}).get("live")
    except OSError:
        told = None
    if isinstance(told, str) and told.startswith("/") and "\0" not in told:
        return Path(told)
    return live_folder(state_directory)


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
