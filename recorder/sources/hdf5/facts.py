"""Values of groups, with their units, and notes on those that are not used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recorder.errors import MAX_QUOTED, FileFormatError, shown
from recorder.sources.hdf5.links import resolve
from recorder.sources.hdf5.nexus import Group
from recorder.sources.hdf5.opening import Files
from recorder.sources.hdf5.units import unit_name
from recorder.sources.hdf5.values import numbers, read_value, text, whole

_SPREAD = 1e-6
"""Relative difference of the values of a series that is taken for rounding. Chosen, not
tuned."""


@dataclass(slots=True)
class Facts:
    """Reads values of a file's groups."""

    files: Files
    notes: list[str] = field(default_factory=list)
    """What is there but not used, and what was made of it."""

    def note(self, text: str) -> None:
        """Say something once."""
        if text not in self.notes:
            self.notes.append(text[:MAX_QUOTED])

    def value(self, group: Group, name: str) -> tuple[Any, str] | None:
        """A value and its unit; None if it or the file it is linked from is away."""
        try:
            place = resolve(self.files, group.member(name))
        except FileFormatError:
            return None
        try:
            return read_value(self.files, place)
        except FileFormatError as error:
            self.note(f"{group.path}/{name} not used: {error}")
            return None

    def number(
        self, groups: Sequence[Group], names: Sequence[str], units: Mapping[str, float]
    ) -> float | None:
        """The first usable number; the median where there are several.

        Args:
            groups: Where to look, best first.
            names: What it may be called, best first.
            units: Ours in one of each unit; empty if it has none.
        """
        for name in names:
            for group in groups:
                found = self._one(group, name, units)
                if found is not None:
                    return found[0]
        return None

    def length(self, groups: Sequence[Group], name: str) -> tuple[float, str] | None:
        """A number in the unit that it is given in: our name of it, or nothing."""
        for group in groups:
            if (found := self._one(group, name, {})) is not None:
                return found
        return None

    def _one(
        self, group: Group, name: str, units: Mapping[str, float]
    ) -> tuple[float, str] | None:
        found = self.value(group, name)
        if found is None:
            return None
        values, unit = numbers(found[0]), unit_name(found[1])
        if not values.size:
            return None
        factor = 1.0
        if units and unit:
            if unit not in units:
                self.note(
                    f"unit {shown(found[1])} of {group.path}/{name} is not known: the "
                    "value is not used"
                )
                return None
            factor = units[unit]
        return self._middle(group, name, values * factor), unit

    def _middle(self, group: Group, name: str, values: NDArray[np.float64]) -> float:
        """The median, and a note if the values differ."""
        middle = float(np.median(values))
        low, high = float(values.min()), float(values.max())
        if high - low > _SPREAD * abs(middle):
            share = f" ({100 * (high - low) / abs(middle):.2g} %)" if middle else ""
            self.note(
                f"{group.path}/{name} has {values.size} values, from {low:g} to "
                f"{high:g}{share}: their median {middle:.7g} is used for all images"
            )
        return middle

    def text(self, groups: Sequence[Group], names: Sequence[str]) -> str | None:
        """The first text of these."""
        for name in names:
            for group in groups:
                found = self.value(group, name)
                if found is not None and (said := text(found[0])):
                    return said[:MAX_QUOTED]
        return None

    def whole(self, groups: Sequence[Group], name: str, most: int) -> int:
        """The first whole number from 1 to ``most``, else 0."""
        for group in groups:
            found = self.value(group, name)
            if found is not None and (said := whole(found[0], most)):
                return said
        return 0
