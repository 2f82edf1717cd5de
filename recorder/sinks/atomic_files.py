"""Files that are never half written, and never through a link that others planted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from recorder.sinks.held_folder import HeldFolder, held


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path of a new file that takes the place of ``path`` when all went well.

    The path yielded names the open file itself, not a name in a folder where others
    may write: open it to write, as often as you like.

    Raises:
        SinkUnavailableError: The disk refuses all; it is tried again.
        SinkError: This place refuses: what stands elsewhere may go on.
    """
    with held(path.parent) as folder, folder.replacing(path.name) as descriptor:
        yield Path(f"/proc/self/fd/{descriptor}")


def write_text(folder: HeldFolder, name: str, text: str) -> None:
    """Replace a text file."""
    folder.write(name, text.encode())


def write_json(folder: HeldFolder, name: str, body: Any) -> None:
    """Replace a JSON file; NaN is refused, as readers do."""
    text = json.dumps(body, allow_nan=False, default=str)
    write_text(folder, name, f"{text}\n")
