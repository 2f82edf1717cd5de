"""Stream v2: round trips of every array type, and every way a message can be bad."""

from __future__ import annotations

import struct

import cbor2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.records import (
    BadMessage,
    DetectorInfo,
    Image,
    Payload,
    SeriesEnd,
    SeriesStart,
    Unprocessed,
)
from recorder.simulate.stream.messages import Stream2, array_tag, payload_tag
from recorder.sources.dectris.stream2 import Stream2Decoder
from recorder.sources.pixels import decode
from tests.builders import bitshuffle_chunk, payload

INFO = DetectorInfo(
    shape=(12, 10),
    dtype="uint16",
    pixel_size=(75e-6, 75e-6),
    distance=0.15,
    beam_center=(5.0, 6.0),
    wavelength=1.0,
    photon_energy=12398.4,
    saturation=60000,
)
rng = np.random.default_rng(3)


def body(**changes) -> dict:
    message = {
        "type": "image",
        "series_id": 4,
        "series_unique_id": "s-4",
        "image_id": 3,
        "start_time": [5, 1000],
        "stop_time": [6, 1000],
        "data": {"threshold_1": payload_tag(payload())},
    }
    return {**message, **changes}


def send(message, decoder=None):
    return (decoder or Stream2Decoder("e")).decode(cbor2.dumps(message))


def test_series_start_is_read():
    mask = np.zeros((12, 10), bool)
    mask[2, 3] = True
    stream = Stream2(4, INFO, 25, appendix={"recorder_uid": "u-1"}, mask=mask)
    start = Stream2Decoder("e").decode(stream.start()[0])
    assert isinstance(start, SeriesStart)
    assert start.info.shape == (12, 10)
    assert start.info.distance == pytest.approx(0.15)
    assert start.info.beam_center == (5.0, 6.0)
    assert (start.expected_images, start.recorder_uid) == (25, "u-1")
    assert start.key.unique_id == stream.unique_id
    assert np.array_equal(start.mask, mask)
    assert start.arm_time_ns is not None


def test_end_closes_the_same_series():
    stream = Stream2(4, INFO, 25)
    end = Stream2Decoder("e").decode(stream.end()[0])
    assert isinstance(end, SeriesEnd)
    assert end.key.unique_id == stream.unique_id


@pytest.mark.parametrize("dtype", ["|u1", "<u2", ">u2", "<u4", ">u4", "<i2", "<i4"])
@pytest.mark.parametrize("compression", ["raw", "bslz4", "lz4"])
def test_every_typed_array_comes_back(dtype, compression):
    array = rng.integers(0, 100, (12, 10)).astype(dtype)
    data = array.tobytes()
    if compression == "bslz4":
        data = bitshuffle_chunk(array)
    elif compression == "lz4":  # one stored block: its size equals the block size
        data = struct.pack(">QII", len(data), len(data), len(data)) + data
    tag = payload_tag(Payload(data, compression, (12, 10), dtype))
    image = send(body(data={"threshold_1": tag}))
    assert image.problem is None
    assert np.array_equal(decode(image.payload), array)


def test_column_major_arrays():
    array = rng.integers(0, 9, (12, 10)).astype("<u2")
    typed = cbor2.CBORTag(69, array.T.tobytes())
    image = send(body(data={"t": cbor2.CBORTag(1040, [[12, 10], typed])}))
    assert np.array_equal(decode(image.payload), array)


def test_times_are_integer_nanoseconds():
    image = send(body(start_time=[1, 3], stop_time=[10**17 + 1, 10**8]))
    assert image.start_time_ns == 333_333_333
    assert image.stop_time_ns == 10**18 + 10
    assert send(body(start_time="now")).start_time_ns is None
    assert send(body(start_time=[1, 0])).start_time_ns is None


def test_further_channels_are_counted_and_ignored():
    data = {
        "threshold_1": payload_tag(payload(1)),
        "threshold_2": payload_tag(payload(2)),
    }
    image = send(body(data=data))
    assert image.ignored_channels == ("threshold_2",)
    assert decode(image.payload).max() == 1
    chosen = send(body(data=data), Stream2Decoder("e", channel="threshold_2"))
    assert decode(chosen.payload).max() == 2
    refused = send(body(data=data), Stream2Decoder("e", refuse_others=True))
    assert refused.problem[0] is Unprocessed.UNSUPPORTED
    absent = send(body(data=data), Stream2Decoder("e", channel="difference"))
    assert "set detector.channel" in absent.problem[1]


