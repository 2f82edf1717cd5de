"""Decode image payloads into preallocated arrays; every check before any byte.

Only bounds-checked decoders are used: a corrupt chunk is an error, never a crash
(docs/decisions/0020-two-decoders.md). A decoder is never given a size that the payload
claims; it gets the size that the declared shape needs.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from recorder.errors import CorruptImageError, UnsupportedImageError, shown
from recorder.records import Payload
from recorder.sources.chunk_headers import HEADER
from recorder.sources.decoder import DECODER, ChunkDecoder

Array = NDArray[Any]

PIXEL_TYPES = ("uint8", "uint16", "uint32", "int16", "int32")
_KNOWN_TYPES = 64
"""Names of pixel types that are kept with what they mean: there are ten."""
MAX_BLOCK_BYTES = 1 << 20
"""Bytes of one block of bitshuffle: its own default is 8 kB, so this is a bound for
what is made up, not for detectors."""
MAX_PLAIN_BLOCK_BYTES = (1 << 31) - 1
"""What LZ4 can count; DECTRIS sends a whole image as one block."""
_FRAMED = ("bslz4", "lz4", "bszstd")
_V1_ENCODING = re.compile(
    r"^(?:bs(?P<bits>[0-9]{1,2}))?-?(?P<lz4>lz4)?(?P<order>[<>])?$"
)


def parse_v1_encoding(encoding: str, dtype: str) -> tuple[str, str]:
    """Translate the ``encoding`` of stream v1.

    Args:
        encoding: Such as ``bs16-lz4<``; grammar ``[bs<BIT>][[-]lz4][<|>]``.
        dtype: Pixel type of the image, such as ``uint16``.

    Returns:
        Encoding and dtype as :class:`~recorder.records.Payload` has them.

    Raises:
        UnsupportedImageError: The encoding or the pixel type is none of ours.
    """
    if dtype not in PIXEL_TYPES:
        raise _unread(dtype)
    match = _V1_ENCODING.match(encoding)
    if match is None or (match["bits"] and not match["lz4"]):
        raise UnsupportedImageError(
            f"encoding {shown(encoding)} is not known; set the detector's compression "
            "to bslz4, lz4 or none"
        )
    itemsize = np.dtype(dtype).itemsize
    if match["bits"] and int(match["bits"]) != 8 * itemsize:
        raise UnsupportedImageError(
            f"encoding {encoding!r} does not fit pixel type {dtype}"
        )
    name = "bslz4" if match["bits"] else "lz4block" if match["lz4"] else "raw"
    big = match["order"] == ">" and itemsize > 1
    return name, np.dtype(dtype).newbyteorder(">" if big else "<").str


def pixel_type(dtype: str) -> str:
    """Native name of a pixel type, whatever its byte order.

    Args:
        dtype: As numpy writes it: `uint16`, `<u2`, `>u2`.

    Raises:
        UnsupportedImageError: The pixel type is none of ours.
    """
    name = native_name(dtype) if isinstance(dtype, str) else None
    if name not in PIXEL_TYPES:
        raise _unread(name or dtype)
    return name


@lru_cache(_KNOWN_TYPES)
def native_name(dtype: str) -> str | None:
    """Numpy's name of a type without its byte order; None: it is no type."""
    try:
        return np.dtype(dtype).name
    except (TypeError, ValueError, SyntaxError):  # what numpy raises on other words
        return None


def _unread(dtype: object) -> UnsupportedImageError:
    return UnsupportedImageError(
        f"pixel type {shown(dtype)} is not read; set the detector to uint8/16/32"
    )


def pixel_dtype(payload: Payload) -> np.dtype[Any]:
    """Native dtype of the decoded pixels.

    Raises:
        UnsupportedImageError: The pixel type is none of ours.
    """
    return np.dtype(pixel_type(payload.dtype))


