"""Groups of tables that runs of a technique cannot do without."""

from __future__ import annotations

from typing import Any

from recorder.errors import SinkError
from recorder.ispyb.schema.capabilities import Capability
from recorder.ispyb.site import Site
from recorder.plugins.groups import TECHNIQUES


def require_tables(technique: str, site: Site) -> None:
    """Refuse runs of a technique whose tables are not there, or denied.

    Args:
        technique: Its name.
        site: The database.

    Raises:
        SinkError: Which group is missing, and why.
        ConfigError: There is no such technique that can be used.
    """
    plugin: Any = TECHNIQUES.get(technique)
    facet = getattr(plugin, "rows", None)
    needs: tuple[Capability, ...] = () if facet is None else facet.needs
    for group in needs:
        if not site.can.can(group):
            why = site.can.missing.get(group, f"flavour {site.flavour.name} has none")
            raise SinkError(
                f"runs of technique {technique} need the group of tables {group!s}, "
                f"which cannot be written: {why}; grant it and restart the recorder"
            )
