"""Each condition of the simulated stills: it is as strong as asked, and known."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace

import numpy as np
import pytest

from recorder.errors import UsageError
from recorder.simulate.stills.jets import Jets, Streak
from recorder.simulate.stills.powder import rings_of
from recorder.simulate.stills.render import (
    Still,
    StillGenerator,
    StillSettings,
    default_geometry,
)
from recorder.simulate.stills.settings import parse_stills
from recorder.simulate.stills.shadows import Shadows
from recorder.simulate.stream.series import synthetic_series
from recorder.simulate.stream.simulated_run import SimulatedRun
from recorder.simulate.stream.truth import truth_entry
from recorder.simulate.timing.faults import Faults, fates
from recorder.simulate.timing.plan import make_plan

pytestmark = pytest.mark.simulator

GEOMETRY = default_geometry(400)
PLAIN = StillSettings(
    geometry=GEOMETRY,
    cell=(40, 40, 40, 90, 90, 90),
    space_group="P23",
    min_spots=5,
    hot_pixels_per_mpx=0,
    module_gaps=False,
)
DARK = replace(PLAIN, background=0, bad_pixel_share=0)
EVERYTHING = replace(
    PLAIN,
    dtype="int32",
    jet=(1, 50),
    jet_profile="mixed",
    jet_turn=90,
    jet_move=10,
    shadows=3,
    shadow_move=5,
    noisy_lines=4,
    dead_lines=4,
    module_edge=2,
    ring="unknown",
    ring_share=0.5,
    ring_spots=(5, 50),
    ring_height=(1, 3),
    multi_lattices=3,
    second_form=0.5,
    baseline=20,
    baseline_spread=1,
    noise=2,
    drift=(5, 5, 0.01, 0.01),
)
LEAVES_CRYSTALS = [
    {"jet": (5, 50)},
    {"noisy_lines": 5},
    {"dead_lines": 5},
    {"module_edge": 3},
    {"ring_share": 1, "ring_spots": (20, 60), "ring_height": (1, 5)},
    {"baseline": 50, "noise": 3, "baseline_spread": 1},
    {"drift": (0, 0, 0, 0), "drift_images": 5},
]


def by_name(value: object) -> str:
    return ",".join(value) if isinstance(value, dict) else str(value)


def misses(n: int, settings: StillSettings, seed: int = 1) -> list[Still]:
    generator = StillGenerator(settings, seed)
    return [generator.still(index, "miss") for index in range(n)]


def middles() -> tuple[np.ndarray, np.ndarray]:
    """Pixels from the beam centre to the middle of each pixel: x, y."""
    rows, columns = np.indices(GEOMETRY.shape) + 0.5
    return columns - GEOMETRY.beam_center[0], rows - GEOMETRY.beam_center[1]


def across(still: Still) -> np.ndarray:
    """Pixels from the middle of the jet that the truth names."""
    x, y = middles()
    jet = still.truth["jet"]
    turn = math.radians(jet["angle"])
    return y * math.cos(turn) - x * math.sin(turn) - jet["offset"]


def test_same_seed_gives_the_same_image_under_all_conditions():
    one, two = StillGenerator(EVERYTHING, 5), StillGenerator(EVERYTHING, 5)
    two.still(3, "multi")
    left, right = one.still(7, "multi"), two.still(7, "multi")
    assert np.array_equal(left.pixels, right.pixels)
    assert left.truth == right.truth and left.orientations == right.orientations
    for mine, others in zip(left.spots, right.spots, strict=True):
        assert np.array_equal(mine, others)
    assert not np.array_equal(left.pixels, one.still(8, "multi").pixels)


@pytest.mark.parametrize("effect", LEAVES_CRYSTALS, ids=by_name)
def test_a_condition_leaves_the_crystals_as_they_were(effect):
    plain = StillGenerator(PLAIN, 2)
    changed = StillGenerator(replace(PLAIN, **effect), 2)
    assert np.array_equal(plain.mask, changed.mask)
    for index in range(3):
        one, two = plain.still(index, "multi"), changed.still(index, "multi")
        assert one.orientations == two.orientations
        for left, right in zip(one.spots, two.spots, strict=True):
            assert np.array_equal(left, right)


def test_conditions_do_not_move_each_other():
    both = replace(PLAIN, jet=(5, 50), ring_share=1, ring_spots=(20, 60), noisy_lines=3)
    alone = replace(PLAIN, jet=(5, 50))
    more, one = StillGenerator(both, 1).still(3), StillGenerator(alone, 1).still(3)
    assert more.truth["jet"] == one.truth["jet"]
    rings = replace(PLAIN, ring_share=1, ring_spots=(20, 60))
    assert np.array_equal(more.foreign, StillGenerator(rings, 1).still(3).foreign)


# -- jets ----------------------------------------------------------------------


@pytest.mark.parametrize("profile", ["gaussian", "exponential"])
@pytest.mark.parametrize("width", [1.0, 3.0, 10.0])
def test_a_jet_is_as_wide_and_as_bright_as_asked(profile, width):
    """Its integral across is that of the profile; half of its width holds its share."""
    settings = replace(
        DARK,
        jet=(20, 20),
        jet_width=(width, width),
        jet_profile=profile,
        jet_turn=60,
        jet_fall=1e9,
    )
    generator = StillGenerator(settings, 1)
    stills = [generator.still(index, "miss") for index in range(12)]
    total = inside = length = 0.0
    for still in stills:
        off = across(still)
        turn = math.radians(still.truth["jet"]["angle"])
        x, y = middles()
        along = np.abs(x * math.cos(turn) + y * math.sin(turn))
        ring = (along > 60) & (along < 150) & (generator.background.shadow > 0.999)
        ring &= np.abs(off) < 60
        # Of the arm of the beamstop only what is beside the jet may be missing.
        length += np.count_nonzero(ring) / 120
        total += still.pixels[ring].sum()
        inside += still.pixels[ring & (np.abs(off) < width / 2)].sum()
    area = {
        "gaussian": width * math.sqrt(math.pi / (4 * math.log(2))),
        "exponential": width / math.log(2),
    }[profile]
    assert total / length == pytest.approx(20 * area, rel=0.05)
    if width == 10:
        share = {"gaussian": math.erf(math.sqrt(math.log(2))), "exponential": 0.5}
        assert inside / total == pytest.approx(share[profile], abs=0.03)


def test_jets_range_over_what_is_asked_and_turn_and_move():
    settings = replace(
        DARK,
        jet=(1, 50),
        jet_width=(1, 10),
        jet_profile="mixed",
        jet_turn=90,
        jet_move=15,
    )
    jets = [still.truth["jet"] for still in misses(150, settings)]
    for name, low, high in (("photons", 1, 50), ("width", 1, 10)):
        found = np.array([jet[name] for jet in jets])
        assert found.min() >= low and found.max() <= high
        # As often below as above the geometric mean: four standard errors.
        assert abs((found < math.sqrt(low * high)).mean() - 0.5) < 0.17
    assert np.std([jet["offset"] for jet in jets]) == pytest.approx(15, rel=0.25)
    assert len({round(jet["angle"] // 30) for jet in jets}) == 6
    assert {jet["profile"] for jet in jets} == {"gaussian", "exponential"}


def test_a_jet_falls_with_q():
    near = far = 0.0
    generator = StillGenerator(
        replace(DARK, jet=(40, 40), jet_width=(4, 4), jet_fall=0.1), 1
    )
    rates = np.zeros(GEOMETRY.shape)
    jets = Jets(generator.settings, 1, np.ones(GEOMETRY.shape))
    sparse = jets.rates(Streak(40, 4, "gaussian", 0, 0), GEOMETRY)
    rates.ravel()[sparse.places] = sparse.rates
    x, _ = middles()
    q = np.abs(x) * GEOMETRY.pixel_size[0] / GEOMETRY.distance / GEOMETRY.wavelength
    near = rates[(q > 0.1) & (q < 0.12)].mean()
    far = rates[(q > 0.2) & (q < 0.22)].mean()
    assert far / near == pytest.approx(math.exp(-1), rel=0.02)


def test_a_narrow_jet_does_not_flicker_with_its_place():
    jets = Jets(DARK, 1, np.ones(GEOMETRY.shape))
    sums = [
        jets.rates(Streak(20, 1, "gaussian", 30, offset), GEOMETRY).rates.sum()
        for offset in np.linspace(0, 1, 7)
    ]
    assert np.ptp(sums) < 0.01 * np.mean(sums)


def test_the_truth_has_the_background_of_jet_and_ring():
    settings = replace(
        PLAIN, jet=(5, 50), ring_share=1, ring_height=(2, 5), dtype="uint32"
    )
    generator = StillGenerator(settings, 1)
    good = ~generator.mask
    for index in range(4):
        still = generator.still(index, "miss")
        expected = still.background * good.sum()
        assert still.pixels[good].sum() == pytest.approx(expected, rel=0.02)


# -- shadows -------------------------------------------------------------------


def test_shadows_let_through_what_is_asked():
    lit = replace(PLAIN, background=20, bad_pixel_share=0, dtype="uint32")
    dim = replace(lit, shadows=3, shadow_light=(0.4, 0.4), shadow_edge=(0, 0))
    one, two = StillGenerator(lit, 3), StillGenerator(dim, 3)
    ratio = sum(two.still(n, "miss").pixels for n in range(20)) / np.maximum(
        sum(one.still(n, "miss").pixels for n in range(20)), 1
    )
    seen = one.background.shadow > 0.99
    levels = ratio[seen]
    dark = levels < 0.7
    assert 0.02 < dark.mean() < 0.5
    # One shadow lets through 0.4, two of them 0.16.
    assert np.median(levels[~dark]) == pytest.approx(1, abs=0.01)
    assert np.median(levels[dark & (levels > 0.28)]) == pytest.approx(0.4, abs=0.02)
    # Thinned Poisson counts are Poisson counts.
    edge = np.abs(ratio - 0.4) < 0.2
    pixels = np.array([two.still(n, "miss").pixels[edge & seen] for n in range(20, 60)])
    scale = pixels.mean(axis=1, keepdims=True) / pixels.mean()
    pixels = pixels / scale
    assert (pixels.var(axis=0) / pixels.mean(axis=0)).mean() == pytest.approx(
        1, abs=0.1
    )


def test_shadows_weaken_the_spots_of_the_truth_and_move_none():
    dim = replace(PLAIN, shadows=3, shadow_light=(0.3, 0.3), shadow_edge=(0, 0))
    plain, shaded = StillGenerator(PLAIN, 3), StillGenerator(dim, 3)
    weaker = 0
    for index in range(8):
        one, two = plain.still(index, "hit"), shaded.still(index, "hit")
        assert one.orientations == two.orientations
        full = {(x, y): n for x, y, n in one.spots[0]}
        for x, y, photons in two.spots[0]:
            ratio = photons / full[x, y]
            assert min(
                abs(ratio - level) for level in (1, 0.3, 0.09, 0.027)
            ) < 0.02 or (0.027 < ratio < 1)
            weaker += ratio < 0.99
        assert all(spot[2] >= 1 for spot in two.spots[0])
    assert weaker > 5


@pytest.mark.parametrize("move", [0.0, 20.0])
def test_shadows_move_only_if_asked(move):
    shadows = Shadows(replace(PLAIN, shadows=3, shadow_move=move), 3)
    one, two = (shadows.light(np.random.default_rng(n)) for n in range(2))
    assert np.array_equal(one, two) is (move == 0)
    assert one.min() >= 0 and one.max() == 1


# -- lines and edges -----------------------------------------------------------


def test_noisy_lines():
    settings = replace(
        PLAIN, noisy_lines=8, noisy_line=(6, 6), bad_pixel_share=0, background=1
    )
    generator, plain = (
        StillGenerator(settings, 1),
        StillGenerator(replace(settings, noisy_lines=0), 1),
    )
    lines = generator.lines
    assert lines.noisy.size >= 8 * 100
    columns = np.bincount(lines.noisy % 400, minlength=400)
    rows = np.bincount(lines.noisy // 400, minlength=400)
    assert (columns >= 90).sum() == 4 and (rows >= 90).sum() == 4
    extra = np.array(
        [
            generator.still(n, "miss").pixels.ravel().astype(int)
            - plain.still(n, "miss").pixels.ravel()
            for n in range(30)
        ]
    )
    unique, times = np.unique(lines.noisy, return_counts=True)
    once = unique[times == 1]
    assert not np.delete(extra, unique, axis=1).any()
    assert extra[:, once].mean() == pytest.approx(6, rel=0.03)
    # Poisson, and a log-normal factor of sigma 0.5.
    variance = 6 + 36 * (math.exp(0.25) - 1)
    assert extra[:, once].var() == pytest.approx(variance, rel=0.1)


def test_dead_lines_have_no_counts():
    settings = replace(PLAIN, dead_lines=6, background=20)
    generator = StillGenerator(settings, 1)
    dead = generator.lines.dead
    assert dead.size >= 6 * 90
    assert not generator.mask.flat[dead].any()
    stack = np.array([generator.still(n, "hit").pixels.ravel() for n in range(3)])
    assert not stack[:, dead].any()


@pytest.mark.parametrize("gaps", [True, False])
def test_pixels_at_borders_count_more(gaps):
    geometry = replace(default_geometry(600), shape=(600, 600))
    settings = replace(
        PLAIN, geometry=geometry, module_edge=3, module_gaps=gaps, background=4
    )
    one = StillGenerator(settings, 1)
    two = StillGenerator(replace(settings, module_edge=1), 1)
    rates = np.where(one.mask, 0, one.background.rates(0))
    extra = sum(
        one.still(n, "miss").pixels.astype(int) - two.still(n, "miss").pixels
        for n in range(10)
    )
    border = np.zeros((600, 600), bool)
    border[0] = border[-1] = border[:, 0] = border[:, -1] = True
    if gaps:
        border[[513, 551]] = True
    border &= ~one.mask
    assert not extra[~border].any()
    # Thickness differs from image to image by 15 %.
    assert extra[border].sum() == pytest.approx(20 * rates[border].sum(), rel=0.15)


# -- rings ---------------------------------------------------------------------


@pytest.mark.parametrize("substance", ["salt", "lipid", "ice", "unknown"])
def test_rings_lie_where_the_substance_has_them(substance):
    settings = replace(
        PLAIN, ring=substance, ring_share=0.5, ring_spots=(30, 60), ring_height=(4, 9)
    )
    stills = misses(40, settings)
    ringed = [still for still in stills if still.truth.get("ring")]
    assert 8 < len(ringed) < 32
    assert all(len(s.foreign) == 0 for s in stills if not s.truth.get("ring"))
    spots = np.concatenate([still.foreign for still in ringed])
    assert 15 * len(ringed) < len(spots) <= 60 * len(ringed)
    radius = np.hypot(*(spots[:, :2] - GEOMETRY.beam_center).T) * 75e-6
    spacing = 1 / (2 * np.sin(np.arctan(radius / GEOMETRY.distance) / 2))
    known = rings_of(substance, 1)[:, 0]
    assert np.abs(spacing[:, None] / known - 1).min(axis=1).max() < 0.012
    if substance == "lipid":
        assert known.tolist() == [42.0, 4.5]
    dark = replace(settings, ring_share=0)
    plain = misses(40, dark)
    level = sum(a.background - b.background for a, b in zip(stills, plain, strict=True))
    assert level > 0


def test_the_rings_of_an_unknown_substance_are_those_of_the_seed():
    one, two = rings_of("unknown", 1), rings_of("unknown", 2)
    assert one.shape == (4, 2) and not np.array_equal(one, two)
    assert (one[:, 0] > 2.2).all() and (one[:, 0] < 12).all()


def test_a_ring_that_cannot_be_seen_is_refused():
    far = replace(PLAIN, geometry=replace(GEOMETRY, distance=3.0), ring_share=1)
    with pytest.raises(UsageError, match="set ring_share to 0"):
        StillGenerator(replace(far, ring="salt"), 1)


# -- pedestals -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("dtype", "baseline", "noise", "gain"),
    [("uint16", 100, 3, 10), ("int32", -40, 5, 12), ("uint16", 30, 0, 1)],
)
def test_pedestals(dtype, baseline, noise, gain):
    settings = replace(
        PLAIN,
        dtype=dtype,
        baseline=baseline,
        noise=noise,
        gain=gain,
        bad_pixel_share=1e-3,
    )
    generator = StillGenerator(settings, 1)
    good = ~generator.mask
    flat = generator.background.rates(0)
    limits = np.iinfo(dtype)
    for index in range(2):
        still = generator.still(index, "miss")
        flag = limits.min if settings.signed else limits.max
        assert np.array_equal(still.pixels == flag, generator.mask)
        photons = flat / flat[good].mean() * still.background
        counts = still.pixels[good].astype(float)
        off = counts - baseline - gain * photons[good]
        variance = gain**2 * photons[good].mean() + noise**2 + (noise > 0) / 12
        assert abs(off.mean()) < 4 * math.sqrt(variance / good.sum())
        assert (off**2).mean() == pytest.approx(variance, rel=0.03)


def test_the_baseline_of_each_pixel_stays():
    settings = replace(DARK, baseline=200, baseline_spread=5, noise=2)
    one, two = (still.pixels.astype(float).ravel() for still in misses(2, settings))
    assert one.mean() == pytest.approx(200, abs=0.1)
    assert one.std() == pytest.approx(math.sqrt(25 + 4 + 1 / 12), rel=0.02)
    assert np.corrcoef(one, two)[0, 1] == pytest.approx(25 / 29.1, abs=0.02)


def test_noise_below_nothing_is_nothing():
    settings = replace(DARK, baseline=1, noise=5)
    pixels = misses(1, settings)[0].pixels
    assert pixels.dtype == np.uint16 and pixels.max() < 60
    assert 0.3 < (pixels == 0).mean() < 0.7


# -- several lattices, forms, drift ----------------------------------------------


def test_several_lattices_as_bright_as_asked():
    settings = replace(DARK, multi_lattices=4, multi_scale=(1, 1), min_spots=0)
    generator = StillGenerator(settings, 1)
    stills = [generator.still(n, "multi") for n in range(10)]
    assert all(len(s.orientations) == len(s.spots) == 4 for s in stills)
    assert len(generator.still(0, "hit").orientations) == 1
    tops = np.array([[np.sort(spots[:, 2])[-3] for spots in s.spots] for s in stills])
    assert np.exp(np.log(tops[:, 3] / tops[:, 0]).mean()) == pytest.approx(1, rel=0.5)


def test_two_forms():
    settings = replace(
        PLAIN,
        cell=(40, 40, 30, 90, 90, 90),
        space_group="P43212",
        second_form=0.4,
        form_change=(0.015, 0.015, -0.01),
        cell_jitter=0.001,
        min_spots=0,
        geometry=default_geometry(200),
    )
    generator = StillGenerator(settings, 3)
    stills = [generator.still(n, "multi") for n in range(60)]
    forms = np.array([form for still in stills for form in still.forms])
    vectors = [np.reshape(v, (3, 3)) for still in stills for v in still.orientations]
    lengths = np.array([np.linalg.norm(v, axis=1) for v in vectors])
    assert abs(forms.mean() - 0.4) < 4 * math.sqrt(0.24 / len(forms))
    for form, expected in ((0, (40, 40, 30)), (1, (40.6, 40.6, 29.7))):
        mean = lengths[forms == form].mean(axis=0)
        assert mean == pytest.approx(expected, rel=0.001)
    assert any("forms" in still.truth for still in stills)
    with pytest.raises(UsageError, match="form_change: axes that P43212"):
        StillGenerator(replace(settings, form_change=(0.01, 0.02, 0.01)), 1)


def test_drift_moves_the_spots_and_the_truth_knows_where():
    settings = replace(PLAIN, drift=(6, -4, 0.02, 0.01), drift_images=100)
    generator = StillGenerator(settings, 3)
    for index, part in ((0, 0.0), (50, 0.5), (100, 1.0), (300, 1.0)):
        still = generator.still(index, "hit")
        geometry = still.geometry
        assert geometry is not None
        x, y = GEOMETRY.beam_center
        assert geometry.beam_center == pytest.approx((x + 6 * part, y - 4 * part))
        assert geometry.distance == pytest.approx(GEOMETRY.distance * (1 + 0.02 * part))
        assert geometry.wavelength == pytest.approx(1 + 0.01 * part)
        abc, spots = np.reshape(still.orientations[0], (3, 3)), still.spots[0]
        xy = (spots[:, :2] - geometry.beam_center) * geometry.pixel_size
        s1 = np.column_stack((xy, np.full(len(xy), geometry.distance)))
        s1 /= np.linalg.norm(s1, axis=1, keepdims=True)
        h = (s1 - (0, 0, 1)) / geometry.wavelength @ abc.T
        off = (h - np.round(h)) @ np.linalg.inv(abc).T
        beside = off - (off * s1).sum(axis=1, keepdims=True) * s1
        assert np.abs(beside).max() < 1e-9
        assert still.truth["beam_center"] == pytest.approx(geometry.beam_center)
    assert settings.told_geometry == GEOMETRY


def test_drift_runs_through_a_series():
    settings = replace(PLAIN, drift=(6, 0, 0, 0), drift_images=120, hit_share=0)
    series = synthetic_series(120, 1, pool=24, settings=settings)
    assert series.info.beam_center == pytest.approx(GEOMETRY.beam_center)
    for n in range(120):
        x = series.frame(n).artefacts["beam_center"][0] - GEOMETRY.beam_center[0]
        # 24 stills for 120 images: each stands for five that follow each other.
        assert abs(x - 6 * n / 120) < 6 * 5 / 120


# -- what is said --------------------------------------------------------------


def test_the_truth_file_tells_cells_and_conditions():
    settings = replace(
        PLAIN,
        cell=(40, 50, 60, 90, 100, 90),
        space_group="P21",
        jet=(5, 5),
        hit_share=1,
        drift=(1, 0, 0, 0),
    )
    series = synthetic_series(4, 1, pool=2, settings=settings)
    run = SimulatedRun(number=1, images=4, rate_hz=1.0)
    plan = make_plan(run.event_chains, 4, Faults(), 1)
    fate = fates(Faults(), plan.due_ns, 1)[0]
    entry = truth_entry(plan, series.frame(0), 0, 0, fate, 0)
    assert json.loads(json.dumps(entry))["cells"][0] == [40, 50, 60, 90, 100, 90]
    assert entry["jet"]["photons"] == 5
    assert entry["beam_center"] == pytest.approx(GEOMETRY.beam_center, abs=1)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("jet=5:1", "jet: must be a range"),
        ("jet=0:5", "jet: must be a range above 0, or 0:0"),
        ("jet_width=0:5", "jet_width: must be a range above 0"),
        ("jet_profile=square", "jet_profile: must be one of gaussian"),
        ("jet_fall=0", "jet_fall: must be above 0"),
        ("shadow_light=0.5:1.5", "shadow_light: must be a range in 0:1"),
        ("shadows=-1", "shadows: must be not negative"),
        ("noisy_line=0:1", "noisy_line: must be a range above 0"),
        ("module_edge=0.5", "module_edge: must be at least 1"),
        ("ring=sugar", "ring: must be one of salt, lipid"),
        ("ring_share=2", "ring_share: must be between 0 and 1"),
        ("ring_spots=9:1", "ring_spots: must be a range"),
        ("second_form=1.2", "second_form: must be between 0 and 1"),
        ("form_change=0.2:0:0", "form_change: must be within 0.1"),
        ("drift=0:0:0.6:0", "drift: must be within 0.5"),
        ("drift_images=0", "drift_images: must be above 0"),
        ("baseline=-1", "baseline: must be not negative"),
        ("baseline_spread=1", "baseline_spread: must be 0 unless"),
    ],
)
def test_a_bad_condition_is_named(spec, said):
    with pytest.raises(UsageError, match=re.escape(said)):
        parse_stills(spec, GEOMETRY)


def test_pedestal_noise_is_allowed_where_there_is_a_pedestal():
    found = parse_stills("baseline=100,noise=3,jet=1:50,drift=6:0:0:0", GEOMETRY)
    assert found.noise == 3 and found.drifts and found.jet == (1, 50)
