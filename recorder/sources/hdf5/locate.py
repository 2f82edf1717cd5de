"""Which datasets of a file hold its images."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py

from recorder.errors import FileFormatError, MissingDataFileError, NoImagesError
from recorder.records.limits import MAX_IMAGES, MAX_OBJECTS_IN_FILE
from recorder.sources.hdf5.links import resolve
from recorder.sources.hdf5.nexus import (
    Group,
    Tree,
    is_numbered,
    member_names,
    natural,
)
from recorder.sources.hdf5.opening import Files, Place, guarded
from recorder.sources.hdf5.sources import Sources
from recorder.sources.hdf5.stored import Source
from recorder.sources.hdf5.values import attribute, numbers, text_attribute, whole

KNOWN_PATHS = (
    "/entry/data/data",
    "/entry_1/data_1/data",
    "/entry_1/instrument_1/detector_1/data",
    "/entry/instrument/detector/data",
    "/entry_0000/measurement/data",
    "/data",
)
"""Where images are by convention; the first that exists is taken."""


@dataclass(frozen=True, slots=True)
class Part:
    """A dataset of images, or why it cannot be had."""

    name: str
    """As the master calls it."""
    source: Source | None
    problem: str = ""
    low: int = 0
    """Number of its first image, from 1; 0 if it does not say."""


@dataclass(frozen=True, slots=True)
class Located:
    """The datasets of a file's images, in order."""

    parts: tuple[Part, ...]
    others: tuple[str, ...] = ()
    """Further image datasets, not chosen."""


class Locator:
    """Looks for the images of one file.

    Args:
        files: Opens what links lead to.
        path: The file.
        tree: Its groups.
    """

    def __init__(self, files: Files, path: Path, tree: Tree) -> None:
        self._files, self._path, self._tree = files, path, tree
        self._sources = Sources(files)
        self._errors: list[str] = []

    def locate(self, dataset: str | None) -> Located:
        """Find the images.

        Args:
            dataset: Path of a dataset, or of a group of numbered links; None: look.

        Raises:
            FileFormatError: There are none, or not where ``dataset`` says.
        """
        if dataset is not None:
            return self._named(dataset)
        for known in KNOWN_PATHS:
            if (part := self._part(known)) is not None:
                return Located((part,))
        groups = [*self._tree.of("NXdata"), *self._tree.of("NXdetector")]
        for group in sorted(groups, key=lambda group: group.path != "/entry/data"):
            if parts := self._of_group(group):
                return Located(parts)
        found = self._search()
        for n, name in enumerate(found):
            if (part := self._part(name)) is not None:
                return Located((part,), tuple(found[n + 1 :]))
        because = f" ({self._errors[0]})" if self._errors else ""
        kind = FileFormatError if self._errors else NoImagesError
        raise kind(
            f"{self._path}: no image data: no dataset of three or four dimensions and "
            f"whole numbers; name it with --dataset if it is there{because}"
        )

    def _named(self, dataset: str) -> Located:
        place = Place(self._path, "/" + dataset.strip("/"))
        try:
            target = resolve(self._files, place)
            item = self._files.item(target)
        except MissingDataFileError as error:
            return Located((Part(place.name, None, str(error)),))
        if isinstance(item, h5py.Group):
            parts = self._numbered(Group(place.name, target, ""))
            if not parts:
                raise FileFormatError(f"{place} is a group, with no images in it")
            return Located(parts)
        return Located((Part(place.name, self._sources.at(place)),))

    def _part(self, name: str) -> Part | None:
        """The images under a name; None if there is nothing, or something else."""
        try:
            source = self._sources.at(Place(self._path, name))
        except MissingDataFileError as error:
            return Part(name, None, str(error))
        except FileFormatError as error:
            if "no dataset" not in str(error):
                self._errors.append(str(error))
            return None
        return Part(name, source) if len(source.dims) > 2 else None

    def _of_group(self, group: Group) -> tuple[Part, ...]:
        """Images of an NXdata or NXdetector: its signal, else its numbered links."""
        try:
            item = self._files.item(group.place)
        except FileFormatError:
            return ()
        names = member_names(self._files, group.place)
        signals = [text_attribute(item, "signal"), "data"]
        signals += [name for name in names if self._is_signal(group, name)]
        for name in dict.fromkeys(signals):
            if name in names and (part := self._part(f"{group.path}/{name}")):
                return (part,)
        return self._numbered(group)

    def _is_signal(self, group: Group, name: str) -> bool:
        if is_numbered(name):
            return False
        try:
            place = Place(self._path, f"{group.path}/{name}")
            item = self._files.item(resolve(self._files, place))
            return bool(numbers(attribute(item, "signal")).tolist() == [1.0])
        except FileFormatError:
            return False

    def _numbered(self, group: Group) -> tuple[Part, ...]:
        """``data_000001`` … of a DECTRIS master without a virtual dataset."""
        names = [n for n in member_names(self._files, group.place) if is_numbered(n)]
        parts: list[Part] = []
        for name in sorted(names, key=natural):
            path = f"{group.path}/{name}"
            try:
                source = self._sources.at(Place(self._path, path))
                low = attribute(self._files.dataset(source.place), "image_nr_low")
                parts.append(Part(path, source, "", whole(low, MAX_IMAGES)))
            except FileFormatError as error:
                parts.append(Part(path, None, str(error)))
        return tuple(parts)

    def _search(self) -> list[str]:
        """All stacks of images, those with the largest images first, then by name."""
        found: list[tuple[int, str]] = []
        looked = itertools.count()

        def visit(name: str, item: Any) -> bool | None:
            if isinstance(item, h5py.Dataset) and _is_stack(item):
                found.append((-item.shape[-1] * item.shape[-2], f"/{name}"))
            return True if next(looked) > MAX_OBJECTS_IN_FILE else None

        file = self._files.file(self._path)
        with guarded(self._path):
            file.visititems(visit)
        return [name for _, name in sorted(found)]


def _is_stack(item: Any) -> bool:
    try:
        return bool(item.ndim in (3, 4) and item.dtype.kind in "iu")
    except TypeError:  # a type that numpy does not have
        return False
