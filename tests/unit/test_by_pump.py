"""Classes by pump state add up to the report's counts, whatever the run."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.reports.run_report import run_report
from recorder.simulate.timing.faults import parse_faults
from tests.laws import examples
from tests.played import play, pump_probe, recorded


@settings(max_examples=examples(10), deadline=None)
@given(
    st.integers(50, 400), st.sampled_from(("lost=0.02", "misfire=0.1", "missed=0.05"))
)
def test_they_add_up(images, faults):
    report = run_report(
        recorded(play(pump_probe(100.0, images), images, parse_faults(faults)))
    )
    found = report.pump_classes
    assert found is not None
    parts = (found.light, found.dark, found.unknown)
    assert sum(one.classified for one in parts) == report.images.classified
    assert sum(one.hits for one in parts) == report.classes.hits
    assert sum(one.indexed for one in parts) == report.classes.indexed
    assert found.light.hits == sum(one.hits for one in report.delays)
    for one in parts:
        assert one.indexed <= one.tried <= one.hits <= one.classified
