"""Edges of energy scans and lines of spectra, planted by a table and found again."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from recorder.mx.edge import LEAST_POINTS, MOST_POINTS, Edge, find_edge, prepared
from recorder.mx.elements import EDGES, SYMBOLS, edge_of, symbol_of
from recorder.mx.lines import find_lines, named, width
from recorder.mx.smoothing import smoothing_spline
from recorder.mx.xray_table import XrayTable, edge_hint, nearest_edges
from recorder.records import Found, ScanPoints, ScanResult
from recorder.records.mx_plan import EnergyScanPlan
from recorder.runs.tables.point_table import PointArrays, PointTable
from recorder.simulate.mx.absorption import SimulatedEnergyScan
from recorder.simulate.mx.mx_control import point_messages
from recorder.sources.control.messages import parse_message
from recorder.techniques import edge_check, scan_check, spectrum_report, xray_data
from recorder.techniques.edge_check import check_scan
from tests.unit.test_readings import spectrum

xraydb = pytest.importorskip("xraydb")
Floats = NDArray[np.float64]
SCANS = 40
WHITE_E = 1.8
"""Electrons of a planted white line."""
SE = EnergyScanPlan("Se", "K", 12658.0)


@dataclass(frozen=True)
class Truth:
    """f'' of an edge as a beam of 2 eV sees it; energies in eV."""

    edge: float
    energy: Floats
    f2: Floats
    inflection: float
    peak: float


@cache
def truth(element: str, edge: str, white: float = WHITE_E) -> Truth:
    """The table's f'' on both sides, a step between them, and a white line."""
    place = float(xraydb.xray_edge(element, edge).energy)
    fine = np.arange(place - 150, place + 150, 0.05)
    table = xraydb.f2_chantler(element, fine)
    below = np.polyfit(fine[fine < place - 25], table[fine < place - 25], 1)
    above = np.polyfit(fine[fine > place + 25], table[fine > place + 25], 1)
    f2 = np.where(fine < place, np.polyval(below, fine), np.polyval(above, fine))
    f2 = f2 + white * np.exp(-0.5 * ((fine - place - 3.0) / 1.5) ** 2)
    kernel = np.exp(-0.5 * (np.arange(-10, 10.01, 0.05) / (2.0 / 2.3548)) ** 2)
    seen = np.convolve(f2, kernel / kernel.sum(), "same")
    near = np.abs(fine - place) < 60
    rise = np.gradient(seen, fine)[near].argmax()
    top = float(fine[near][seen[near].argmax()])
    return Truth(place, fine, seen, float(fine[near][rise]), top)


def scanned(known: Truth, peak: int, step: float, seed: int) -> tuple[Floats, Floats]:
    """Energies and counts of one scan of 100 eV, its first energy anywhere."""
    rng = np.random.default_rng(seed)
    energy = known.edge - 50 + rng.uniform(0, 1) + np.arange(0, 100.01, step)
    wanted = np.interp(energy, known.energy, known.f2) / known.f2.max() * peak
    return energy, rng.poisson(wanted).astype(np.float64)


def found_in(energy: Floats, counts: Floats) -> Edge:
    return find_edge(energy, counts, np.sqrt(np.maximum(counts, 1)))


def scans(known: Truth, peak: int, step: float = 1.0) -> list[Edge]:
    return [found_in(*scanned(known, peak, step, seed)) for seed in range(SCANS)]


def off(values: list[float | None], place: float) -> Floats:
    return np.abs(np.array([value for value in values if value is not None]) - place)


