"""What travels to workers comes back as it was."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from recorder.records import (
    Classification,
    ClassifierSetup,
    ClassifySettings,
    Geometry,
    ImageClass,
    Lattice,
)
from recorder.wire import (
    pack_payload,
    pack_result,
    pack_setup,
    unpack_payload,
    unpack_result,
    unpack_setup,
)
from tests.builders import SHAPE, payload

SETUP = ClassifierSetup(
    shape=SHAPE,
    dtype="uint16",
    geometry=Geometry(SHAPE, (75e-6, 75e-6), 0.1, (5.0, 6.0), 1.0),
    cell=(79.1, 79.1, 38.2, 90.0, 90.0, 90.0),
    space_group="P43212",
    mask=np.arange(120).reshape(SHAPE) % 7 == 0,
    flatfield=np.full(SHAPE, 0.9, np.float32),
    saturation=60000.0,
    settings=ClassifySettings(gain=2.0),
)


@pytest.mark.parametrize(
    "setup",
    [SETUP, replace(SETUP, geometry=None, cell=None, mask=None, flatfield=None)],
)
def test_setup(setup):
    again = unpack_setup([bytes(frame) for frame in pack_setup(setup)])
    assert (again.cell, again.settings, again.shape) == (
        setup.cell,
        setup.settings,
        setup.shape,
    )
    assert (again.geometry is None) == (setup.geometry is None)
    if setup.geometry is not None:
        assert again.geometry.beam_center == (5.0, 6.0)
    for name in ("mask", "flatfield"):
        assert np.array_equal(getattr(again, name), getattr(setup, name))


def test_payload():
    head, data = pack_payload(payload(3))
    again = unpack_payload(head, data)
    assert (again.encoding, again.shape, again.dtype) == ("raw", SHAPE, "<u2")
    assert again.data == payload(3).data


def test_result():
    lattice = Lattice((1.0,) * 3 + (90.0,) * 3, (1.0,) * 9, 20, -30.0, 0.001)
    result = Classification(ImageClass.INDEXED, 25, (lattice,), 1.9, 0.6, 3, 0)
    assert unpack_result(pack_result(result)) == result
