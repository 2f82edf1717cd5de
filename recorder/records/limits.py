"""How much a message may hold: every limit of what comes in from outside, in one place.

What an operator may have to change is a setting (``detector.max_message_mb``,
``detector.max_pixels``); the rest are constants, far above what is sent in earnest
(docs/reference/limits.md).
"""

from __future__ import annotations

import json
from typing import Any

from recorder.errors import BadMessageError

MAX_DEPTH = 32
"""Objects and arrays (CBOR: tags, too) within each other."""
MAX_ITEMS = 1_000_000
"""Values in one message, those within others counted as well."""
MAX_PART_BYTES = 4 << 20
"""One JSON part of stream v1, and an appendix in either stream."""
MAX_PARTS = 100
"""Parts of one message of stream v1: a header with all its tables has ten."""
MAX_PAYLOAD_BYTES = 16 << 20
"""One control message."""
MAX_OBJECTS = 10_000
"""Objects in the array of one control message."""
MAX_ANNOUNCEMENT_BYTES = 4 << 20
"""One announced run as JSON: 100 chains of 100 events with names have 1 MB. It is kept
in memory, six times as large, and in each description of the run in the journal."""
MAX_ANNOUNCED_BYTES = 16 << 20
"""All announced runs together that wait for their series, as JSON: 100 MB in memory."""
MAX_COLLECTIONS = 100
"""Parts of one announcement, each a run of its own: three times the sweeps of the
largest public master file. Beyond it all sweeps are one collection."""
MAX_NAME = 255
"""Characters of a name or an identity."""
MAX_TEXT = 10_000
"""Characters of other texts of a control message."""
MAX_IMAGES = 10**9
"""Images that a header may announce."""
MAX_DEGREES = 1_000_000
"""Degrees, 2800 turns: no axis of a goniometer goes there. A float64 tells
1e-10 degrees apart so far out."""
MAX_WELLS = 1_000_000
"""Wells of a chip in the ``scan`` of an announcement, or cells of all planes of its
``grid``: forty times those of an Oxford chip. The walk over them takes 12 MB."""
MAX_SHOTS = 1000
"""X-ray triggers at one well."""
MAX_SKIPS = 10_000
"""Entries of the ``skip`` of a scan."""
MAX_POINTS = 10_000
"""Points of an energy scan: a hundred times as many as one has."""
MAX_CHANNELS = 16_384
"""Channels of a fluorescence spectrum: four times those of a usual analyser."""
MAX_SIDE = 2**31 - 1
"""Pixels along one side of an image or table of stream v1."""
MAX_METADATA = 100_000
"""Entries of one metadata message of stream v2."""
MAX_INTEGER_BYTES = 64
"""One integer of CBOR that is longer than 64 bits."""
MAX_CAPTURE_BYTES = 16 << 20
"""One header or frame of a PandABox."""
MAX_FILE_PIXELS = 64_000_000
"""Pixels of an image or a mask of a file: as ``detector.max_pixels`` has it for
streams, four times an EIGER2 16M."""
MAX_CHUNK_PIXELS = 1 << 27
"""Pixels of one chunk of a file, which may hold several images: 256 MiB at 16 bit."""
MAX_CHUNKS = 20_000
"""Chunks that make one image of a file: an EIGER2 16M in pieces of 32 x 32 pixels."""
MAX_STORED_BYTES = 1 << 30
"""Bytes of one image that a worker reads from a file by offset: four times the largest
that is read, 64 Mpx of 32 bit."""
MAX_FILE_VALUES = 2_000_000
"""Values of one entry of a file's metadata, such as a wavelength for each image."""
MAX_VALUE_BYTES = 16 << 20
"""Bytes of one entry of a file's metadata, of one of its attributes, or of a chunk."""
MAX_OBJECTS_IN_FILE = 10_000
"""Groups and datasets of a file that are looked at in search of images."""
MAX_MAPPINGS = 200_000
"""Pieces of a virtual dataset, those of the datasets that it is made of included."""
_MAX_DOUBLE = 1.7e308
"""Numbers beyond count as none: just below the largest double, 1.797e308."""


def load_json(raw: bytes | memoryview | str, where: str, max_bytes: int) -> Any:
    """JSON from outside; NaN and Infinity are let through.

    Args:
        raw: UTF-8, or text; not copied if it is too long.
        where: What it is, for the message of the error.
        max_bytes: Longer input is not parsed.

    Raises:
        BadMessageError: ``too_big``, ``too_deep``, or ``json`` if it is none.
    """
    if len(raw) > max_bytes:
        raise BadMessageError(
            "too_big", f"{where}: {len(raw)} bytes, at most {max_bytes} are read"
        )
    data = raw.encode(errors="replace") if isinstance(raw, str) else bytes(raw)
    opened = data.count(b"[") + data.count(b"{")
    # Each value but the first follows one of these; in strings they count as well.
    if opened + data.count(b",") + data.count(b":") > MAX_ITEMS:
        raise BadMessageError("too_big", f"{where}: more than {MAX_ITEMS} values")
    try:
        value = json.loads(raw if isinstance(raw, str) else data)
    except RecursionError as error:
        raise _too_deep(where) from error
    except ValueError as error:
        raise BadMessageError("json", f"{where} is not JSON: {error}") from error
    if opened > MAX_DEPTH:
        _check_depth(value, where)
    return value


def _too_deep(where: str) -> BadMessageError:
    return BadMessageError("too_deep", f"{where}: nested more than {MAX_DEPTH} deep")


def _check_depth(value: Any, where: str) -> None:
    """Level by level, since a recursion could itself be too deep."""
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
    if any(isinstance(value, dict | list) for value in level):
        raise _too_deep(where)


def require_finite(value: Any, where: str) -> None:
    """Refuse numbers that a double does not hold: neither files nor databases can.

    Args:
        value: Parsed JSON, no deeper than ``MAX_DEPTH``.
        where: What it is, for the message of the error.

    Raises:
        BadMessageError: ``json``: there is NaN, an infinity or an integer as large.
    """
    todo = [value]
    while todo:
        item = todo.pop()
        if isinstance(item, dict):
            todo += item.values()
        elif isinstance(item, list):
            todo += item
        elif isinstance(item, int | float) and not abs(item) <= _MAX_DOUBLE:
            raise BadMessageError("json", f"{where}: NaN, infinite or too large number")