@pytest.mark.parametrize(
    ("element", "edge", "peak", "step", "inflection_ev", "peak_ev"),
    [
        ("Se", "K", 1500, 1.0, 0.20, 0.23),
        ("Se", "K", 200, 1.0, 0.45, 0.9),
        ("Se", "K", 1500, 2.0, 0.4, 0.4),
        ("Fe", "K", 1500, 1.0, 0.3, 0.45),
        ("Zn", "K", 1500, 1.0, 0.3, 0.45),
        ("Br", "K", 1500, 1.0, 0.3, 0.45),
        ("Pt", "L3", 1500, 1.0, 0.3, 0.45),
    ],
)
def test_inflection_and_peak_of_40_scans(
    element, edge, peak, step, inflection_ev, peak_ev
):
    """Median errors no larger than those of the prototype."""
    known = truth(element, edge)
    every = scans(known, peak, step)
    away = off([one.inflection for one in every], known.inflection)
    assert away.size == SCANS
    assert np.median(away) <= inflection_ev
    assert np.quantile(away, 0.95) <= 3 * inflection_ev
    tops = off([one.peak for one in every], known.peak)
    assert tops.size >= 0.9 * SCANS
    assert np.median(tops) <= peak_ev
    sure = [(one.inflection_error, one.peak_error) for one in every if one.peak]
    assert all(a and b and a < 2 and b < 2 for a, b in sure)
    errors = np.array([one.inflection_error for one in every], np.float64)
    assert np.mean(away <= 2 * errors) >= 0.9, "the errors are too small"


@pytest.mark.parametrize("peak", [200, 1500, 20_000])
@pytest.mark.parametrize(("element", "edge"), [("Se", "K"), ("Zn", "K"), ("Pt", "L3")])
def test_without_a_white_line_there_is_no_peak(element, edge, peak):
    known = truth(element, edge, 0.0)
    every = scans(known, peak)
    assert {one.peak for one in every} == {None}
    assert not any(one.white_line for one in every)
    assert np.median(off([one.inflection for one in every], known.inflection)) < 0.3


@pytest.mark.parametrize("level", [0, 5, 300])
def test_without_an_edge_there_is_none(level):
    rng = np.random.default_rng(level)
    energy = np.arange(12600.0, 12700.0)
    for slope in (0.0, -2.0, 5.0):
        wanted = np.maximum(level + slope * (energy - 12600), 0)
        for _ in range(10):
            found = found_in(energy, rng.poisson(wanted).astype(np.float64))
            assert (found.inflection, found.peak) == (None, None)
            assert found.why


def test_too_few_points_are_none():
    energy = np.arange(float(LEAST_POINTS - 1))
    assert str(LEAST_POINTS - 1) in found_in(energy, energy).why
    assert found_in(np.array([]), np.array([])).why
    same = np.full(50, 12658.0)
    assert "1 different" in found_in(same, same).why


@given(st.floats(1e-4, 1e4), st.booleans())
def test_the_unit_of_the_counts_does_not_matter(unit, down):
    """Rates have other errors than counts: neighbours show which."""
    known = truth("Se", "K")
    energy, counts = scanned(known, 1500, 1.0, 3)
    if down:
        energy, counts = energy[::-1], counts[::-1]
    found = found_in(energy, counts * unit)
    assert found.inflection is not None
    assert abs(found.inflection - known.inflection) < 1.0
    assert found.peak is not None
    assert abs(found.peak - known.peak) < 1.5


@given(st.permutations(range(101)), st.sets(st.integers(0, 100), max_size=30))
def test_order_and_repeated_points_change_nothing_much(order, again):
    known = truth("Se", "K")
    energy, counts = scanned(known, 20_000, 1.0, 5)
    places = np.array([*order, *again])
    found = found_in(energy[places], counts[places])
    assert found.inflection is not None
    assert abs(found.inflection - known.inflection) < 0.5


@given(
    st.lists(
        st.tuples(st.floats(0, 1e5) | st.just(np.nan), st.floats(0, 1e9)), max_size=40
    )
)
def test_whatever_comes_there_is_an_answer(rows):
    energy, counts = np.array(rows, np.float64).reshape(-1, 2).T
    found = found_in(energy, counts)
    assert (found.inflection is None) == bool(found.why)
    for value in (found.inflection, found.peak):
        assert value is None or np.nanmin(energy) <= value <= np.nanmax(energy)


