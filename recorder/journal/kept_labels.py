"""The labels of a sealed run as its report was made of them, in blocks.

They follow from the run's images and events, and to work them out takes all of these.
So they are kept when the run is sealed: who asks for one image, or writes all of them
somewhere, reads a block at a time. A journal without them only costs more to read.

Blocks are those of the snapshots (:data:`SNAPSHOT_ROWS` image_ids); the facts are
written last, so that who finds them finds all blocks.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from itertools import pairwise
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from recorder.journal.file import dump
from recorder.journal.snapshots_table import (
    SNAPSHOT_ROWS,
    Packed,
    pack_arrays,
    unpack_arrays,
)
from recorder.records import Json

LABELS, FACTS, CHIP = "labels", "label_facts", "chip"
"""Kinds of the snapshots; their last record stands for the run's revision."""
_DAMAGED = (ValueError, KeyError, BadZipFile, zlib.error)
_DELTA = "~"
"""Stands before the name of a column of which the steps are kept."""

Columns = dict[str, NDArray[Any]]


def keep_labels(
    journal: Packed,
    run: str,
    revision: int,
    facts: Json,
    columns: Mapping[str, NDArray[Any]],
    chip: Json | None,
) -> None:
    """Keep the labels of a run in the place of what was kept before.

    Args:
        journal: A connection of its own.
        run: Uid of the run.
        revision: Of its report.
        facts: What holds for all images.
        columns: By name, one entry for each image, ``image_id`` ascending among them.
        chip: The run's chip as programs have it; None without a scan.

    Raises:
        JournalError: The disk refuses; what was kept before counts no longer.
    """
    journal.drop_snapshots_of(run, (FACTS, LABELS, CHIP))
    if chip is not None:
        journal.keep_snapshot(run, CHIP, 0, revision, _packed(chip))
    number = columns["image_id"] // SNAPSHOT_ROWS
    edges = np.flatnonzero(np.diff(number, prepend=-1, append=-1))
    for first, end in pairwise(edges.tolist()):
        part = {name: values[first:end] for name, values in columns.items()}
        body = pack_columns(part)
        journal.keep_snapshot(run, LABELS, int(number[first]), revision, body)
    journal.keep_snapshot(run, FACTS, 0, revision, _packed(facts))


def kept_facts(journal: Packed, run: str, revision: int) -> Json | None:
    """The facts of a run's revision; None if they were not kept."""
    return _unpacked(journal.snapshot(run, FACTS, 0), revision)


def kept_chip(journal: Packed, run: str, revision: int) -> Json | None:
    """The chip of a run's revision; None if it was not kept."""
    return _unpacked(journal.snapshot(run, CHIP, 0), revision)


def kept_block(journal: Packed, run: str, revision: int, number: int) -> Columns | None:
    """A block of labels; None if it has no image, or cannot be read."""
    found = journal.snapshot(run, LABELS, number)
    if found is None or found[0] != revision:
        return None
    try:
        return unpack_columns(found[1])
    except _DAMAGED:
        return None


def kept_blocks(journal: Packed, run: str) -> list[int]:
    """The numbers of the blocks that are there, ascending."""
    return sorted(journal.snapshot_ends(run, LABELS))


def pack_columns(columns: Mapping[str, NDArray[Any]]) -> bytes:
    """Columns as one value of the database.

    Of whole numbers the steps are kept, which compress ten times better where things
    follow evenly; they wrap, as the sums of them do, so that nothing is lost.
    """
    named: Columns = {}
    for name, values in columns.items():
        if values.dtype == np.int64:
            named[_DELTA + name] = np.diff(values, prepend=np.int64(0))
        else:
            named[name] = values
    return zlib.compress(pack_arrays(named), 1)


def unpack_columns(body: bytes) -> Columns:
    """The reverse of :func:`pack_columns`.

    Raises:
        ValueError, zipfile.BadZipFile, zlib.error: The body is damaged.
    """
    found = unpack_arrays(zlib.decompress(body))
    return {
        name.removeprefix(_DELTA): np.cumsum(values, dtype=np.int64)
        if name.startswith(_DELTA)
        else values
        for name, values in found.items()
    }


def _packed(body: Json) -> bytes:
    return zlib.compress(dump(body).encode(), 1)


def _unpacked(found: tuple[int, bytes] | None, revision: int) -> Json | None:
    if found is None or found[0] != revision:
        return None
    try:
        body = json.loads(zlib.decompress(found[1]))
    except _DAMAGED:
        return None
    return body if isinstance(body, dict) else None
