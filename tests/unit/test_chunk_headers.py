"""Senders that leave out the chunk header, or the size in it; and the hash of v1."""

from __future__ import annotations

import json
import struct
from dataclasses import replace

import cbor2
import lz4.block
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.errors import CorruptImageError
from recorder.records import Image, Payload, Unprocessed
from recorder.simulate.stream.messages import Stream1, Stream2
from recorder.sources.chunk_headers import WITHOUT_HEADER, WITHOUT_SIZE, with_header
from recorder.sources.dectris.dumps import read_dump
from recorder.sources.dectris.stream1 import Stream1Decoder
from recorder.sources.dectris.stream2 import Stream2Decoder
from recorder.sources.pixels import decode
from tests.builders import bitshuffle_chunk, decoders
from tests.fuzz.targets import INFO
from tests.recordings import recording

SHAPES = [(16, 12), (64, 65), (130, 97), (3, 5), (1, 8), (300, 41)]


def chunk(pixels: np.ndarray, encoding: str) -> bytes:
    if encoding != "lz4":
        return bitshuffle_chunk(pixels, "lz4" if encoding == "bslz4" else "zstd")
    raw = pixels.tobytes()
    block = lz4.block.compress(raw, store_size=False)
    block = raw if len(block) >= len(raw) else block
    return struct.pack(">QII", len(raw), len(raw), len(block)) + block


def left_out(data: bytes, way: str) -> bytes:
    return {
        "no header": data[12:],
        "no size": bytes(8) + data[8:],
        "neither size nor block": bytes(12) + data[12:],
    }[way]


WAYS = ["no header", "no size", "neither size nor block"]