def test_a_scan_with_many_points_is_as_good():
    known = truth("Se", "K")
    energy, counts = scanned(known, 400, 0.02, 7)
    assert energy.size > 10 * MOST_POINTS
    x, y, sigma = prepared(energy, counts, np.sqrt(np.maximum(counts, 1)))
    assert x.size <= MOST_POINTS
    assert bool((np.diff(x) > 0).all())
    assert (y.size, sigma.size) == (x.size, x.size)
    found = found_in(energy, counts)
    assert found.inflection is not None
    assert abs(found.inflection - known.inflection) < 0.3


def test_the_spline_is_that_of_scipy_at_the_same_stiffness():
    interpolate = pytest.importorskip("scipy.interpolate")
    rng = np.random.default_rng(2)
    x = np.sort(rng.uniform(0, 10, 40))
    y = np.sin(x) + rng.normal(0, 0.1, 40)
    ours = smoothing_spline(x, y, np.full(40, 0.1))
    lows, highs = -30.0, 30.0
    for _ in range(80):  # bisect scipy's stiffness until both are equally rough
        lam = np.exp((lows + highs) / 2)
        theirs = interpolate.make_smoothing_spline(x, y, lam=lam)
        rougher = np.square(theirs(x) - y).sum() < np.square(ours.values - y).sum()
        lows, highs = (
            ((lows + highs) / 2, highs)
            if rougher
            else (
                lows,
                (lows + highs) / 2,
            )
        )
    places = np.linspace(x[0], x[-1], 200)
    assert ours.at(places, ours.values) == pytest.approx(theirs(places), abs=1e-5)
    slopes = theirs.derivative()(places)
    assert ours.at(places, ours.values, 1) == pytest.approx(slopes, abs=1e-4)


@pytest.mark.parametrize("white", [0.0, 1.0, 2.0])
@pytest.mark.parametrize("bad", ["none", "null", "short", "unordered"])
@pytest.mark.parametrize("element", ["Se", "Zn"])
def test_a_simulated_scan_is_checked_as_it_is_true(white, bad, element):
    """Through the messages: what is left out or out of order costs only itself."""
    plan = SimulatedEnergyScan(element=element, white_line=white, bad=bad)
    table = PointTable()
    for body in point_messages(plan, "u", 3):
        (found,) = parse_message("scan/points", json.dumps(body).encode())
        assert isinstance(found, ScanPoints) or bad == "short"
        if isinstance(found, ScanPoints):
            table.add(found)
    check, hint = check_scan(table.arrays(), None, None)
    true = plan.truth
    assert check.inflection == pytest.approx(true["inflection"], abs=0.8)
    assert (check.peak is None) == (true["peak"] is None)
    if check.peak is not None:
        assert check.peak == pytest.approx(true["peak"], abs=0.8)
    assert f"{element} K" in hint


# -- names -----------------------------------------------------------------------------


def table() -> XrayTable:
    found = xray_data.xray_table()
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("text", "edge"),
    [
        ("k", "K"),
        (" L3", "L3"),
        ("LIII", "L3"),
        ("l1", "L1"),
        ("LII", "L2"),
        ("MV", "M5"),
    ],
)
def test_edges_are_known_however_they_are_written(text, edge):
    assert edge_of(text) == edge


def test_names_that_are_none():
    assert [edge_of(text) for text in ("", "L", "L4", "N1", "Se", "V")] == [None] * 6
    assert [symbol_of(text) for text in ("", "Xx", "selenium")] == [None] * 3
    assert symbol_of(" sE ") == "Se"
    assert SYMBOLS[33] == "Se"
    assert len(SYMBOLS) == 98


