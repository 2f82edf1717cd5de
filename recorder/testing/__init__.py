"""Conformance of plug-ins: the tests that our own pass, for other packages to run.

Derive a test class from the suite of your group, say what it needs, and run pytest::

    class TestTail(SourceConformance):
        kind = "tail"
        ...

Needs pytest: install ``ssx-recorder[testing]``.
"""

from recorder.testing.authenticators import AuthenticatorConformance
from recorder.testing.engines import EngineConformance
from recorder.testing.flavours import FlavourConformance
from recorder.testing.portals import PortalConformance
from recorder.testing.sinks import SinkConformance
from recorder.testing.sources import Peer, SourceConformance
from recorder.testing.techniques import TechniqueConformance

__all__ = [
    "AuthenticatorConformance",
    "EngineConformance",
    "FlavourConformance",
    "Peer",
    "PortalConformance",
    "SinkConformance",
    "SourceConformance",
    "TechniqueConformance",
]
