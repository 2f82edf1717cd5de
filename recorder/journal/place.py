"""Where the journal lies: there or not, and private."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from recorder.errors import JournalError

FOLDER_MODE, FILE_MODE = 0o750, 0o640
"""Owner and group read, nobody else: proposals are confidential."""


def require_journal(path: Path, *, may_be_missing: bool = False) -> None:
    """See that a journal's file is there, before it is opened.

    Raises:
        JournalError: There is none yet, or what stands there is none.
    """
    if may_be_missing and (path.is_file() or not os.path.lexists(path)):
        return
    if path.is_file():
        if path.stat().st_size == 0:
            raise JournalError(
                f"{path}: no journal yet, the file is empty: a recorder is only "
                "starting, or ended when it was; start `recorder run`"
            )
        return
    if not os.path.lexists(path):
        raise JournalError(f"{path}: no journal yet; nothing has been recorded")
    what = "a folder" if path.is_dir() else "no file"
    raise JournalError(
        f"{path}: {what}, not a journal; move it away, or give another state_directory"
    )


def make_private(path: Path) -> None:
    """The folder and the file, which others than owner and group cannot read.

    A file that is there is left alone: to open and close it would drop the locks that
    SQLite holds on it in this process, and readers would then spoil it.
    """
    path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, flags, FILE_MODE))