@pytest.mark.parametrize("decoder", decoders().values(), ids=lambda d: d.name)
@pytest.mark.parametrize("encoding", ["bslz4", "bszstd", "lz4"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("dtype", ["|u1", "<u2", ">u2", "<u4", "<i4"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_images_without_it_are_read(decoder, encoding, way, dtype, shape):
    if encoding != "lz4" and shape[0] * shape[1] < 128:
        shape = (32, *shape[1:])  # the HDF5 library shuffles no smaller chunks
    pixels = np.random.default_rng(3).poisson(3, shape).astype(dtype)
    payload = Payload(chunk(pixels, encoding), encoding, shape, dtype)
    assert with_header(payload) == (payload, "")
    bare = replace(payload, data=memoryview(left_out(payload.data, way)))
    mended, why = with_header(bare)
    assert why == (WITHOUT_HEADER if way == "no header" else WITHOUT_SIZE)
    assert np.array_equal(decode(mended, chunks=decoder), pixels)


PIXELS = np.random.default_rng(4).poisson(3, (64, 65)).astype("<u2")
CHUNK = chunk(PIXELS, "bslz4")


@given(
    st.sampled_from(WAYS),
    st.integers(0, len(CHUNK)),
    st.binary(max_size=6),
    st.integers(0, 6),
)
def test_damaged_ones_are_refused_or_are_what_they_say(way, place, more, cut):
    bare = left_out(CHUNK, way)
    bare = bare[:place] + more + bare[place + cut :]
    payload = Payload(bare, "bslz4", PIXELS.shape, "<u2")
    for decoder in decoders().values():
        try:
            assert decode(with_header(payload)[0], chunks=decoder).shape == PIXELS.shape
        except CorruptImageError as error:
            assert str(error)


@pytest.mark.parametrize(
    "data", [b"", b"\0" * 12, b"\0" * 40, CHUNK[:-1], CHUNK[12:-1]]
)
def test_what_does_not_fit_to_the_last_byte_is_left_to_the_decoder(data):
    payload = Payload(data, "bslz4", PIXELS.shape, "<u2")
    assert with_header(payload) == (payload, "")
    with pytest.raises(CorruptImageError):
        decode(payload, chunks=next(iter(decoders().values())))


def test_a_wrong_size_names_the_sender():
    payload = Payload(struct.pack(">Q", 7) + CHUNK[8:], "bslz4", PIXELS.shape, "<u2")
    with pytest.raises(CorruptImageError, match="its sender leaves the header out"):
        decode(with_header(payload)[0])


INFO_HERE = replace(INFO, shape=PIXELS.shape)
BARE = Payload(CHUNK[12:], "bslz4", PIXELS.shape, "<u2")


def test_both_streams_read_them_and_say_so():
    for series, decoder in (
        (Stream1(4, INFO_HERE, 25), Stream1Decoder("e")),
        (Stream2(4, INFO_HERE, 25), Stream2Decoder("e")),
    ):
        found = []
        for message in (series.start(), series.image(3, BARE, 7)):
            parts = [bytes(part) for part in message]
            given_ = parts if isinstance(series, Stream1) else parts[0]
            found.append(decoder.decode(given_))
        image = found[1]
        assert isinstance(image, Image)
        assert image.remark == WITHOUT_HEADER
        assert np.array_equal(decode(image.payload), PIXELS)


# -- the hash of stream v1 -------------------------------------------------------------


def hashed(messages: list[list[bytes]]) -> list[Image]:
    decoder = Stream1Decoder("e")
    records = [decoder.decode([bytes(part) for part in m]) for m in messages]
    return [record for record in records if isinstance(record, Image)]


def described_as(message: list[bytes], **changes: object) -> list[bytes]:
    body = {**json.loads(bytes(message[1])), **changes}
    return [message[0], json.dumps(body).encode(), *message[2:]]


def test_a_description_that_was_damaged_on_its_way_is_named():
    series = Stream1(4, INFO_HERE, 25)
    payload = replace(BARE, data=CHUNK)
    good = [series.start(), *(series.image(n, payload, 7) for n in range(3))]
    bad = described_as(series.image(3, payload, 7), type="int16")
    images = hashed([*good, bad, series.image(4, payload, 7)])
    assert [image.problem is None for image in images] == [True] * 3 + [False, True]
    reason, text = images[3].problem
    assert (reason, "hash is not the MD5" in text) == (Unprocessed.CORRUPT, True)


@pytest.mark.parametrize("word", ["", "hash", "d41d8cd98f00b204e9800998ecf8427e", 7])
def test_a_sender_that_writes_another_word_there_loses_nothing(word):
    series = Stream1(4, INFO_HERE, 25)
    messages = [series.start()]
    for n in range(3):
        message = series.image(n, replace(BARE, data=CHUNK), 7)
        head = {**json.loads(bytes(message[0])), "hash": word}
        messages.append([json.dumps(head).encode(), *message[1:]])
    assert all(image.problem is None for image in hashed(messages))


def test_a_new_series_is_believed_anew():
    series, other = Stream1(4, INFO_HERE, 25), Stream1(5, INFO_HERE, 25)
    payload = replace(BARE, data=CHUNK)
    odd = described_as(other.image(0, payload, 7), more=1)
    images = hashed([series.start(), series.image(0, payload, 7), other.start(), odd])
    assert [image.problem for image in images] == [None, None]


@pytest.mark.parametrize("name", ["eiger4m-stream1", "micromax-stream1"])
def test_recorded_detectors_hash_the_description(name):
    """What detectors send, so that a wrong one means something."""
    path = recording(name)
    dump = path if name.startswith("eiger4m") else path / "eiger-small.cbors"
    decoder = Stream1Decoder("e")
    for message in read_dump(dump):
        decoder.decode(message)
    assert decoder._hashed


def test_cbor_tables_without_header_are_read():
    """A mask is packed as images are."""
    from recorder.simulate.stream.messages import payload_tag

    series = Stream2(4, INFO_HERE, 25)
    mask = (np.arange(PIXELS.size).reshape(PIXELS.shape) == 5).astype("<u4")
    packed = Payload(bitshuffle_chunk(mask)[12:], "bslz4", mask.shape, "<u4")
    body = cbor2.loads(bytes(series.start()[0]))
    body["pixel_mask"] = {"t": payload_tag(packed)}
    start = Stream2Decoder("e").decode(cbor2.dumps(body))
    assert start.problems == ()
    assert start.mask.sum() == 1
