"""The sink passes the recorder's suite."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from recorder_csv import CsvSection

from recorder.config import Settings
from recorder.testing import SinkConformance


class TestCsv(SinkConformance):
    """All tests of the suite."""

    kind = "csv"

    def section(self, folder: Path) -> dict[str, Any]:
        """The file lies in the test's folder."""
        folder.mkdir(exist_ok=True)
        return {"file": folder / "runs.csv"}

    def outcome(self, settings: Settings, section: CsvSection) -> list[str]:
        """The lines of the file."""
        lines = section.file.read_text(encoding="utf-8").splitlines()
        assert len(lines) == 3  # the head, and one for each run
        return lines
