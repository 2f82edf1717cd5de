"""The technique passes the recorder's suite."""

from __future__ import annotations

from typing import Any

from recorder.testing import TechniqueConformance


class TestPowder(TechniqueConformance):
    """All tests of the suite."""

    name = "powder"

    def announced(self) -> dict[str, Any]:
        """Six images, and no cell."""
        return {"unit_cell": None}
