"""Ends this process when the one that started it does, however that one ends."""

from __future__ import annotations

import os
import signal
import threading

READ_BYTES = 4096
"""Bytes that are read at a time from a pipe in which nothing is ever written."""


def end_with_stdin() -> None:
    """End this process at once when its standard input closes.

    Who started it holds the other end of a pipe, which the kernel closes with that
    process. The whole group of processes is ended if it is this one's own.
    """
    threading.Thread(target=_watch, name="parent", daemon=True).start()


def _watch() -> None:
    try:
        while os.read(0, READ_BYTES):
            pass
    except OSError:  # it was closed before
        pass
    group = os.getpgrp()
    os.kill(-group if group == os.getpid() else os.getpid(), signal.SIGKILL)
