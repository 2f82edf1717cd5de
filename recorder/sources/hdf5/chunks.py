"""Image payloads from HDF5 datasets, as chunks where the layout allows."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from recorder.errors import UnsupportedImageError
from recorder.records import Payload
from recorder.sources.pixels import decode

BITSHUFFLE, LZ4, GZIP, SHUFFLE = 32008, 32004, 1, 2
"""Numbers of HDF5's registered filters."""
_BITSHUFFLE_CODECS = {2: "bslz4", 3: "bszstd"}


def read_payload(images: Any, index: int) -> Payload:
    """One image of a stack.

    Args:
        images: h5py dataset, shape (n, slow, fast), not virtual.
        index: Which image.

    Returns:
        The chunk as it is in the file if a chunk is an image; otherwise the pixels.

    Raises:
        UnsupportedImageError: The filters are not read.
        CorruptImageError: A chunk does not decode.
    """
    shape = (int(images.shape[1]), int(images.shape[2]))
    dtype = images.dtype.str
    if images.chunks is None:
        return Payload(images[index].tobytes(), "raw", shape, dtype)
    encoding = chunk_encoding(images)
    if images.chunks == (1, *shape):
        return _chunk(images, (index, 0, 0), encoding, shape)
    return Payload(
        _assemble(images, index, encoding).tobytes(),
        "raw",
        shape,
        images.dtype.newbyteorder("=").str,
    )


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
    known = ", ".join(f"{code} ({name.decode()})" for code, _, _, name in filters)
    raise UnsupportedImageError(
        f"HDF5 filters {known} are not read; repack the file with bitshuffle+lz4, "
        "lz4 or gzip"
    )


def _chunk(
    images: Any, where: tuple[int, ...], encoding: str, shape: tuple[int, int]
) -> Payload:
    if images.id.get_chunk_info_by_coord(where).byte_offset is None:
        # Never written: the file holds the fill value.
        raw = np.full(shape, images.fillvalue, images.dtype).tobytes()
        return Payload(raw, "raw", shape, images.dtype.str)
    skipped, data = images.id.read_direct_chunk(where)
    return Payload(data, "raw" if skipped else encoding, shape, images.dtype.str)


def _assemble(images: Any, index: int, encoding: str) -> Any:
    """An image from chunks that are no images, decoded by the safe decoders."""
    depth, rows, columns = images.chunks
    slow, fast = images.shape[1:]
    out = np.empty((slow, fast), images.dtype.newbyteorder("="))
    base = index - index % depth
    for y, x in itertools.product(range(0, slow, rows), range(0, fast, columns)):
        flat = _chunk(images, (base, y, x), encoding, (depth * rows, columns))
        block = decode(flat).reshape(depth, rows, columns)[index - base]
        out[y : y + rows, x : x + columns] = block[: slow - y, : fast - x]
    return out


def read_array(dataset: Any) -> Any:
    """A whole two-dimensional dataset, such as a mask, by the safe decoders."""
    if dataset.chunks is None:
        return dataset[()]
    encoding = chunk_encoding(dataset)
    rows, columns = dataset.chunks
    slow, fast = dataset.shape
    out = np.empty((slow, fast), dataset.dtype.newbyteorder("="))
    for y, x in itertools.product(range(0, slow, rows), range(0, fast, columns)):
        block = decode(_chunk(dataset, (y, x), encoding, (rows, columns)))
        out[y : y + rows, x : x + columns] = block[: slow - y, : fast - x]
    return out
