"""dectris-compression: the compiled, bounds-checked decoder, where it is installed."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recorder.errors import CorruptImageError

Into = Callable[[str, memoryview, NDArray[Any]], None]
"""Decode a chunk of an encoding into an array of exactly its size; raises
:class:`CorruptImageError` if the chunk does not decode to that size."""
_ALGORITHMS = {"bslz4": 0, "lz4": 1, "bszstd": 2}


def load() -> Into | None:
    """The decoder's exported symbol, which writes into our array without the GIL.

    It is not documented API, so it is tried on a known chunk first.

    Returns:
        None if the package or the symbol is not there, or answers otherwise.
    """
    try:
        from dectris import compression

        function = ctypes.CDLL(compression.__file__).compression_decompress_buffer
    except (ImportError, OSError, AttributeError):
        return None
    function.restype = ctypes.c_size_t
    function.argtypes = [
        ctypes.c_int,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_size_t,
    ]

    def into(encoding: str, data: memoryview, out: NDArray[Any]) -> None:
        source = np.frombuffer(data, np.uint8)
        done = function(
            _ALGORITHMS[encoding],
            out.ctypes.data,
            out.nbytes,
            source.ctypes.data,
            source.size,
            out.itemsize,
        )
        if done != out.nbytes:
            raise CorruptImageError(f"{encoding} chunk does not decode")

    return into if _answers(into) else None


def _answers(into: Into) -> bool:
    """Four bytes, too few to shuffle, are carried as they are."""
    probe, chunk = np.zeros(2, np.uint16), struct.pack(">QI", 4, 8192) + b"\1\0\2\0"
    try:
        into("bslz4", memoryview(chunk), probe)
    except CorruptImageError:
        return False
    return probe.tolist() == [1, 2]
