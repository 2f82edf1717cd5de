"""Allocator settings of the daemon and its workers."""

from __future__ import annotations

import ctypes

_MMAP_THRESHOLD, _TRIM_THRESHOLD, _ARENA_MAX = -3, -1, -8
"""Numbers of the options in glibc's malloc.h."""
_NEVER = 1 << 30
"""Bytes (1 GB) above any image, so that its pages are kept: fetched anew each time they
cost decoding a factor of 3."""


def keep_memory(arenas: int) -> bool:
    """Tell glibc to keep freed pages: page faults cost decoding a factor of 3.

    Args:
        arenas: Heaps that threads share; each one more has fragments of its own.

    Returns:
        Whether the allocator has these settings.
    """
    try:
        libc = ctypes.CDLL(None)
        return bool(
            libc.mallopt(_MMAP_THRESHOLD, _NEVER)
            and libc.mallopt(_ARENA_MAX, arenas)
            and libc.mallopt(_TRIM_THRESHOLD, _NEVER)
        )
    except (OSError, AttributeError):
        return False


def give_back_memory() -> None:
    """Give back what is free now and then: kept for good, it grows by fragments.

    To be called between runs or once a minute, not for each image.
    """
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (OSError, AttributeError):  # another libc, which manages by itself
        return
