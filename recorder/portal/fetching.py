"""From portals into the database: what was written need not come again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

from recorder.config import Settings
from recorder.config.section import PortalSection
from recorder.portal.json_text import documents
from recorder.portal.memory import NAME, Memory
from recorder.portal.protocols import portal_plugin
from recorder.portal.report import Report
from recorder.portal.sync import Wish, synchronise


def fetched(settings: Settings, section: PortalSection, wish: Wish) -> Iterator[Report]:
    """Synchronise everything that a portal has for us, and say what became of it.

    What cannot be used comes again at the next call, until it is mended.

    Args:
        settings: The whole configuration.
        section: The portal's.
        wish: What is asked for.

    Raises:
        ConfigError: The portal must not be used so.
        PortalUnavailableError: It cannot be asked.
        SinkError: As :func:`recorder.portal.sync.synchronise`.
    """
    path = settings.state_directory / NAME
    portal = portal_plugin(section.kind).make(section, settings)
    with closing(portal):
        done = Memory.read(path).fetched.get(section.name, {})
        for delivery in portal.fetch(done):
            origin = f"{wish.origin} {delivery.name}"
            found = documents(delivery.data, delivery.name)
            report = synchronise(settings, found, replace(wish, origin=origin))
            if wish.apply and report.good:
                memory = Memory.read(path)
                marks = memory.fetched.setdefault(section.name, {})
                marks[delivery.name] = delivery.mark
                memory.write(path)
            yield report
