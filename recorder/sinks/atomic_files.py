"""Files that are never half written."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from recorder.errors import SinkError, SinkUnavailableError

PASSING = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.ESTALE}
"""Of the whole file system, and for a while: no space, no quota, no server."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside ``path`` that takes its place when all went well.

    Raises:
        SinkUnavailableError: The disk refuses all; it is tried again.
        SinkError: This place refuses: what stands elsewhere may go on.
    """
    # one name, so that what a crash left is used again: each file has one writer
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        text = f"{path}: cannot write: {error}; check free space and the folder's owner"
        if error.errno in PASSING:
            raise SinkUnavailableError(text) from error
        raise SinkError(text) from error


def write_text(path: Path, text: str) -> None:
    """Replace a text file."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, body: Any) -> None:
    """Replace a JSON file; NaN is refused, as readers do."""
    write_text(path, json.dumps(body, allow_nan=False, default=str) + "\n")
