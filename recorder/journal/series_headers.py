"""Mask and flat field of a series' header, kept with its run for a restart."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from recorder.journal.snapshots_table import Packed, pack_arrays, unpack_arrays
from recorder.records import SeriesStart
from recorder.records.masks import pack_mask, unpack_mask, unusable
from recorder.runtime.log import get_logger

log = get_logger("journal")

HEADER = "header"
"""Kind of the snapshots."""


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
    arrays: dict[str, NDArray[Any]] = {}
    if mask is not None:
        bits = zlib.compress(pack_mask(mask), 1)
        arrays["shape"] = np.array(mask.shape)
        arrays["mask"] = np.frombuffer(bits, np.uint8)
    if flat is not None:
        arrays["flatfield"] = flat
    return pack_arrays(arrays) if arrays else b""


def with_arrays(journal: Packed, run: str, start: SeriesStart) -> SeriesStart:
    """A restored series with the arrays that its run has in the journal, if any."""
    kept = journal.snapshot(run, HEADER, 0)
    if kept is None or not kept[1]:
        return start
    try:
        found = unpack_arrays(kept[1])
        return replace(start, mask=_mask(found), flatfield=found.get("flatfield"))
    except (ValueError, KeyError, BadZipFile, zlib.error) as error:
        log.warning("header_damaged", uid=run, error=str(error))
        return start


def _mask(found: Mapping[str, NDArray[Any]]) -> NDArray[np.bool_] | None:
    if "mask" not in found:
        return None
    slow, fast = (int(size) for size in found["shape"])
    return unpack_mask(zlib.decompress(found["mask"].tobytes()), (slow, fast))
