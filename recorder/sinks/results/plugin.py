"""Sink kind ``results``."""

from __future__ import annotations

from recorder.config import Settings
from recorder.config.sinks import ResultsSinkSection
from recorder.records import CheckLine
from recorder.runtime.looking import writable
from recorder.sinks.results.sink import ResultsSink


class ResultsPlugin:
    """The files of each run."""

    kind = "results"
    settings = ResultsSinkSection

    def make(self, section: ResultsSinkSection, settings: Settings) -> ResultsSink:
        """See :class:`~recorder.sinks.protocols.SinkPlugin`."""
        return ResultsSink(settings)

    async def check(
        self, section: ResultsSinkSection, settings: Settings
    ) -> list[CheckLine]:
        """See :class:`~recorder.sinks.protocols.SinkPlugin`."""
        return [writable("results", settings.results)]


PLUGIN = ResultsPlugin()
