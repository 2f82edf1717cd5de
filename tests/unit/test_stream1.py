"""Stream v1: real captures, every header detail, every way a message can be bad."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.records import (
    BadMessage,
    DetectorInfo,
    Image,
    SeriesEnd,
    SeriesStart,
    Unprocessed,
)
from recorder.simulate.stream.messages import Stream1
from recorder.sources.dectris.dumps import read_dump
from recorder.sources.dectris.stream1 import Stream1Decoder
from recorder.sources.dectris.stream1_header import expected_images
from recorder.sources.pixels import decode
from tests.builders import dumps, payload
from tests.recordings import recording

INFO = DetectorInfo(
    shape=(12, 10),
    dtype="uint16",
    pixel_size=(75e-6, 75e-6),
    distance=0.15,
    beam_center=(5.0, 6.0),
    wavelength=1.0,
    exposure_time_s=1e-3,
    flatfield_applied=True,
)


def test_eiger_capture_decodes_to_the_expected_images():
    decoder = Stream1Decoder("eiger")
    records = [decoder.decode(m) for m in read_dump(recording("eiger4m-stream1"))]
    start, *images, end = records
    assert isinstance(start, SeriesStart)
    assert isinstance(end, SeriesEnd)
    assert start.expected_images == 10
    assert start.user_data == {"acqID": "test_1"}
    assert [p.split(" of")[0] for p in start.problems] == ["dflatfield", "dpixelmask"]
    assert len(images) == 3
    for n, image in enumerate(images):
        pixels = decode(image.payload)
        good = pixels[pixels != 65535]
        assert (image.image_id, pixels.shape) == (n, (2167, 2070))
        assert (int(good.max()), round(float(good.mean()), 2)) == (12322, 1.09)
    steps = np.diff([image.start_time_ns for image in images])
    assert all(abs(step - 100_000) < 1000 for step in steps)


def test_micromax_capture_is_three_corrupt_images():
    decoder = Stream1Decoder("micromax")
    file = recording("micromax-stream1") / "eiger-small.cbors"
    start, *images, end = [decoder.decode(m) for m in read_dump(file)]
    assert start.user_data["collect_dict"]["ssx_mode"] == "test"
    assert start.mask is None
    assert [image.problem[0] for image in images] == [Unprocessed.CORRUPT] * 3
    assert "declared 755083" in images[0].problem[1]
    assert isinstance(end, SeriesEnd)


@pytest.mark.parametrize("detail", ["none", "basic", "all"])
@pytest.mark.parametrize("appendix", [None, {"recorder_uid": "u-1"}])
def test_header_details(detail, appendix):
    mask = np.zeros((12, 10), bool)
    mask[3, 4] = True
    stream = Stream1(4, INFO, 25, appendix=appendix, mask=mask, detail=detail)
    start = Stream1Decoder("e").decode(stream.start())
    assert isinstance(start, SeriesStart)
    assert start.recorder_uid == (appendix and "u-1")
    assert (start.info.shape == (12, 10)) is (detail != "none")
    assert start.expected_images == (None if detail == "none" else 25)
    if detail == "all":
        assert np.array_equal(start.mask, mask)
        assert start.flatfield.shape == (12, 10)


def test_text_appendix_is_kept():
    parts = [*Stream1(4, INFO, 25).start(), b"sample=lysozyme"]
    assert Stream1Decoder("e").decode(parts).user_data == "sample=lysozyme"


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"nimages": 5, "ntrigger": 3, "trigger_mode": "ints"}, 15),
        ({"nimages": 5, "ntrigger": 3, "trigger_mode": "exts"}, 15),
        ({"nimages": 1, "ntrigger": 30, "trigger_mode": "exte"}, 30),
        ({"nimages": 9, "ntrigger": 30, "trigger_mode": "inte"}, 30),
        ({"nimages": 7}, 7),
        ({}, None),
    ],
)
def test_expected_images_follow_the_trigger_mode(config, expected):
    assert expected_images(config) == expected


def decoder_with_header() -> Stream1Decoder:
    decoder = Stream1Decoder("e")
    decoder.decode(Stream1(4, INFO, 25).start())
    return decoder


def message(**changes) -> list[bytes]:
    parts = Stream1(4, INFO, 25).image(3, payload(), 77)
    for n, (part, changed) in enumerate(zip(parts[:2], ("head", "meta"), strict=True)):
        parts[n] = dumps({**json.loads(part), **changes.get(changed, {})})
    if "blob" in changes:
        parts[2] = changes["blob"]
    return parts


def test_good_image():
    image = decoder_with_header().decode(message())
    assert isinstance(image, Image)
    assert (image.image_id, image.start_time_ns, image.problem) == (3, 77, None)
    assert decode(image.payload).shape == (12, 10)


@pytest.mark.parametrize("extra", [[], [b"{}"], [b"free text"], [b'{"a":1}', b"x"]])
def test_fifth_part_is_tolerated(extra):
    image = decoder_with_header().decode([*message(), *extra])
    assert image.problem is None


@pytest.mark.parametrize(
    ("changes", "reason", "text"),
    [
        ({"meta": {"shape": [12, 10]}}, "corrupt", "swapped"),
        ({"meta": {"shape": [100, 100]}}, "corrupt", "the header says"),
        ({"meta": {"shape": "big"}}, "corrupt", "impossible shape"),
        ({"meta": {"shape": [-1, 5]}}, "corrupt", "impossible shape"),
        ({"meta": {"size": 99}}, "corrupt", "declared 99"),
        ({"meta": {"encoding": "jpeg<"}}, "unsupported", "compression"),
        ({"meta": {"type": "float32"}}, "unsupported", "uint8/16/32"),
        ({"meta": {"encoding": "bs32-lz4<"}}, "unsupported", "does not fit"),
    ],
)
def test_bad_image_keeps_its_place_in_the_ledger(changes, reason, text):
    image = decoder_with_header().decode(message(**changes))
    assert isinstance(image, Image)
    assert image.image_id == 3
    assert image.problem[0] == reason
    assert text in image.problem[1]


def test_truncated_multipart_keeps_its_place():
    image = decoder_with_header().decode(message()[:2])
    assert image.problem == (Unprocessed.CORRUPT, "image has 2 parts, expected 4")


def test_missing_times_cost_only_the_times():
    image = decoder_with_header().decode([*message()[:3], b"not json"])
    assert (image.start_time_ns, image.problem) == (None, None)


@pytest.mark.parametrize(
    ("parts", "kind"),
    [
        ([], "unknown_type"),
        ([b""], "json"),
        ([b"\xff\xfe"], "json"),
        ([b"[1,2]"], "json"),
        ([b'{"htype":"dnews-1.0"}'], "unknown_type"),
        ([b'{"htype":"dimage-1.0","series":"4","frame":1}'], "bad_id"),
        ([b'{"htype":"dimage-1.0","series":4,"frame":-1}'], "bad_id"),
        ([b'{"htype":"dimage-1.0","series":4,"frame":1e3}'], "bad_id"),
        ([b'{"htype":"dimage-1.0","series":4,"frame":true}'], "bad_id"),
        ([b'{"htype":"dimage-1.0","series":4,"frame":99999999999999999999}'], "bad_id"),
        ([b'{"htype":"dheader-1.0"}'], "bad_id"),
        ([b'{"htype":"dheader-1.0","series":1,"header_detail":"all"}', b"{"], "json"),
        ([b'{"htype":"dseries_end-1.0"}'], "bad_id"),
    ],
)
def test_bad_messages_are_counted_by_kind(parts, kind):
    record = Stream1Decoder("e").decode(parts)
    assert isinstance(record, BadMessage)
    assert record.kind == kind
    assert record.detail


def test_image_without_header_has_no_unique_id():
    image = Stream1Decoder("e").decode(message())
    assert image.key.unique_id == ""
    assert image.problem is None


def test_header_of_another_size_makes_later_images_fit_it():
    decoder = decoder_with_header()
    bigger = DetectorInfo(shape=(20, 20), dtype="uint16")
    decoder.decode(Stream1(5, bigger, 25).start())
    parts = Stream1(5, bigger, 25).image(0, payload(shape=(20, 20)), 0)
    assert decoder.decode(parts).problem is None


def test_the_last_images_after_the_next_header_keep_their_own():
    decoder = Stream1Decoder("e")
    first = decoder.decode(Stream1(4, INFO, 25).start())
    for number in (5, 6):
        bigger = DetectorInfo(shape=(20, 20), dtype="uint16")
        decoder.decode(Stream1(number, bigger, 25).start())
    late = decoder.decode(message())
    assert (late.key, late.problem) == (first.key, None)
    assert decoder.decode([b'{"htype": "dseries_end-1.0", "series": 4}']).key == (
        first.key
    )


def test_lost_tables_are_named():
    parts = Stream1(4, INFO, 25).start()
    del parts[3]
    parts[4] = parts[4][:100]
    start = Stream1Decoder("e").decode(parts)
    assert start.mask is None
    assert [p for p in start.problems if "missing" in p]
    assert [p for p in start.problems if "needs 480" in p]


@given(st.lists(st.binary(max_size=60), max_size=6))
def test_garbage_never_raises(parts):
    assert Stream1Decoder("e").decode(parts) is not None


@given(
    st.dictionaries(
        st.sampled_from(["htype", "series", "frame", "header_detail", "shape", "type"]),
        st.one_of(
            st.integers(),
            st.text(max_size=5),
            st.none(),
            st.floats(),
            st.sampled_from(["dimage-1.0", "dheader-1.0", "dseries_end-1.0"]),
        ),
    ),
    st.lists(st.binary(max_size=40), max_size=9),
)
def test_half_right_messages_never_raise(head, rest):
    body = json.dumps(head).encode()
    assert Stream1Decoder("e").decode([body, *rest]) is not None
