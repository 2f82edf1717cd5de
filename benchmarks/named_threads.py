"""``recorder`` whose threads bear their names for the kernel, too, to be told apart.

python -m benchmarks.named_threads run -c recorder.toml
"""

from __future__ import annotations

import threading
from pathlib import Path

from recorder.cli import main

_start = threading.Thread.start
_LONGEST = 15
"""Bytes of a thread's name that Linux keeps."""


def _start_named(thread: threading.Thread) -> None:
    _start(thread)
    name = Path(f"/proc/self/task/{thread.native_id}/comm")
    try:
        name.write_bytes(thread.name.encode()[:_LONGEST])
    except OSError:  # it has ended meanwhile
        return


def run() -> None:
    """The command line of the recorder."""
    threading.Thread.start = _start_named  # type: ignore[assignment, method-assign]
    main()


if __name__ == "__main__":
    run()
