"""Files of the live folder."""

from __future__ import annotations

from pathlib import Path

from recorder.journal.place import FOLDER_MODE
from recorder.runtime.live_file import replace_file


def replace_in(folder: Path, name: str, body: bytes) -> None:
    """Replace a file of a folder; where the folder is missing it is made.

    Args:
        folder: The live folder.
        name: Of the file.
        body: What it has from now on.

    Raises:
        OSError: It cannot be written.
    """
    try:
        replace_file(folder / name, body)
    except FileNotFoundError:  # nobody made the folder yet, or somebody removed it
        folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        replace_file(folder / name, body)
