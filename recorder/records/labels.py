"""Light or dark, and why it is believed."""

from __future__ import annotations

from enum import StrEnum


class Pump(StrEnum):
    """Pump state of an image."""

    LIGHT = "light"
    DARK = "dark"
    UNKNOWN = "unknown"


class Evidence(StrEnum):
    """Why a label is believed, best first."""

    MEASURED = "measured"
    CAPTURED = "captured"
    CLOCK = "clock"
    IMAGE_ID = "image_id"
    COMMANDED = "commanded"
    NONE = "none"


class Start(StrEnum):
    """How sure it is which trigger made the first image."""

    PROVEN = "proven"
    """By the triggers' own spacing or jitter, or because the numbers close."""
    ASSUMED = "assumed"
    """The first image has the first trigger: nothing speaks against it."""
    UNCERTAIN = "uncertain"
    """Triggers are missing images, and nothing tells where."""
