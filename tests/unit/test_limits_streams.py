"""Detector messages that are too much, or hold numbers and names that none has."""

from __future__ import annotations

from random import Random

import cbor2
import pytest

from recorder.records import BadMessage, Image, SeriesStart
from recorder.sources.dectris.cbor_limits import REFUSED_TAGS, check_structure
from recorder.sources.dectris.stream1 import Stream1Decoder
from recorder.sources.dectris.stream2 import Stream2Decoder
from tests.builders import dumps
from tests.unit.test_limits import HUGE, nested
from tests.unit.test_stream2 import body

HEAD = b'{"htype":"dheader-1.0","series":1,"header_detail":"basic"}'


def header(config: object, *rest: bytes) -> SeriesStart:
    record = Stream1Decoder("e").decode([HEAD, dumps(config), *rest])
    assert isinstance(record, SeriesStart)
    return record


def stream2(message: dict) -> object:
    return Stream2Decoder("e").decode(cbor2.dumps(message))


# -- stream v1 -------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["wavelength", "nimages", "x_pixels_in_detector"])
def test_numbers_that_no_double_holds_are_not_there(key):
    info = header({key: HUGE, "ntrigger": 5}).info
    assert (info.wavelength, info.shape) == (None, None)


@pytest.mark.parametrize("count", [10**9 + 1, 1e18, 2**62])
def test_impossible_numbers_of_images_are_not_announced(count):
    assert header({"nimages": count, "ntrigger": 1}).expected_images is None
    start = {"type": "start", "series_id": 1, "number_of_images": int(count)}
    assert stream2(start).expected_images is None


@pytest.mark.parametrize(
    "appendix", ["[" * 10**5, nested(50), "x" * (5 << 20)], ids=["open", "deep", "long"]
)
def test_an_appendix_that_is_too_much_costs_only_itself(appendix):
    start = header({}, appendix.encode())
    assert start.user_data is None
    assert "header_appendix not used" in start.problems[0]
    start = stream2({"type": "start", "series_id": 1, "user_data": appendix})
    assert "user_data not used" in start.problems[0]
    image = stream2(body(user_data="{" + appendix))
    assert (image.problem, image.recorder_uid) == (None, None)


@pytest.mark.parametrize("shape", [[-2, -3], [0, 5], [-1, -1], [10**400, -2]])
def test_tables_of_impossible_shape_are_named(shape):
    meta = {"htype": "dpixelmask-1.0", "shape": shape, "type": "uint32"}
    start = header({}, dumps(meta), b"1" * 24)
    assert "impossible shape" in start.problems[0]
    assert len(start.problems[0]) < 200
    assert start.mask is None


def test_a_deep_part_is_no_description_of_a_table():
    start = header({}, b'{"a":' + b"[" * 990)
    assert start.mask is None


def test_an_encoding_of_many_digits():
    parts = [
        b'{"htype":"dimage-1.0","series":1,"frame":0}',
        dumps({"shape": [2, 2], "type": "uint8", "encoding": f"bs{'1' * 5000}-lz4<"}),
        b"",
    ]
    image = Stream1Decoder("e").decode(parts)
    assert image.problem[0] == "unsupported"
    assert len(image.problem[1]) < 300


def test_long_texts_of_a_header_are_cut():
    start = header({"description": "d" * 10**6, "data_collection_date": "x" * 10**6})
    assert (len(start.info.description), len(start.key.unique_id)) == (255, 257)


def test_a_long_json_part_is_not_parsed():
    record = Stream1Decoder("e").decode([b'{"a":"' + b"x" * (4 << 20) + b'"}'])
    assert record.kind == "too_big"


def test_a_message_of_many_parts_is_refused():
    table = dumps({"htype": "dpixelmask-1.0", "shape": [2, 2], "type": "uint32"})
    record = Stream1Decoder("e").decode([HEAD, b"{}"] + [table] * 99)
    assert (record.kind, "101 parts" in record.detail) == ("too_big", True)
    assert len(header({}, *[table] * 98).problems) == 98


# -- stream v2 -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        (b"\x9a\x00\x20\x00\x00" + b"\x01" * (1 << 21), "too_big"),
        (b"\x81" * 40 + b"\x01", "too_deep"),
        (b"\xc6" * 40 + b"\x01", "too_deep"),
        (b"\xa1\x61a\xc2" + cbor2.dumps(b"\xff" * 65), "too_big"),
        (b"\x9b" + b"\xff" * 8, "cbor"),
        (b"\x5b" + b"\xff" * 8, "cbor"),
        (cbor2.dumps({1: 2}), "cbor"),
    ],
    ids=["items", "depth", "tags", "integer", "array", "bytes", "key"],
)
def test_cbor_is_bounded(message, kind):
    assert Stream2Decoder("e").decode(message).kind == kind


@pytest.mark.parametrize("tag", sorted(REFUSED_TAGS))
def test_tags_that_are_more_than_data_are_refused(tag):
    head = cbor2.dumps(cbor2.CBORTag(tag, 0))[:-1]
    record = Stream2Decoder("e").decode(b"\xa1\x61a" + head + b"\x61b")
    assert (record.kind, f"tag {tag}" in record.detail) == ("cbor", True)


def test_the_structure_of_real_messages_passes():
    for message in (body(), body(user_data={"a": [[{"b": 2**80}]]})):
        check_structure(cbor2.dumps(message))
        assert isinstance(stream2(message), Image)


def test_keys_that_collide_are_refused():
    """Integers are chosen so that all have one hash; texts cannot be."""
    collide = {n * (2**61 - 1): 0 for n in range(1, 4)}
    assert stream2({"type": "start", "series_id": 1, "user_data": collide}).kind == (
        "cbor"
    )


@pytest.mark.parametrize("key", ["type", "series_id", "image_id", "series_unique_id"])
def test_what_came_is_quoted_in_short(key):
    for value in ("x" * 10**6, b"x" * 10**6, [b"x" * 10**6], 2**500):
        record = stream2({"type": "image", "series_id": 1, "image_id": 1, key: value})
        text = record.detail if isinstance(record, BadMessage) else record.problem[1]
        assert len(text) < 200


def test_names_of_channels_are_cut():
    data = {"a": body()["data"]["threshold_1"], "c" * 10**6: 1, b"d": 2}
    image = stream2(body(data=data))
    assert [len(name) for name in image.ignored_channels] == [4, 61 + 194]
    absent = Stream2Decoder("e", channel="z").decode(cbor2.dumps(body(data=data)))
    assert len(absent.problem[1]) <= 500


def test_upstream_numbers_that_no_double_holds():
    image = stream2(body(spot_count=2**70, indexing_result=1, bkg_estimate=2**500))
    assert (image.upstream.spots, image.upstream.background) == (None, 2.0**500)


def test_a_message_cut_anywhere_is_refused():
    message, random = cbor2.dumps(body()), Random(1)
    for _ in range(50):
        cut = message[: random.randrange(1, len(message))]
        assert Stream2Decoder("e").decode(cut).kind == "cbor"
