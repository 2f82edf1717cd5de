"""Angles that NXmx and DECTRIS files have: one for each image, or start and step.

A file's angles are kept as they stand, image by image: several sweeps may lie in one
file, and start and mean step of all would be angles of none.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from math import pi
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recorder.errors import FileFormatError, shown
from recorder.records import FileAngles, Goniometer
from recorder.records.limits import MAX_DEGREES
from recorder.sources.hdf5.facts import Facts
from recorder.sources.hdf5.links import resolve
from recorder.sources.hdf5.metadata import Detector
from recorder.sources.hdf5.nexus import Group, Tree, member_names
from recorder.sources.hdf5.units import unit_name
from recorder.sources.hdf5.values import read_value

AXES = ("omega", "phi", "kappa", "chi")
"""Axes that a sample is turned about. Of several that move, the first is taken."""
DEGREES = {"deg": 1.0, "rad": 180 / pi, "mrad": 0.18 / pi}
"""Degrees in one of each unit."""
_NEXUS = ("NXtransformations", "NXpositioner", "NXcollection", "NXgoniometer")
"""Groups in a sample that hold its axes."""
_STEPS = ("increment_set", "increment")
"""What the step of an axis is called, best first."""
_SAME = 1e-9
"""Degrees by which an axis that stands may seem to move: rounding of float64."""
_MISFIT = 0.5
"""Share of a step by which the end of an image may differ from its start and its
increment. Chosen, not tuned."""

Angles = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Read:
    """What a file says of its goniometer."""

    goniometer: tuple[Goniometer, ...] = ()
    """Axes that have one start and one step, those that stand included."""
    angles: FileAngles | None = None
    """Of the axis that moves."""


def read_goniometer(
    facts: Facts, tree: Tree, detector: Detector, counts: Collection[int]
) -> Read:
    """Angles of the images of a file.

    Args:
        facts: Reads the file, and takes notes of what cannot be used.
        tree: Its groups.
        detector: That of the images.
        counts: How many images there may be: those that are there, or announced.
    """
    groups = [*_sample_groups(facts, tree, detector.entry), *detector.groups]
    axes: list[Goniometer] = []
    moving: list[FileAngles] = []
    for axis in AXES:
        found = _Axis(facts, groups, axis, frozenset(counts)).read()
        if isinstance(found, FileAngles):
            moving.append(found)
        elif found is not None:
            axes.append(found)
    if len(moving) > 1:
        others = ", ".join(angles.axis for angles in moving[1:])
        facts.note(
            f"several axes move: images get the angle of {moving[0].axis}, not "
            f"of {others}"
        )
    return Read(tuple(axes), moving[0] if moving else None)


def _sample_groups(facts: Facts, tree: Tree, entry: str) -> list[Group]:
    """Groups that hold the sample's axes: its transformations before all others."""
    samples = tree.of("NXsample", entry) or tree.of("NXsample")
    if len(samples) > 1:
        others = ", ".join(group.path for group in samples[1:])
        facts.note(f"several samples: axes of {samples[0].path} are used, not {others}")
    found = list(samples[:1])
    for sample in samples[:1]:
        inside = f"{sample.path}/"
        found += [
            group
            for group in tree.groups
            if group.path.startswith(inside) and group.nx_class in _NEXUS
        ]
    usual = ("/transformations", "/goniometer")
    return sorted(found, key=lambda group: not group.path.endswith(usual))


