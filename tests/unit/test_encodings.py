"""Decoding: right on every encoding, an error and never a crash on garbage."""

from __future__ import annotations

import struct
import subprocess
import sys
import zlib
from pathlib import Path

import lz4.block
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.errors import CorruptImageError, ImageError, UnsupportedImageError
from recorder.records import Payload
from recorder.sources.decoder import DECODER, NATIVE, WHEELS, ChunkDecoder
from recorder.sources.pixels import decode, parse_v1_encoding, pixel_dtype
from tests.builders import bitshuffle_chunk, decoders

BOTH = pytest.mark.parametrize("chunks", decoders().values(), ids=decoders())
DTYPES = ["uint8", "uint16", "uint32", "int16", "int32"]
rng = np.random.default_rng(5)


def pixels(dtype: str, shape=(61, 47)) -> np.ndarray:
    top = min(np.iinfo(dtype).max, 70000)
    return rng.integers(0, top, shape).astype(dtype)


def lz4_framed(data: bytes, block: int = 1024) -> bytes:
    """HDF5-LZ4 framing, written from its description."""
    out = struct.pack(">QI", len(data), block)
    for n in range(0, len(data), block):
        part = data[n : n + block]
        packed = lz4.block.compress(part, store_size=False)
        packed = part if len(packed) >= len(part) else packed
        out += struct.pack(">I", len(packed)) + packed
    return out


def encoded(array: np.ndarray, encoding: str) -> bytes:
    raw = array.tobytes()
    if encoding in ("bslz4", "bszstd"):
        return bitshuffle_chunk(array, encoding.removeprefix("bs"))
    if encoding == "lz4":
        return lz4_framed(raw)
    if encoding == "lz4block":
        return lz4.block.compress(raw, store_size=False)
    if encoding == "gzip":
        return zlib.compress(raw)
    if encoding == "gzip+shuffle":
        planes = np.frombuffer(raw, np.uint8).reshape(-1, array.itemsize).T
        return zlib.compress(planes.tobytes())
    return raw


FRAMED = ["bslz4", "lz4", "bszstd"]
ENCODINGS = ["raw", *FRAMED, "lz4block", "gzip", "gzip+shuffle"]


@BOTH
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("order", ["<", ">"])
def test_every_encoding_comes_back(
    dtype: str, encoding: str, order: str, chunks: ChunkDecoder
):
    array = pixels(dtype)
    sent = array.astype(np.dtype(dtype).newbyteorder(order))
    data = encoded(sent, encoding)
    payload = Payload(data, encoding, array.shape, sent.dtype.str)
    out = np.empty(array.shape, dtype)
    assert decode(payload, out, chunks=chunks) is out
    assert np.array_equal(out, array)
    assert np.array_equal(decode(payload, chunks=chunks), array)


def test_column_major_is_turned():
    array = pixels("uint16")
    payload = Payload(array.T.tobytes(), "raw", array.shape, "<u2", column_major=True)
    assert np.array_equal(decode(payload), array)