def test_each_edge_is_nearest_to_itself():
    for edge in table().edges:
        near = nearest_edges(table(), edge.energy)
        assert near[0].energy == edge.energy
        if edge.edge in EDGES[:4] and edge.energy > 1000:
            assert edge.element in edge_hint(table(), edge.energy, None, None)


def arrays(energy: Floats, counts: Floats, monitor: Any = np.nan) -> PointArrays:
    none = np.full(energy.size, np.nan)
    beside = np.broadcast_to(np.float64(monitor), energy.shape).copy()
    return PointArrays(np.arange(energy.size), energy, counts, beside, none)


@pytest.mark.parametrize(
    ("plan", "says"),
    [
        (SE, "Se K, as announced"),
        (EnergyScanPlan("se", "k"), "Se K, as announced"),
        (None, "Se K (12658.0 eV)"),
        (EnergyScanPlan("Br", "K"), "Br K, which was announced, is at 13474"),
        (EnergyScanPlan("H", "L3"), "H has no L3 edge"),
        (EnergyScanPlan("Xx", "K"), "Se K"),
    ],
)
def test_the_hint_names_the_edge(plan, says):
    points = arrays(*scanned(truth("Se", "K"), 1500, 1.0, 1))
    check, hint = check_scan(points, plan, None)
    assert says in hint
    assert check.white_line


def test_without_the_table_the_hint_says_so_and_the_check_stands(monkeypatch):
    monkeypatch.setattr(edge_check, "xray_table", lambda: None)
    points = arrays(*scanned(truth("Se", "K"), 1500, 1.0, 1))
    check, hint = check_scan(points, SE, None)
    assert hint == xray_data.ABSENT
    assert check.inflection is not None


def test_a_result_that_agrees_is_not_named_and_one_that_does_not_is():
    known = truth("Se", "K")
    points = arrays(*scanned(known, 1500, 1.0, 1))
    near = ScanResult(Found(known.peak + 1), Found(known.inflection - 1))
    assert check_scan(points, SE, near)[0].says == ()
    far = ScanResult(Found(known.peak + 9), Found(known.inflection - 5))
    both = check_scan(points, SE, far)[0].says
    assert len(both) == 2
    assert "inflection" in both[0]
    assert "peak" in both[1]
    plan = replace(SE, edge_energy=12700.0)
    assert "announced edge" in check_scan(points, plan, None)[0].says[0]


def test_a_peak_that_the_counts_do_not_show_is_named():
    known = truth("Se", "K", 0.0)
    points = arrays(*scanned(known, 1500, 1.0, 1))
    check, _ = check_scan(points, SE, ScanResult(Found(12665.0)))
    assert check.peak is None
    assert "white line" in check.says[0]


def test_a_monitor_is_divided_out():
    """A beam that decays by half makes no edge of its own."""
    known = truth("Se", "K")
    energy, counts = scanned(known, 20_000, 1.0, 4)
    beam = np.linspace(1.0, 0.5, energy.size)
    points = arrays(energy, counts * beam, beam * 1e6)
    check, _ = check_scan(points, SE, None)
    assert check.inflection == pytest.approx(known.inflection, abs=0.4)
    signal, error = edge_check.signal_of(points)
    assert signal / signal.mean() == pytest.approx(counts / counts.mean(), rel=1e-9)
    assert bool((error > 0).all())


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (SE, ()),
        (replace(SE, element="Xx", edge="Q9"), ("element", "edge")),
        (replace(SE, range=(12700.0, 12600.0), step=1.0), ()),
        (replace(SE, range=(12700.0, 12800.0)), ("12658",)),
        (replace(SE, edge_energy=None, range=(1.0, 1.0)), ("begins and ends",)),
        (replace(SE, range=(12600.0, 12700.0), step=200.0), ("step",)),
    ],
)
def test_what_of_a_plan_contradicts_itself_is_named(plan, words):
    found = scan_check.plan_problems(plan)
    assert len(found) == len(words)
    assert all(word in text for word, text in zip(words, found, strict=True))