@dataclass(frozen=True, slots=True)
class _Axis:
    """One axis of a file."""

    facts: Facts
    groups: Sequence[Group]
    name: str
    counts: frozenset[int]

    def read(self) -> FileAngles | Goniometer | None:
        """Its angle for each image if it moves, else where it starts, and its step."""
        for group in self.groups:
            start = self._values(group, self.name)
            if start is None:
                continue
            if start.size == 1 and 1 not in self.counts:
                return self._from_step(group, float(start[0]))
            if start.size not in self.counts:
                wanted = " or ".join(map(str, sorted(self.counts)))
                self._refuse(group, self.name, f"{start.size} angles, {wanted} images")
                continue
            return self._each(group, start)
        for group in self.groups:
            start = self._values(group, f"{self.name}_start")
            if start is not None and start.size:
                return self._from_step(group, float(start[0]))
        return None

    def _from_step(self, group: Group, start: float) -> Goniometer | None:
        step = self._step(group)
        if not np.isfinite(start) or (step is not None and step.size != 1):
            return None
        increment = 0.0 if step is None else float(step[0])
        if not np.isfinite(increment):
            return None
        return Goniometer(self.name, start, increment)

    def _each(self, group: Group, start: Angles) -> FileAngles | Goniometer | None:
        """Angles of all images; an axis that stands has said only where it stands."""
        good = start[np.isfinite(start)]
        if not good.size:
            return None
        step, end = self._step(group), self._values(group, f"{self.name}_end")
        if end is not None and end.size != start.size:
            self._refuse(group, f"{self.name}_end", f"{end.size} of {start.size}")
            end = None
        if step is not None and step.size not in (1, start.size):
            self._refuse(group, "increment", f"{step.size} of {start.size}")
            step = None
        moves = [good - good[0], *([] if step is None else [step])]
        moves += [] if end is None else [end - start]
        if all(bool((np.abs(m[np.isfinite(m)]) <= _SAME).all()) for m in moves):
            return Goniometer(self.name, float(good[0]), 0.0)
        by_step = None if step is None else start + step
        if end is None:
            return FileAngles(self.name, start, by_step)
        if by_step is not None and step is not None:
            self._compare(group, end, by_step, np.abs(step))
        return FileAngles(self.name, start, end)

    def _compare(
        self, group: Group, end: Angles, by_step: Angles, step: Angles
    ) -> None:
        with np.errstate(invalid="ignore"):
            apart = np.abs(end - by_step) > _MISFIT * step + _SAME
        if count := int(apart.sum()):
            first = int(np.flatnonzero(apart)[0])
            self.facts.note(
                f"{group.path}/{self.name}_end contradicts the increment for {count} "
                f"images, first for image {first}: {end[first]:g} against "
                f"{by_step[first]:g}; the end is used"
            )

    def _step(self, group: Group) -> Angles | None:
        for name in _STEPS:
            found = self._values(group, f"{self.name}_{name}")
            if found is not None:
                return found
        return None

    def _values(self, group: Group, name: str) -> Angles | None:
        """Degrees (n,), NaN for what is none; None if nothing is there to be used."""
        found = self._read(group, name)
        if found is None:
            return None
        raw, unit = np.asarray(found[0]), unit_name(found[1])
        if raw.dtype.kind not in "iuf":
            self._refuse(group, name, "it holds no numbers")
            return None
        if unit and unit not in DEGREES:
            self._refuse(group, name, f"its unit {shown(found[1])} is none of an angle")
            return None
        with np.errstate(all="ignore"):
            angles = raw.reshape(-1).astype(np.float64) * DEGREES[unit or "deg"]
            wrong = ~(np.abs(angles) <= MAX_DEGREES)
        if count := int(wrong.sum()):
            angles[wrong] = np.nan
            first = int(np.flatnonzero(wrong)[0])
            self.facts.note(
                f"{group.path}/{name}: {count} of {angles.size} values are no angles "
                f"(the first is number {first}): those images get none of it"
            )
        return angles

    def _read(self, group: Group, name: str) -> tuple[Any, str] | None:
        """A value and its unit; what is there and cannot be had is named."""
        if name not in member_names(self.facts.files, group.place):
            return None
        try:
            found = read_value(
                self.facts.files, resolve(self.facts.files, group.member(name))
            )
        except FileFormatError as error:
            self._refuse(group, name, str(error))
            return None
        if found is None:
            self._refuse(group, name, "it holds no value")
        return found

    def _refuse(self, group: Group, name: str, why: str) -> None:
        self.facts.note(
            f"{group.path}/{name} not used: {why}: it gives no image its {self.name}"
        )