@BOTH
@pytest.mark.parametrize("encoding", [*FRAMED, "lz4block", "gzip"])
@pytest.mark.parametrize("spoil", ["cut", "empty", "short", "long"])
def test_damage_is_an_error(encoding: str, spoil: str, chunks: ChunkDecoder):
    array = pixels("uint16")
    data = encoded(array, encoding)
    data = {
        "cut": data[: len(data) // 2],
        "empty": b"",
        "short": data[:13],
        "long": encoded(pixels("uint16", (122, 47)), encoding),
    }[spoil]
    with pytest.raises(CorruptImageError):
        decode(Payload(data, encoding, array.shape, "<u2"), chunks=chunks)


@pytest.mark.parametrize("size", [2**40, 2**33, 0, 61 * 47, 61 * 47 * 4])
def test_claimed_size_is_never_allocated(size: int):
    chunk = struct.pack(">QI", size, 8192) + bitshuffle_chunk(pixels("uint16"))[12:]
    with pytest.raises(CorruptImageError, match="claims"):
        decode(Payload(chunk, "bslz4", (61, 47), "<u2"))


@pytest.mark.parametrize("block", [0, 7, 2**31 - 1, 0xFFFFFFF0])
def test_impossible_block_sizes(block: int):
    chunk = bitshuffle_chunk(pixels("uint16"))
    chunk = chunk[:8] + struct.pack(">I", block) + chunk[12:]
    with pytest.raises(CorruptImageError, match="blocks of"):
        decode(Payload(chunk, "bslz4", (61, 47), "<u2"))


def test_a_block_of_no_bytes_is_refused():
    chunk = lz4_framed(pixels("uint16").tobytes())
    chunk = chunk[:8] + bytes(4) + chunk[12:]
    with pytest.raises(CorruptImageError, match="blocks of 0"):
        decode(Payload(chunk, "lz4", (61, 47), "<u2"))


def test_zip_bomb_is_bounded():
    bomb = zlib.compress(bytes(50_000_000))
    with pytest.raises(CorruptImageError, match="or more"):
        decode(Payload(bomb, "gzip", (61, 47), "<u2"))


@pytest.mark.parametrize(
    ("encoding", "dtype", "expected"),
    [
        ("bs16-lz4<", "uint16", ("bslz4", "<u2")),
        ("bs32-lz4<", "uint32", ("bslz4", "<u4")),
        ("bs8-lz4<", "uint8", ("bslz4", "|u1")),
        ("bs16-lz4>", "uint16", ("bslz4", ">u2")),
        ("lz4<", "uint32", ("lz4block", "<u4")),
        ("<", "uint16", ("raw", "<u2")),
        (">", "uint32", ("raw", ">u4")),
        ("", "uint8", ("raw", "|u1")),
    ],
)
def test_stream1_grammar(encoding, dtype, expected):
    assert parse_v1_encoding(encoding, dtype) == expected


@pytest.mark.parametrize(
    ("encoding", "dtype"),
    [
        ("bs8-lz4<", "uint16"),
        ("zstd<", "uint16"),
        ("bs16", "uint16"),
        ("<", "float32"),
        ("jpeg", "uint8"),
    ],
)
def test_stream1_grammar_refuses(encoding, dtype):
    with pytest.raises(UnsupportedImageError):
        parse_v1_encoding(encoding, dtype)


def test_unknown_encoding_and_floats_say_what_to_do():
    with pytest.raises(UnsupportedImageError, match="use bslz4, lz4 or none"):
        decode(Payload(b"", "trpx", (2, 2), "<u2"))
    with pytest.raises(UnsupportedImageError, match="float32"):
        pixel_dtype(Payload(b"", "raw", (2, 2), "<f4"))


def test_the_native_decoder_is_used_where_it_is():
    assert DECODER.name == (NATIVE if NATIVE in decoders() else WHEELS)
    assert DECODER.describe().startswith(DECODER.name)
    assert "pip install" in decoders()[WHEELS].describe()


@BOTH
@given(st.binary(max_size=300), st.sampled_from(ENCODINGS), st.sampled_from(DTYPES))
def test_garbage_never_crashes(
    chunks: ChunkDecoder, data: bytes, encoding: str, dtype: str
):
    shape = (8, 8)
    head = struct.pack(">QI", 64 * np.dtype(dtype).itemsize, 8192)
    for candidate in (data, head + data):
        payload = Payload(candidate, encoding, shape, np.dtype(dtype).str)
        try:
            out = decode(payload, chunks=chunks)
        except ImageError:
            continue
        assert out.shape == shape


@pytest.mark.skipif(NATIVE not in decoders(), reason="no native decoder here")
@given(
    st.sampled_from(FRAMED),
    st.sampled_from(DTYPES),
    st.sampled_from([(61, 47), (33, 1), (300, 301)]),
    st.lists(st.tuples(st.integers(0, 2**20), st.integers(0, 255)), max_size=3),
    st.integers(-40, 10),
)
def test_both_decoders_say_the_same(encoding, dtype, shape, changes, more):
    """Pixel for pixel, or an error from both, on whole and on spoilt chunks."""
    array = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    chunk = bytearray(encoded(array, encoding))
    for place, value in changes:
        chunk[place % len(chunk)] = value
    chunk = chunk[:more] if more < 0 else chunk + bytes(more)
    payload = Payload(bytes(chunk), encoding, shape, array.dtype.str)
    said = []
    for chunks in decoders().values():
        try:
            said.append(decode(payload, chunks=chunks).tobytes())
        except CorruptImageError:
            said.append(b"")
    assert said[0] == said[1]
    assert changes or more or said[0] == array.tobytes()


MUTATE = """
import numpy as np, sys
sys.path.insert(0, {root!r})
from tests.builders import bitshuffle_chunk, decoders
from recorder.records import Payload
from recorder.errors import ImageError
from recorder.sources.pixels import decode
chunks = decoders()[{name!r}]
rng = np.random.default_rng(1)
array = rng.poisson(3, (514, 1030)).astype(np.uint16)
chunk = np.frombuffer(bitshuffle_chunk(array), np.uint8)
errors = 0
for n in range(300):
    bad = chunk.copy()
    places = rng.integers(0, len(bad), 1 + n)
    bad[places] ^= rng.integers(1, 256, len(places)).astype(np.uint8)
    try:
        decode(Payload(bad.tobytes(), "bslz4", array.shape, "<u2"), chunks=chunks)
    except ImageError:
        errors += 1
print("survived", errors)
"""


@pytest.mark.parametrize("name", decoders())
def test_mutated_chunks_leave_the_process_alive(name: str):
    """In a child process: a crash of the decoder would be a signal, not an error."""
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", MUTATE.format(root=root, name=name)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[1]) > 200