# -- spectra ---------------------------------------------------------------------------

CHANNELS = 2048
CALIBRATION = (-20.0, 10.0, 0.0)
ENERGY = CALIBRATION[0] + CALIBRATION[1] * np.arange(CHANNELS)


def planted(elements: dict[str, float], beam: float, seed: int = 1) -> Floats:
    """Lines of elements on a sloping background, and the beam that is scattered."""

    def line(place: float, counts: float, wide: float = 1.0) -> Floats:
        sigma = wide * float(width(place)) / 2.355
        shape = np.exp(-0.5 * ((place - ENERGY) / sigma) ** 2)
        found: Floats = counts * shape / shape.sum()
        return found

    wanted = 30 * np.exp(-np.maximum(ENERGY, 0) / 9000)
    for one in table().lines:
        edge = table().edge(one.element, "K")
        k_shell = edge is not None and edge.energy < beam
        mine = one.name[0] == "K" or not k_shell
        if one.element in elements and one.edge < beam and mine and one.energy > 900:
            wanted = wanted + line(one.energy, 3000 * elements[one.element] * one.share)
    wanted = wanted + line(beam, 4000) + line(beam / (1 + beam / 511e3), 4000, 1.5)
    return np.random.default_rng(seed).poisson(wanted).astype(np.float64)


@pytest.mark.parametrize(
    ("elements", "beam"),
    [
        ({"Se": 1.0}, 12700.0),
        ({"Fe": 1.0, "Zn": 0.5, "Se": 0.3}, 12700.0),
        ({"Pt": 1.0}, 12700.0),
        ({"Pb": 1.0, "Fe": 0.3}, 14000.0),
        ({"Ca": 1.0, "Mn": 0.3, "Br": 0.5}, 14000.0),
        ({"S": 1.0, "Cu": 0.3}, 12700.0),
        ({}, 12700.0),
    ],
)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_elements_of_planted_lines(elements, beam, seed):
    lines, names = named(
        find_lines(ENERGY, planted(elements, beam, seed)), table(), beam
    )
    assert set(names) == set(elements)
    assert {"elastic", "Compton"} <= {name for one in lines for name in one.names}
    for one in lines:
        mine = [e.energy for e in table().lines if f"{e.element} {e.name}" in one.names]
        assert not mine or min(abs(one.energy - e) for e in mine) < 100


def test_noise_alone_has_no_line():
    rng = np.random.default_rng(6)
    for _ in range(40):
        counts = rng.poisson(50 * np.exp(-np.maximum(ENERGY, 0) / 6000) + 5)
        assert find_lines(ENERGY, counts.astype(np.float64)) == []


@given(st.lists(st.floats(0, 1e12) | st.just(np.nan), max_size=64), st.floats(0.1, 500))
def test_whatever_spectrum_comes_there_is_an_answer(counts, step):
    values = np.array(counts, np.float64)
    lines = find_lines(900 + step * np.arange(values.size), values)
    assert named(lines, table(), None)[0] if lines else True


def test_the_report_of_a_spectrum_names_what_it_can(monkeypatch):
    counts = planted({"Se": 1.0}, 12700.0).tolist()
    found = spectrum(counts=counts, calibration=list(CALIBRATION), energy=12700)
    lines, hint = spectrum_report.lines_of(found, None)
    assert hint == "lines of Se"
    assert any("Se Ka" in one.names for one in lines)
    for calibration in (None, [0.0, 10.0, -0.1]):
        bare = spectrum(counts=counts, calibration=calibration)
        assert "calibration" in spectrum_report.lines_of(bare, None)[1]
    monkeypatch.setattr(spectrum_report, "xray_table", lambda: None)
    lines, hint = spectrum_report.lines_of(found, None)
    assert hint == xray_data.ABSENT
    assert {one.names for one in lines} == {()}
