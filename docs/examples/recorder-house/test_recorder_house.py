"""The flavour passes the recorder's suite."""

from __future__ import annotations

from recorder.testing import FlavourConformance


class TestHouse(FlavourConformance):
    """All tests of the suite."""

    name = "house"