def decode(
    payload: Payload, out: Array | None = None, *, chunks: ChunkDecoder = DECODER
) -> Array:
    """Decode a payload.

    Args:
        payload: The pixels as they came.
        out: C-contiguous array of the payload's shape and native dtype to decode
            into; None makes a new one.
        chunks: Decoder of bslz4, lz4 and bszstd.

    Returns:
        Array of shape ``payload.shape`` (``out`` if it was given).

    Raises:
        CorruptImageError: The bytes do not decode to exactly the declared shape.
        UnsupportedImageError: Encoding or pixel type are not read.
    """
    dtype = pixel_dtype(payload)
    if out is None:
        out = np.empty(payload.shape, dtype)
    elif out.shape != payload.shape or out.dtype != dtype:
        raise CorruptImageError(
            f"image is {payload.shape} {dtype}, expected {out.shape} {out.dtype}"
        )
    if out.size == 0:  # decoders take "at most 0 bytes" for "as many as there are"
        raise CorruptImageError(f"image of {payload.shape} has no pixels")
    target = out if not payload.column_major else np.empty(payload.shape[::-1], dtype)
    if payload.encoding in _FRAMED:
        _framed(payload, target, chunks)
    elif payload.encoding in _DECODERS:
        _DECODERS[payload.encoding](payload, target)
    else:
        raise UnsupportedImageError(
            f"compression {shown(payload.encoding)} is not read; use bslz4, lz4 or none"
        )
    if not np.dtype(payload.dtype).isnative:
        target.byteswap(inplace=True)
    if payload.column_major:
        out[...] = target.T
    return out


def _raw(payload: Payload, out: Array) -> None:
    data = memoryview(payload.data)
    if data.nbytes != out.nbytes:
        raise CorruptImageError(
            f"{data.nbytes} bytes of pixels where the shape needs {out.nbytes}"
        )
    out.reshape(-1).view(np.uint8)[:] = np.frombuffer(data, np.uint8)


def _lz4_block(payload: Payload, out: Array) -> None:
    target = out.reshape(-1).view(np.uint8).data
    try:
        done = len(imagecodecs.lz4_decode(payload.data, out=target))
    except (RuntimeError, ValueError, OverflowError, MemoryError) as error:
        raise CorruptImageError(f"LZ4 block does not decode: {error}") from error
    if done != out.nbytes:
        raise CorruptImageError(
            f"LZ4 block holds {done} bytes, the shape needs {out.nbytes}"
        )


def _gzip(payload: Payload, out: Array) -> None:
    inflate = zlib.decompressobj()
    try:
        raw = inflate.decompress(payload.data, out.nbytes)
        rest = b"" if inflate.eof else inflate.decompress(inflate.unconsumed_tail, 1)
    except zlib.error as error:
        raise CorruptImageError(f"gzip chunk does not decode: {error}") from error
    if len(raw) != out.nbytes or rest:
        raise CorruptImageError(
            f"gzip chunk holds {len(raw)} or more bytes, the shape needs {out.nbytes}"
        )
    if payload.encoding == "gzip+shuffle":
        planes = np.frombuffer(raw, np.uint8).reshape(out.itemsize, -1)
        out.reshape(-1).view(np.uint8).reshape(-1, out.itemsize)[:] = planes.T
    else:
        out.reshape(-1).view(np.uint8)[:] = np.frombuffer(raw, np.uint8)


def _framed(payload: Payload, out: Array, chunks: ChunkDecoder) -> None:
    """HDF5 framing of bslz4, lz4 and bszstd: u64 BE size, u32 BE block bytes."""
    data = memoryview(payload.data)
    if data.nbytes < HEADER.size:
        raise CorruptImageError(f"{data.nbytes} bytes are too short for a chunk header")
    size, block = HEADER.unpack_from(data)
    if size != out.nbytes:
        raise CorruptImageError(
            f"chunk header claims {size} bytes, the shape needs {out.nbytes}: the "
            "image is damaged, or its sender leaves the header out"
        )
    if payload.encoding == "lz4":
        _check_block(block, 1, MAX_PLAIN_BLOCK_BYTES)
    else:
        _check_block(block, 8 * out.itemsize, MAX_BLOCK_BYTES)
    chunks.into(payload.encoding, data, out)


def _check_block(block: int, unit: int, most: int) -> None:
    if not 0 < block <= most or block % unit:
        raise CorruptImageError(
            f"chunk header claims blocks of {block} bytes; expected a multiple of "
            f"{unit} up to {most}"
        )


_DECODERS: dict[str, Callable[[Payload, Array], None]] = {
    "raw": _raw,
    "lz4block": _lz4_block,
    "gzip": _gzip,
    "gzip+shuffle": _gzip,
}
