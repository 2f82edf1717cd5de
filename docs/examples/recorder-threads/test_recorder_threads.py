"""The engine passes the recorder's suite."""

from __future__ import annotations

from recorder.testing import EngineConformance


class TestThreads(EngineConformance):
    """All tests of the suite; threads cannot be killed, so one of them is skipped."""

    name = "threads"
