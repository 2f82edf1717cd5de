"""Sink kind ``ispyb``."""

from __future__ import annotations

import asyncio

from recorder.config import Settings
from recorder.config.sinks import IspybSinkSection
from recorder.errors import RecorderError
from recorder.ispyb.check import check_ispyb
from recorder.records import CheckLine
from recorder.sinks.ispyb.sink import IspybSink


class IspybPlugin:
    """The facility's database."""

    kind = "ispyb"
    settings = IspybSinkSection

    def make(self, section: IspybSinkSection, settings: Settings) -> IspybSink:
        """See :class:`~recorder.sinks.protocols.SinkPlugin`."""
        return IspybSink(settings)

    async def check(
        self, section: IspybSinkSection, settings: Settings
    ) -> list[CheckLine]:
        """See :class:`~recorder.sinks.protocols.SinkPlugin`."""
        try:
            text = await asyncio.to_thread(check_ispyb, settings)
        except RecorderError as error:
            return [CheckLine("ispyb", False, str(error))]
        return [CheckLine("ispyb", True, text)]


PLUGIN = IspybPlugin()
