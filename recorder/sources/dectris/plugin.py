"""Source kind ``dectris``."""

from __future__ import annotations

from recorder.config import DetectorSection
from recorder.records import CheckLine
from recorder.runtime.looking import listens
from recorder.sources.dectris.source import DectrisSource

HINT = "is the detector on and its stream interface enabled?"


class DectrisPlugin:
    """DECTRIS detectors, and relays of their streams."""

    kind = "dectris"
    settings = DetectorSection

    def make(self, section: DetectorSection) -> DectrisSource:
        """See :class:`~recorder.sources.protocols.SourcePlugin`."""
        return DectrisSource(section)

    async def check(self, section: DetectorSection) -> list[CheckLine]:
        """See :class:`~recorder.sources.protocols.SourcePlugin`."""
        return [await listens(f"detector {section.name}", section.endpoint, HINT)]


PLUGIN = DectrisPlugin()
