"""One line of CSV for each sealed run: sink kind ``csv``."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Literal

from recorder.config import Settings, SinkSection
from recorder.journal import Journal, Record
from recorder.records import CheckLine, Json
from recorder.runtime.looking import writable
from recorder.sinks.atomic_files import replacing

COLUMNS = ("uid", "run", "status", "received", "indexed")


class CsvSection(SinkSection):
    """One file with a line for each run."""

    name: str = "csv"
    """Name of the sink in logs, reports and the journal."""
    kind: Literal["csv"] = "csv"
    """One line of CSV for each sealed run."""
    file: Path
    """The file; its folder must exist."""


class CsvSink:
    """Keeps the file such that each run has exactly one line, whatever happens."""

    def __init__(self, section: CsvSection) -> None:
        self.name = section.name
        self._file = section.file

    def open(self, journal: Journal) -> None:
        """Nothing has to be reached before a run is sealed."""

    def close(self) -> None:
        """Nothing is kept open."""

    def apply(self, record: Record) -> Json | None:
        """Write the line of a run that is sealed, or sealed again."""
        if record.kind == "run_sealed" and record.run is not None:
            lines = {**self._lines(), record.run: _line(record)}
            with replacing(self._file) as part:  # a full disk is tried again
                _write(part, lines)
        return None

    def _lines(self) -> dict[str, dict[str, str]]:
        if not self._file.exists():
            return {}
        with self._file.open(newline="", encoding="utf-8") as file:
            return {row["uid"]: row for row in csv.DictReader(file)}


def _line(record: Record) -> dict[str, str]:
    report = record.body["report"]
    return {
        "uid": str(record.run),
        "run": str(report["run"]),
        "status": str(report["status"]),
        "received": str(report["images"]["received"]),
        "indexed": str(report["classes"]["indexed"]),
    }


def _write(path: Path, lines: dict[str, dict[str, str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(lines.values())


class CsvPlugin:
    """What the entry point names."""

    kind = "csv"
    settings = CsvSection

    def make(self, section: CsvSection, settings: Settings) -> CsvSink:
        """A sink with these settings."""
        return CsvSink(section)

    async def check(self, section: CsvSection, settings: Settings) -> list[CheckLine]:
        """Whether the folder can be written."""
        return [writable(f"csv {section.name}", section.file.parent)]


PLUGIN = CsvPlugin()
