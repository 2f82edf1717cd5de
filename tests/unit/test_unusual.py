"""Images that show nothing are non-hits that say why."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.records import (
    Classification,
    ClassifierSetup,
    ClassifySettings,
    ImageClass,
)
from recorder.records.image_outcome import ImageOutcome
from recorder.records.outcome_codec import (
    decode_classification,
    decode_row,
    encode_classification,
    encode_row,
)
from recorder.simulate.stills.settings import default_geometry
from recorder.ssx.classification.classifier import Classifier
from tests.laws import examples

PX = 320
GEOMETRY = default_geometry(PX)
DTYPES = ("uint8", "uint16", "uint32", "int16", "int32")
Y, X = np.mgrid[0:PX, 0:PX]


def classifier(dtype: str, **changes: object) -> Classifier:
    given_ = {"mask": None, "saturation": None, **changes}
    return Classifier(
        ClassifierSetup(
            GEOMETRY.shape,
            dtype,
            GEOMETRY,
            (79.1, 79.1, 38.2, 90, 90, 90),
            "P43212",
            given_["mask"],
            None,
            given_["saturation"],
            ClassifySettings(),
        )
    )


def nothing(dtype: str, kind: str, low: int, step: int, seed: int) -> np.ndarray:
    """An image that no detector with a beam makes."""
    info = np.iinfo(dtype)
    flag = info.min if info.min < 0 else info.max
    rng = np.random.default_rng(seed)
    image = {
        "constant": np.full((PX, PX), low),
        "checkerboard": low + step * ((X + Y) % 2),
        "stripes": low + step * (X % 2),
        "lines": low + step * (Y % 2),
        "ramp": low + X * step // 4,
        "half flagged": np.where(X < PX // 2, flag, rng.poisson(0.6, (PX, PX))),
        "all flagged": np.full((PX, PX), flag),
    }[kind]
    highest = info.max - (info.min == 0)
    return np.where(image == flag, flag, np.minimum(image, highest)).astype(dtype)


KINDS = ("constant", "checkerboard", "stripes", "lines", "half flagged", "all flagged")


@settings(max_examples=examples(60), deadline=None)
@given(
    st.sampled_from(DTYPES),
    st.sampled_from(KINDS),
    st.integers(0, 90),
    st.integers(1, 30),
    st.integers(0, 99),
)
def test_an_image_that_shows_nothing_is_a_non_hit_that_says_why(
    dtype: str, kind: str, low: int, step: int, seed: int
) -> None:
    image = nothing(dtype, kind, low, step, seed)
    result = classifier(dtype).classify(image)
    assert result.image_class is ImageClass.NON_HIT
    assert result.reason
    assert result.lattices == ()


@pytest.mark.parametrize("dtype", ["uint16", "uint32", "int16", "int32"])
@pytest.mark.parametrize("step", [4, 8, 40])
def test_a_ramp_is_a_non_hit_that_says_why(dtype: str, step: int) -> None:
    result = classifier(dtype).classify(nothing(dtype, "ramp", 3, step, 0))
    assert result.image_class is ImageClass.NON_HIT
    assert "no noise" in result.reason


def test_masked_and_saturated_images_say_so() -> None:
    image = np.random.default_rng(1).poisson(500, (PX, PX)).astype(np.uint16)
    masked = classifier("uint16", mask=np.ones((PX, PX), np.bool_)).classify(image)
    assert masked.reason == "all pixels are masked"
    full = classifier("uint16", saturation=100.0).classify(image)
    assert full.reason == "100 % of the pixels are saturated"
    assert full.saturated_pixels == image.size


@settings(max_examples=examples(40), deadline=None)
@given(
    st.sampled_from(DTYPES),
    st.sampled_from([0.01, 0.1, 0.6, 5.0, 40.0]),
    st.floats(0.05, 1),
    st.integers(0, 2**32 - 1),
)
def test_an_image_of_photons_is_judged(
    dtype: str, photons: float, lit: float, seed: int
) -> None:
    """Also where a mask leaves 5 % of the detector."""
    rng = np.random.default_rng(seed)
    image = rng.poisson(photons, (PX, PX)).astype(dtype)
    mask = np.broadcast_to(X >= lit * PX, (PX, PX)).copy()
    result = classifier(dtype, mask=mask).classify(image)
    assert result.reason == ""
    assert result.image_class is ImageClass.NON_HIT


def test_absurd_images_cost_little() -> None:
    """No more than 12 times a blank, which costs less than a hit."""
    rng = np.random.default_rng(2)
    engine = classifier("uint16")

    def cost(image: np.ndarray) -> float:
        engine.classify(image)
        begun = time.process_time()
        for _ in range(5):
            engine.classify(image)
        return time.process_time() - begun

    blank = cost(rng.poisson(0.6, (PX, PX)).astype(np.uint16))
    absurd = [nothing("uint16", kind, 3, 20, 0) for kind in (*KINDS, "ramp")]
    absurd.append(rng.integers(0, 65535, (PX, PX)).astype(np.uint16))
    assert max(map(cost, absurd)) < 12 * blank


def test_the_reason_is_kept() -> None:
    found = Classification(ImageClass.NON_HIT, 0, reason="all pixels count 3", lines=4)
    assert decode_classification(encode_classification(found), None) == found
    image = ImageOutcome(3, found, None, None, 5)
    assert decode_row(encode_row(image)).found == found
