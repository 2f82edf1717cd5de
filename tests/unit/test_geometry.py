from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from recorder.records import DetectorInfo, Geometry
from recorder.ssx.detector import geometry
from tests.crystallography import d_spacing, pixel_positions

GOOD = DetectorInfo(
    shape=(2167, 2070),
    pixel_size=(75e-6, 75e-6),
    distance=0.15,
    beam_center=(1035.0, 1083.5),
    wavelength=1.0,
    photon_energy=12398.42,
)


def resolve(overrides: DetectorInfo | None = None, **changes: object):
    return geometry.resolve(dataclasses.replace(GOOD, **changes), overrides)


def test_a_good_header_gives_geometry_without_warnings() -> None:
    found, warnings = resolve()
    assert found is not None
    assert warnings == ()
    assert found.shape == (2167, 2070)
    assert found.distance == 0.15


def test_overrides_win_field_by_field() -> None:
    found, _ = resolve(
        DetectorInfo(distance=0.2, beam_center=(10.0, 20.0)), distance=0.0
    )
    assert found is not None
    assert found.distance == 0.2
    assert found.beam_center == (10.0, 20.0)
    assert found.pixel_size == (75e-6, 75e-6)


@pytest.mark.parametrize(("said", "used"), [(376.565, 0.376565), (-376.56, 0.37656)])
def test_a_distance_in_mm_is_understood_and_said(said: float, used: float) -> None:
    found, warnings = resolve(distance=said)
    assert found is not None
    assert found.distance == pytest.approx(used)
    assert len(warnings) == 1
    assert "mm" in warnings[0]


def test_the_sign_of_the_distance_is_ignored() -> None:
    found, warnings = resolve(distance=-0.15)
    assert found is not None
    assert found.distance == 0.15
    assert warnings == ()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"distance": 0.0}, "detector.distance"),
        ({"distance": None}, "detector.distance"),
        ({"distance": float("nan")}, "detector.distance"),
        ({"distance": 1e6}, "detector.distance"),
        ({"beam_center": (0.0, 0.0)}, "beam centre is 0; set detector.beam_center"),
        ({"beam_center": None}, "set detector.beam_center"),
        ({"beam_center": (float("nan"), 1.0)}, "set detector.beam_center"),
        ({"wavelength": 0.0}, "set detector.wavelength"),
        ({"wavelength": -1.0}, "set detector.wavelength"),
        ({"wavelength": None, "photon_energy": None}, "set detector.wavelength"),
        ({"wavelength": None, "photon_energy": 0.0}, "set detector.wavelength"),
        ({"pixel_size": None}, "set detector.pixel_size"),
        ({"pixel_size": (75.0, 75.0)}, "set detector.pixel_size"),
        ({"pixel_size": (float("nan"), 75e-6)}, "set detector.pixel_size"),
        ({"shape": None}, "image size"),
    ],
)
def test_unusable_values_switch_indexing_off_and_say_why(
    changes: dict[str, object], words: str
) -> None:
    found, warnings = resolve(**changes)
    assert found is None
    assert any("indexing off" in w and words in w for w in warnings)


def test_every_problem_is_reported_at_once() -> None:
    _, warnings = resolve(distance=0.0, beam_center=(0.0, 0.0), pixel_size=None)
    assert len(warnings) == 3


def test_a_beam_centre_off_the_detector_is_allowed_with_a_warning() -> None:
    found, warnings = resolve(beam_center=(-300.0, 1000.0))
    assert found is not None
    assert found.beam_center == (-300.0, 1000.0)
    assert "outside" in warnings[0]


def test_wavelength_comes_from_the_photon_energy_if_need_be() -> None:
    found, warnings = resolve(wavelength=None, photon_energy=12398.42 / 1.2)
    assert found is not None
    assert found.wavelength == pytest.approx(1.2)
    assert warnings == ()


def test_wavelength_and_energy_that_disagree_are_reported() -> None:
    found, warnings = resolve(photon_energy=12000.0)
    assert found is not None
    assert found.wavelength == 1.0
    assert "disagree" in warnings[0]


def test_an_override_decides_between_wavelength_and_energy() -> None:
    found, warnings = resolve(DetectorInfo(wavelength=1.1))
    assert found is not None
    assert found.wavelength == 1.1
    assert "disagree" in warnings[0]
    found, warnings = resolve(DetectorInfo(photon_energy=12000.0))
    assert found is not None
    assert found.wavelength == pytest.approx(12398.42 / 12000)
    assert "disagree" in warnings[0]


DETECTOR = Geometry((1000, 1200), (75e-6, 172e-6), 0.1, (600.5, 400.25), 0.9)


def test_the_beam_centre_scatters_nothing() -> None:
    q = geometry.scattering_vectors(DETECTOR, np.array([600.5]), np.array([400.25]))
    np.testing.assert_allclose(q, 0, atol=1e-12)
    assert d_spacing(q)[0] == np.inf


def test_scattering_vectors_obey_bragg_and_the_axes() -> None:
    # 100 px along x = 7.5 mm at 100 mm: 2 theta = atan(0.075)
    q = geometry.scattering_vectors(DETECTOR, np.array([700.5]), np.array([400.25]))
    theta = np.arctan(0.075) / 2
    assert d_spacing(q)[0] == pytest.approx(0.9 / (2 * np.sin(theta)))
    assert q[0, 0] > 0
    assert q[0, 1] == pytest.approx(0)
    assert q[0, 2] < 0
    y = geometry.scattering_vectors(DETECTOR, np.array([600.5]), np.array([500.25]))
    assert y[0, 1] > q[0, 0]


def test_scattering_vectors_lie_on_the_ewald_sphere_and_map_back() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.uniform(0, 1200, 50), rng.uniform(0, 1000, 50)
    q = geometry.scattering_vectors(DETECTOR, x, y)
    s1 = q + np.array([0, 0, 1 / 0.9])
    np.testing.assert_allclose(np.linalg.norm(s1, axis=1), 1 / 0.9)
    back_x, back_y = pixel_positions(DETECTOR, q)
    np.testing.assert_allclose(back_x, x)
    np.testing.assert_allclose(back_y, y)


def test_rays_away_from_the_detector_have_no_position() -> None:
    x, _ = pixel_positions(DETECTOR, np.array([[0.0, 0.0, -2.0]]))
    assert np.isnan(x[0])
