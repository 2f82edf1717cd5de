"""What a technique adds to a run's files: columns of ``results.h5``, further files.

The facet ``files`` of a technique's plug-in (group ``recorder.techniques``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from numpy.typing import NDArray

from recorder.journal import Journal
from recorder.plugins.groups import TECHNIQUES
from recorder.records.run_report import RunReport
from recorder.reports.run_labels import RunLabels
from recorder.runs.run import Run
from recorder.sinks.held_folder import HeldFolder
from recorder.sinks.results.recorded import Recorded


@dataclass(frozen=True, slots=True)
class SealedRun:
    """A sealed run whose files are written."""

    run: Run
    """Without its images and events."""
    report: RunReport
    labels: RunLabels
    """Labels of its received images, a block at a time."""
    recorded: Recorded
    """What the journal has of its images and events."""
    journal: Journal


class TechniqueFiles(Protocol):
    """Files of runs of one technique. Every call may come twice."""

    @property
    def units(self) -> Mapping[str, str]:
        """Units of its columns, where they have one."""

    def columns(
        self, run: Run, labels: Mapping[str, NDArray[Any]]
    ) -> dict[str, NDArray[Any]]:
        """Further columns of ``results.h5`` for a block of images.

        Args:
            run: Their run; its images and events are not looked at.
            labels: Their labels, see
                :func:`~recorder.reports.label_facts.describe_labels`; also those of no
                image, of which only the types of the columns count.

        Returns:
            One array for each column, its first axis is the images. Names differ from
            those of ``results.h5`` itself.
        """

    def write(self, folder: HeldFolder, sealed: SealedRun) -> None:
        """Write its further files, after ``results.h5``.

        Raises:
            SinkError, SinkUnavailableError: They cannot be written.
        """


def files_of(technique: str) -> TechniqueFiles | None:
    """Who adds to the files of a technique's runs; None: nobody does.

    Raises:
        ConfigError: There is no such technique that can be used.
    """
    plugin: Any = TECHNIQUES.get(technique)
    found: TechniqueFiles | None = getattr(plugin, "files", None)
    return found
