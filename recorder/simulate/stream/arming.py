"""How a detector is armed, and what its header says of the goniometer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Axes = Mapping[str, tuple[float, float]]
"""Start and increment (degrees) of each axis of a header."""


@dataclass(frozen=True, slots=True)
class Arming:
    """Images and triggers of a series."""

    images_per_trigger: int
    triggers: int
    mode: str = "exts"
    """``exts``: a trigger starts a train of images; ``exte``: each image has one."""

    @property
    def images(self) -> int:
        """Of the series."""
        return self.images_per_trigger * self.triggers
