"""Values that mark pixels without a count, and masks that cannot be right."""

from __future__ import annotations

from dataclasses import replace

import cbor2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.classifying.setup import make_setup
from recorder.config import GeometrySection
from recorder.records import (
    ClassifierSetup,
    ClassifySettings,
    DetectorInfo,
    Payload,
    SeriesKey,
    SeriesStart,
)
from recorder.records.masks import implausible
from recorder.simulate.stills.render import StillGenerator
from recorder.simulate.stream.messages import Stream1, Stream2
from recorder.sources.dectris.stream1 import Stream1Decoder
from recorder.sources.dectris.stream2 import Stream2Decoder
from recorder.ssx.classification.classifier import Classifier
from recorder.ssx.detector.flags import narrow_flag
from tests.builders import new_run
from tests.stills import SETTINGS


@pytest.mark.parametrize(
    ("dtype", "info", "flag"),
    [
        ("uint32", {"bit_depth": 16}, 65535),
        ("uint32", {"bit_depth": 16, "saturation": 65534}, 65535),
        ("uint32", {"saturation": 65534}, 65535),
        ("uint32", {"saturation": 12440}, 65535),
        ("int32", {"bit_depth": 16}, 65535),
        ("uint16", {"bit_depth": 8}, 255),
        ("uint16", {"saturation": 250}, 255),
        # the type's own highest value is a flag already
        ("uint16", {"bit_depth": 16, "saturation": 65534}, None),
        ("uint32", {"bit_depth": 32, "saturation": 65534}, None),
        # nothing says so, or it is said otherwise
        ("uint32", {}, None),
        ("uint32", {"saturation": 65535}, None),
        ("uint32", {"saturation": 10**6}, None),
        ("uint32", {"bit_depth": 16, "saturation": 10**6}, None),
        ("uint32", {"bit_depth": 16, "nframes_sum": 100}, None),
        ("uint32", {"saturation": 12440, "nframes_sum": 100}, None),
        ("uint32", {"bit_depth": 12}, None),
    ],
)
def test_the_flag_of_a_narrower_readout(dtype, info, flag):
    assert narrow_flag(DetectorInfo(**info), dtype) == flag


@given(
    st.sampled_from(["uint8", "uint16", "uint32", "int16", "int32"]),
    st.none() | st.integers(0, 64),
    st.none() | st.floats(),
)
def test_a_flag_is_a_value_of_the_type_above_every_count(dtype, depth, saturation):
    info = DetectorInfo(bit_depth=depth, saturation=saturation)
    flag = narrow_flag(info, dtype)
    assert flag is None or flag < np.iinfo(dtype).max
    assert flag is None or saturation is None or not saturation > flag


INFO = DetectorInfo(
    shape=(20, 20), dtype="uint16", saturation=65534, pixel_size=(75e-6, 75e-6)
)


def start1() -> SeriesStart:
    return Stream1Decoder("e").decode(Stream1(4, INFO, 25).start())


def start2() -> SeriesStart:
    return Stream2Decoder("e").records(Stream2(4, INFO, 25).start()[0])[0]


def setup_of(start: SeriesStart, dtype: str) -> tuple[ClassifierSetup, tuple[str, ...]]:
    payload = Payload(b"", "raw", (20, 20), dtype)
    run = new_run("a", 1, 1, start=start, key=start.key)
    return make_setup(run, payload, GeometrySection(), ClassifySettings())


@pytest.mark.parametrize("start", [start1, start2])
def test_streams_that_send_wider_pixels_than_they_count_in(start):
    assert setup_of(start(), "<u4")[0].flag == 65535
    assert setup_of(start(), "<u2")[0].flag is None


def test_a_stream_without_bit_depth_goes_by_its_saturation():
    body = cbor2.loads(Stream2(4, INFO, 25).start()[0])
    del body["image_dtype"]
    (start,) = Stream2Decoder("e").records(cbor2.dumps(body))
    assert setup_of(start, "<u4")[0].flag == 65535


def test_stored_in_wider_pixels_an_image_is_the_same():
    still = StillGenerator(SETTINGS, 1).still(1, "hit", 0.0)
    pixels = still.pixels.astype("u2")
    pixels[::7, ::5] = 65535
    narrow = ClassifierSetup(
        shape=pixels.shape,
        dtype="uint16",
        geometry=SETTINGS.geometry,
        cell=SETTINGS.told_cell,
        space_group=SETTINGS.space_group,
        mask=None,
        flatfield=None,
        saturation=65534,
        settings=ClassifySettings(),
    )
    wide = replace(narrow, dtype="uint32", flag=65535)
    expected = Classifier(narrow).classify(pixels)
    stored = pixels.astype("u4")
    assert Classifier(wide).classify(stored) == expected
    assert (stored[::7, ::5] == 65535).all(), "the image is not changed"
    assert expected.saturated_pixels == 0


@pytest.mark.parametrize(("share", "used"), [(0.07, True), (0.5, True), (0.93, False)])
def test_a_mask_of_nearly_all_pixels_is_named_and_not_used(share, used):
    mask = np.arange(400).reshape(20, 20) < 400 * share
    start = SeriesStart(SeriesKey("e", 1, "u"), INFO, mask=mask)
    setup, warnings = setup_of(start, "<u2")
    assert (setup.mask is not None) == used
    assert any("wrong way round" in warning for warning in warnings) != used


def test_an_empty_mask_is_plausible():
    assert implausible(np.zeros((0, 0), bool)) == ""