@pytest.mark.parametrize(
    ("changes", "reason", "text"),
    [
        ({"data": None}, "corrupt", "no data map"),
        ({"data": {}}, "corrupt", "no data map"),
        ({"data": {"t": b"raw"}}, "corrupt", "tag 40"),
        (
            {
                "data": {
                    "t": cbor2.CBORTag(40, [[2, 2, 2], cbor2.CBORTag(64, b"12345678")])
                }
            },
            "corrupt",
            "expected 2",
        ),
        (
            {"data": {"t": cbor2.CBORTag(40, [[0, 2], cbor2.CBORTag(64, b"")])}},
            "corrupt",
            "impossible",
        ),
        (
            {
                "data": {
                    "t": cbor2.CBORTag(40, [[10**6, 10**6], cbor2.CBORTag(64, b"")])
                }
            },
            "corrupt",
            "max_pixels",
        ),
        (
            {
                "data": {
                    "t": cbor2.CBORTag(
                        40,
                        [
                            [2, 2],
                            cbor2.CBORTag(69, cbor2.CBORTag(56500, ["bslz4", 4, b"x"])),
                        ],
                    )
                }
            },
            "unsupported",
            "4-byte",
        ),
    ],
)
def test_bad_image_keeps_its_place_in_the_ledger(changes, reason, text):
    image = send(body(**changes))
    assert isinstance(image, Image)
    assert image.problem[0] == reason
    assert text in image.problem[1]


def test_shape_is_compared_with_the_start_message():
    decoder = Stream2Decoder("e")
    stream = Stream2(4, INFO, 25)
    decoder.decode(stream.start()[0])
    swapped = payload_tag(payload(shape=(10, 12)))
    message = body(series_unique_id=stream.unique_id, data={"t": swapped})
    assert "swapped" in send(message, decoder).problem[1]


def test_nonlinear_counts_are_refused():
    decoder = Stream2Decoder("e")
    start = {
        "type": "start",
        "series_id": 4,
        "series_unique_id": "s-4",
        "poisson_compression": 2,
    }
    assert send(start, decoder).problems
    assert send(body(), decoder).problem[0] is Unprocessed.UNSUPPORTED


def test_bad_tables_are_named_not_used():
    start = {
        "type": "start",
        "series_id": 4,
        "series_unique_id": "s",
        "image_size_x": 10,
        "image_size_y": 12,
        "pixel_mask": {"t": array_tag(np.ones((3, 3), "<u4"))},
        "flatfield": {"t": array_tag(np.ones((12, 10), "<f4"))},
    }
    record = send(start)
    assert record.mask is None
    assert "3, 3" in record.problems[0]
    assert record.flatfield.dtype == np.float32


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        (b"", "cbor"),
        (b"\xff", "cbor"),
        (b"\xa1\x61", "cbor"),
        (cbor2.dumps([1, 2]), "cbor"),
        (cbor2.dumps({"a": 1}), "unknown_type"),
        (cbor2.dumps({"type": "news"}), "unknown_type"),
        (cbor2.dumps({"type": "metadata"}), "metadata"),
        (cbor2.dumps({"type": "image", "series_id": "4"}), "bad_id"),
        (cbor2.dumps({"type": "image", "series_id": 4, "image_id": 2.5}), "bad_id"),
        (cbor2.dumps({"type": "image", "series_id": 4, "image_id": 2**64}), "bad_id"),
        (b"\x81" * 100_000 + b"\x00", "too_deep"),
        (b"\xbf\x61a\x01\xff", "cbor"),
        (b"\xa2\x61a\x01\x61a\x02", "cbor"),
    ],
)
def test_bad_messages_are_counted_by_kind(message, kind):
    record = Stream2Decoder("e").decode(message)
    assert isinstance(record, BadMessage)
    assert record.kind == kind


@given(st.binary(max_size=200))
def test_garbage_never_raises(message):
    assert Stream2Decoder("e").decode(message) is not None


simple = st.recursive(
    st.none()
    | st.integers()
    | st.text(max_size=8)
    | st.binary(max_size=16)
    | st.floats(allow_nan=False)
    | st.booleans(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
        | st.builds(
            cbor2.CBORTag, st.sampled_from([40, 64, 69, 1040, 56500, 99]), inner
        )
    ),
    max_leaves=8,
)
keys = [
    "series_id",
    "series_unique_id",
    "image_id",
    "data",
    "start_time",
    "user_data",
    "pixel_mask",
    "flatfield",
    "image_size_x",
    "number_of_images",
    "channels",
    "detector_translation",
    "arm_date",
]


@given(
    st.sampled_from(["start", "image", "end"]),
    st.dictionaries(st.sampled_from(keys), simple),
)
def test_half_right_messages_never_raise(kind, rest):
    message = {"type": kind, "series_id": 4, "image_id": 1, **rest}
    assert send(message) is not None
