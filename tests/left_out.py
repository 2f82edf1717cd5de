"""Leaves out tests whose recording is not there, and says so in one line at the end.

``@pytest.mark.recording("thaumatin")`` names what a test needs from outside the
repository. A test that is left out has an outcome of its own, so that ``-ra`` does not
list each one.
"""

from __future__ import annotations

import pytest

from tests.recordings import PLACES, VARIABLE, RecordingAbsentError

MARKER = "recording"
LEFT_OUT = "left out"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", f"{MARKER}(*names): recordings from outside that the test needs"
    )


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for name in _absent(item):
            item.user_properties.append((LEFT_OUT, name))
            item.add_marker(pytest.mark.skip(reason=f"no recording {name}"))


def _absent(item: pytest.Item) -> list[str]:
    needed = {name for mark in item.iter_markers(MARKER) for name in mark.args}
    try:
        return sorted(name for name in needed if PLACES.find(name) is None)
    except RecordingAbsentError as error:
        raise pytest.UsageError(str(error)) from error


def _wanted(report: object) -> set[str]:
    """The recordings for want of which a test was left out."""
    properties = getattr(report, "user_properties", ())
    return {str(value) for name, value in properties if name == LEFT_OUT}


@pytest.hookimpl(tryfirst=True)
def pytest_report_teststatus(
    report: pytest.TestReport | pytest.CollectReport,
) -> tuple[str, str, str] | None:
    if report.skipped and _wanted(report):
        return LEFT_OUT, "o", "LEFT OUT"
    return None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = terminalreporter.stats.get(LEFT_OUT, [])
    if reports:
        names = sorted({name for report in reports for name in _wanted(report)})
        terminalreporter.write_line(
            f"{LEFT_OUT}: {len(reports)} tests, for want of the recordings "
            f"{', '.join(names)}; {VARIABLE}=DIR says where they are "
            "(tests/data/README.md)"
        )
