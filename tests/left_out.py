"""Leaves out tests whose recording is not there, and says so in one line at the end.

``@pytest.mark.recording("thaumatin")`` names what a test needs from outside the
repository; no other recording from outside can be read in it. A test that is left out
has an outcome of its own, so that ``-ra`` does not list each one.
"""

from __future__ import annotations

from collections.abc import Generator

import pytest

from tests.recordings import PLACES, VARIABLE, RecordingAbsentError, declare

MARKER = "recording"
LEFT_OUT = "left out"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", f"{MARKER}(*names): recordings from outside that the test needs"
    )
    declare(())


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for name in _absent(item):
            item.user_properties.append((LEFT_OUT, name))
            item.add_marker(pytest.mark.skip(reason=f"no recording {name}"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    declare(_needed(item))
    try:
        return (yield)
    finally:
        declare(())


def _needed(item: pytest.Item) -> set[str]:
    return {name for mark in item.iter_markers(MARKER) for name in mark.args}


def _absent(item: pytest.Item) -> list[str]:
    try:
        return sorted(name for name in _needed(item) if PLACES.find(name) is None)
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
