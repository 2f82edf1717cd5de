"""Files of lines that are only ever added to: who changed what."""

from __future__ import annotations

import errno
import json
import os
import stat
from pathlib import Path
from typing import Any

_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
_NOT_ELSEWHERE = os.O_NOFOLLOW | os.O_NONBLOCK
"""What somebody else put there must lead to no other file, and not stop us."""


def open_grown(path: Path) -> int:
    """A descriptor for :func:`add_lines`; the folder is made if it is not there.

    A file that root makes belongs to the folder's owner, who goes on writing it. A link
    of theirs is not followed: root would write, and give away, what it leads to.

    Args:
        path: The file.

    Raises:
        OSError: It cannot be written, or is no plain file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    number = os.open(path, _FLAGS | _NOT_ELSEWHERE, 0o640)
    try:
        found = os.fstat(number)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "is no plain file")
        if os.geteuid() == found.st_uid == 0 and found.st_nlink == 1:
            owner = path.parent.stat()
            os.fchown(number, owner.st_uid, owner.st_gid)
    except OSError:
        os.close(number)
        raise
    return number


def add_lines(number: int, *lines: dict[str, Any]) -> None:
    """Add JSON objects, each on a line of its own.

    Args:
        number: Of :func:`open_grown`.
        lines: The objects.

    Raises:
        OSError: They cannot be written.
    """
    text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
    rest = memoryview(text.encode())
    while rest:
        rest = rest[os.write(number, rest) :]
