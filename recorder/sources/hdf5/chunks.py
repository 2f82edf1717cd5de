"""Pixels of one image of a dataset, as a chunk where the layout allows."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from recorder.errors import UnsupportedImageError
from recorder.records import Payload, StoredChunk
from recorder.records.limits import MAX_CHUNK_PIXELS, MAX_CHUNKS
from recorder.sources.hdf5.chunk_index import ChunkIndex, ChunkPlace
from recorder.sources.pixels import decode

BITSHUFFLE, LZ4, GZIP, SHUFFLE = 32008, 32004, 1, 2
"""Numbers of HDF5's registered filters."""
_BITSHUFFLE_CODECS = {2: "bslz4", 3: "bszstd"}
Lead = tuple[int, ...]
"""Indices of all axes of a stack but the last two."""


def read_payload(
    images: Any, lead: Lead, index: ChunkIndex | None = None, *, stored: bool = False
) -> Payload:
    """One image of a stack.

    Args:
        images: h5py dataset, shape (…, slow, fast), not virtual.
        lead: Which image.
        index: Where its chunks lie; None: they are looked for.
        stored: Tell where a chunk lies, instead of reading it.

    Returns:
        The chunk as it is in the file if a chunk is an image; otherwise the pixels.

    Raises:
        UnsupportedImageError: The filters are not read, or the chunks are absurd.
        CorruptImageError: A chunk does not decode.
    """
    slow, fast = (int(n) for n in images.shape[-2:])
    if images.chunks is None:
        return Payload(images[lead].tobytes(), "raw", (slow, fast), images.dtype.str)
    encoding = chunk_encoding(images)
    if images.chunks == (*(1 for _ in lead), slow, fast):
        where = (*lead, 0, 0)
        index = index or ChunkIndex(images)
        place = index.find(images, where)
        if place is not None:
            if stored and not images.file.userblock_size:
                return _stored(images, index, place, encoding)
            return _chunk(images, where, encoding, (slow, fast))
        raw = np.full((slow, fast), images.fillvalue, images.dtype)
    else:
        raw = _assemble(images, lead, encoding, index or ChunkIndex(images))
    return Payload(raw.tobytes(), "raw", (slow, fast), raw.dtype.str)


def chunk_encoding(images: Any) -> str:
    """Our name for the filters of a dataset.

    Raises:
        UnsupportedImageError: Some filter is not read.
    """
    plist = images.id.get_create_plist()
    filters = [plist.get_filter(n) for n in range(plist.get_nfilters())]
    codes = [code for code, *_ in filters]
    if not codes:
        return "raw"
    if codes == [BITSHUFFLE]:
        options = filters[0][2]
        codec = _BITSHUFFLE_CODECS.get(options[4] if len(options) > 4 else 0)
        if codec is not None:
            return codec
    names = {(LZ4,): "lz4", (GZIP,): "gzip", (SHUFFLE, GZIP): "gzip+shuffle"}
    if tuple(codes) in names:
        return names[tuple(codes)]
    known = ", ".join(
        f"{code} ({name.decode(errors='replace')})" for code, _, _, name in filters
    )
    raise UnsupportedImageError(
        f"HDF5 filters {known} are not read; repack the file with bitshuffle+lz4, "
        "lz4 or gzip"
    )


def _chunk(images: Any, where: Lead, encoding: str, shape: tuple[int, int]) -> Payload:
    skipped, data = images.id.read_direct_chunk(where)
    return Payload(data, "raw" if skipped else encoding, shape, images.dtype.str)


def _stored(
    images: Any, index: ChunkIndex, place: ChunkPlace, encoding: str
) -> Payload:
    """Where a chunk lies, and how its file was when that was looked up."""
    stored = StoredChunk(
        str(index.file), place.offset, place.size, index.file_size, index.mtime_ns
    )
    slow, fast = (int(n) for n in images.shape[-2:])
    encoding = "raw" if place.skipped else encoding
    return Payload(b"", encoding, (slow, fast), images.dtype.str, stored=stored)


def _assemble(images: Any, lead: Lead, encoding: str, index: ChunkIndex) -> Any:
    """An image from chunks that are no images, decoded by the safe decoders."""
    *deep, rows, columns = images.chunks
    slow, fast = images.shape[-2:]
    pieces = math.ceil(slow / rows) * math.ceil(fast / columns)
    if math.prod(images.chunks) > MAX_CHUNK_PIXELS or pieces > MAX_CHUNKS:
        raise UnsupportedImageError(
            f"{pieces} chunks of {images.chunks} pixels make an image: at most "
            f"{MAX_CHUNKS} of {MAX_CHUNK_PIXELS} are read; repack the file"
        )
    out = np.empty((slow, fast), images.dtype.newbyteorder("="))
    base = tuple(n - n % d for n, d in zip(lead, deep, strict=True))
    within = tuple(n - b for n, b in zip(lead, base, strict=True))
    for y, x in itertools.product(range(0, slow, rows), range(0, fast, columns)):
        target = out[y : y + rows, x : x + columns]
        if index.find(images, (*base, y, x)) is None:
            target[...] = images.fillvalue
            continue
        flat = (math.prod(deep) * rows, columns)
        block = decode(_chunk(images, (*base, y, x), encoding, flat))
        cut = block.reshape(*deep, rows, columns)[within]
        target[...] = cut[: slow - y, : fast - x]
    return out
