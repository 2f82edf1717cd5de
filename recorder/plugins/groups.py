"""The groups of plug-ins; docs/reference/plug-ins.md is what packages may rely on."""

from __future__ import annotations

from recorder.plugins.registry import Registry

SOURCES = Registry(
    "recorder.sources",
    "source kind",
    protocol="recorder.sources.protocols:SourcePlugin",
    name="kind",
    base="recorder.config.section:SourceSection",
)
SINKS = Registry(
    "recorder.sinks",
    "sink kind",
    protocol="recorder.sinks.protocols:SinkPlugin",
    name="kind",
    base="recorder.config.section:SinkSection",
)
FLAVOURS = Registry(
    "recorder.flavours",
    "flavour",
    protocol="recorder.ispyb.flavours.flavour:FlavourPlugin",
    name="name",
)
ENGINES = Registry(
    "recorder.engines",
    "engine",
    protocol="recorder.pool.protocols:EnginePlugin",
    name="name",
)
AUTHENTICATORS = Registry(
    "recorder.authenticators",
    "authenticator kind",
    protocol="recorder.authenticators.protocols:AuthenticatorPlugin",
    name="kind",
    base="recorder.config.section:AuthenticatorSection",
)
PORTALS = Registry(
    "recorder.portals",
    "portal kind",
    protocol="recorder.portal.protocols:PortalPlugin",
    name="kind",
    base="recorder.config.section:PortalSection",
)
TECHNIQUES = Registry(
    "recorder.techniques",
    "technique",
    protocol="recorder.techniques.protocols:TechniquePlugin",
    name="name",
)
GROUPS = (SOURCES, SINKS, FLAVOURS, ENGINES, AUTHENTICATORS, PORTALS, TECHNIQUES)
