"""The configuration: one tree, from TOML, environment and systemd credentials."""

from recorder.config.reading import load_settings
from recorder.config.section import (
    AuthenticatorSection,
    PortalSection,
    Section,
    SinkSection,
    SourceSection,
)
from recorder.config.settings import Settings, find_config
from recorder.config.sources import (
    DetectorSection,
    GeometrySection,
    MqttSection,
    PandaSection,
)

__all__ = [
    "AuthenticatorSection",
    "DetectorSection",
    "GeometrySection",
    "MqttSection",
    "PandaSection",
    "PortalSection",
    "Section",
    "Settings",
    "SinkSection",
    "SourceSection",
    "find_config",
    "load_settings",
]
