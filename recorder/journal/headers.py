"""Mask and flat field of a series' header, kept with its run for a restart."""

from __future__ import annotations

import io
import zlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from recorder.journal.packed import Packed
from recorder.log import get_logger
from recorder.records import SeriesStart

log = get_logger("journal")

KIND = "header"


def pack_header(start: SeriesStart) -> bytes:
    """What is needed of the arrays as one value; empty if there are none.

    A flat field that the detector has applied tells bad pixels only.
    """
    mask, flat = start.mask, start.flatfield
    if flat is not None and start.info.flatfield_applied is not False:
        bad = unusable(flat)
        if mask is None or mask.shape == bad.shape:
            mask = bad if mask is None else mask | bad
        flat = None
    arrays: dict[str, Any] = {}
    if mask is not None:
        bits = zlib.compress(np.packbits(mask).tobytes(), 1)
        arrays = {"shape": mask.shape, "mask": np.frombuffer(bits, np.uint8)}
    if flat is not None:
        arrays["flatfield"] = flat
    if not arrays:
        return b""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def with_arrays(journal: Packed, run: str, start: SeriesStart) -> SeriesStart:
    """A restored series with the arrays that its run has in the journal, if any."""
    kept = journal.chunk(run, KIND, 0)
    if kept is None or not kept[1]:
        return start
    try:
        with np.load(io.BytesIO(kept[1]), allow_pickle=False) as found:
            return replace(start, mask=_mask(found), flatfield=found.get("flatfield"))
    except (ValueError, KeyError, BadZipFile, zlib.error) as error:
        log.warning("header_damaged", uid=run, error=str(error))
        return start


def _mask(found: Mapping[str, NDArray[Any]]) -> NDArray[np.bool_] | None:
    if "mask" not in found:
        return None
    slow, fast = (int(size) for size in found["shape"])
    bits = np.frombuffer(zlib.decompress(found["mask"].tobytes()), np.uint8)
    mask = np.unpackbits(bits, count=slow * fast).reshape(slow, fast)
    return mask.astype(np.bool_)


def unusable(flatfield: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(slow, fast) pixels that a flat field marks as bad."""
    return ~(np.isfinite(flatfield) & (flatfield > 0))
