"""The channel of a stream v2 series: chosen once, whatever order a map has."""

from __future__ import annotations

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.records import Image, SeriesStart, Unprocessed
from recorder.simulate.stream.messages import payload_tag
from recorder.sources.dectris.channels import first_by_name
from recorder.sources.dectris.stream2 import Stream2Decoder
from recorder.sources.pixels import decode
from tests.builders import payload

NAMES = ("threshold_1", "threshold_2", "threshold_10", "difference")
VALUES = {name: n + 1 for n, name in enumerate(NAMES)}


def header(channels: list | None, unique: str = "u", series: int = 4, **more) -> bytes:
    body = {
        "type": "start",
        "series_id": series,
        "series_unique_id": unique,
        "image_size_x": 10,
        "image_size_y": 12,
        **more,
    }
    return cbor2.dumps(body if channels is None else {**body, "channels": channels})


def message(n: int, names, unique: str = "u", series: int = 4) -> bytes:
    data = {name: payload_tag(payload(VALUES.get(name, 9))) for name in names}
    body = {"type": "image", "series_id": series, "series_unique_id": unique}
    return cbor2.dumps({**body, "image_id": n, "data": data})


def value(record: object) -> int:
    assert isinstance(record, Image)
    assert record.problem is None, record.problem
    return int(decode(record.payload).max())


@given(
    st.lists(st.sampled_from(NAMES), min_size=1, unique=True),
    st.booleans(),
    st.data(),
)
def test_permuting_the_channels_of_images_changes_nothing(names, told, data):
    decoder = Stream2Decoder("e")
    if told:
        decoder.decode(header(names))
    wanted = VALUES[names[0] if told else first_by_name(names)]
    for n in range(3):
        order = data.draw(st.permutations(names))
        image = decoder.decode(message(n, order))
        assert value(image) == wanted
        assert image.ignored_channels == tuple(
            sorted(image.ignored_channels, key=lambda name: [name[:1], len(name), name])
        )
        assert len(image.ignored_channels) == len(names) - 1


def test_the_first_by_name_counts_numbers():
    assert first_by_name(["threshold_10", "threshold_2"]) == "threshold_2"
    assert first_by_name(["9" * 5000, "7"]) == "7"


def test_an_image_without_the_channel_of_its_series_is_not_taken_from_another():
    decoder = Stream2Decoder("e")
    decoder.decode(header(["threshold_1", "threshold_2"]))
    image = decoder.decode(message(0, ["threshold_2"]))
    assert image.problem[0] is Unprocessed.UNSUPPORTED
    assert "no channel 'threshold_1', the one of its series" in image.problem[1]


def test_without_a_header_the_first_image_decides_for_its_series():
    decoder = Stream2Decoder("e")
    assert value(decoder.decode(message(0, ["threshold_2"]))) == 2
    assert value(decoder.decode(message(1, ["threshold_1", "threshold_2"]))) == 2


@pytest.mark.parametrize("channels", [["low", "high"], [7, None]])
def test_names_that_the_header_has_for_itself_cost_no_image(channels):
    decoder = Stream2Decoder("e")
    decoder.decode(header(channels))
    for order in (["threshold_1", "threshold_2"], ["threshold_2", "threshold_1"]):
        assert value(decoder.decode(message(0, order))) == 1


def test_the_mask_is_that_of_the_channel_in_use():
    masks = {
        "threshold_2": payload_tag(payload(1)),
        "threshold_1": payload_tag(payload(0)),
    }
    start = Stream2Decoder("e").decode(
        header(["threshold_1", "threshold_2"], pixel_mask=masks)
    )
    assert isinstance(start, SeriesStart)
    assert not start.mask.any()


def test_interleaved_series_keep_the_channel_and_the_faults_of_their_own():
    decoder = Stream2Decoder("e")
    decoder.decode(header(["threshold_2", "threshold_1"], "a", 4))
    decoder.decode(header(["threshold_1"], "b", 5, poisson_compression=True))
    both = ["threshold_1", "threshold_2"]
    assert value(decoder.decode(message(0, both, "a", 4))) == 2
    refused = decoder.decode(message(0, both, "b", 5))
    assert "poisson" in refused.problem[1]
    assert value(decoder.decode(message(1, both, "a", 4))) == 2
