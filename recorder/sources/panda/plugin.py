"""Source kind ``panda``."""

from __future__ import annotations

from recorder.config import PandaSection
from recorder.records import CheckLine
from recorder.runtime.looking import listens
from recorder.sources.panda.source import PandaSource

HINT = "is the PandABox on, and is that its data port?"


class PandaPlugin:
    """PandABoxes whose position capture is read."""

    kind = "panda"
    settings = PandaSection

    def make(self, section: PandaSection) -> PandaSource:
        """See :class:`~recorder.sources.protocols.SourcePlugin`."""
        return PandaSource(section)

    async def check(self, section: PandaSection) -> list[CheckLine]:
        """See :class:`~recorder.sources.protocols.SourcePlugin`."""
        endpoint = self.make(section).link.endpoint
        return [await listens(f"panda {section.name}", endpoint, HINT)]


PLUGIN = PandaPlugin()
