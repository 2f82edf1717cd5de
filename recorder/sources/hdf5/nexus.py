"""Groups of a file by what they are (``NX_class``), not by what they are called."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import h5py

from recorder.errors import FileFormatError
from recorder.records.limits import MAX_OBJECTS_IN_FILE
from recorder.sources.hdf5.links import resolve
from recorder.sources.hdf5.opening import Files, Place, guarded
from recorder.sources.hdf5.values import text_attribute

_MAX_DEEP = 8
"""Groups within each other; NXmx needs five."""
_NUMBERED = re.compile(r"(data_?)([0-9]{1,18})")
_NAMED = {
    "NXentry": ("/entry", "/entry_1", "/entry_0000"),
    "NXdata": ("/entry/data", "/entry_1/data_1", "/entry_0000/measurement"),
    "NXdetector": ("/entry/instrument/detector", "/entry_1/instrument_1/detector_1"),
    "NXbeam": ("/entry/instrument/beam", "/entry/sample/beam"),
    "NXtransformations": (
        "/entry/instrument/detector/transformations",
        "/entry/instrument/transformations",
    ),
    "NXpositioner": ("/entry/instrument/detector_z",),
    "NXmonochromator": ("/entry/instrument/monochromator",),
    "NXsource": ("/entry_1/instrument_1/source_1",),
}
"""Groups by convention, of writers that give no classes."""


@dataclass(frozen=True, slots=True)
class Group:
    """A group of the master, where its links led."""

    path: str
    """As the master calls it."""
    place: Place
    nx_class: str
    entry: str = ""
    """Path of the NXentry that it belongs to."""

    def member(self, name: str) -> Place:
        """Where something in it is, before links are followed."""
        return Place(self.place.file, f"{self.place.name}/{name}")


@dataclass(slots=True)
class Tree:
    """Groups of a file that have a class or a conventional name."""

    groups: list[Group] = field(default_factory=list)

    def of(self, nx_class: str, entry: str = "") -> list[Group]:
        """Groups of a class, those of an entry only if it is given."""
        found = [group for group in self.groups if group.nx_class == nx_class]
        return [g for g in found if g.entry == entry] if entry else found


def read_tree(files: Files, path: Path) -> Tree:
    """All groups of a file that have a class, level by level.

    Links are followed; what cannot be had is left out. No more than
    ``MAX_OBJECTS_IN_FILE`` objects are looked at.

    Raises:
        FileFormatError: The file itself cannot be opened.
    """
    tree = Tree()
    files.file(path)
    seen: set[Place] = set()
    todo = deque([Group("", Place(path, "/"), "NXroot")])
    left = MAX_OBJECTS_IN_FILE
    while todo and left > 0:
        group = todo.popleft()
        if group.place in seen:
            continue
        seen.add(group.place)
        if group.nx_class:
            tree.groups.append(group)
        if group.path.count("/") >= _MAX_DEEP or group.nx_class == "NXdata":
            continue
        for child in _children(files, group, left):
            todo.append(child)
            left -= 1
    _by_name(files, path, tree)
    return tree


def _children(files: Files, group: Group, most: int) -> Iterator[Group]:
    for name in member_names(files, group.place)[:most]:
        path = f"{group.path}/{name}"
        try:
            if _NUMBERED.fullmatch(name) and _external(files, group.place, name):
                continue  # a data file, which costs time to open
            place = resolve(files, group.member(name))
            item = files.item(place)
        except FileFormatError:
            continue
        if isinstance(item, h5py.Group):
            nx_class = text_attribute(item, "NX_class")
            entry = path if nx_class == "NXentry" else group.entry
            yield Group(path, place, nx_class, entry)


def _external(files: Files, place: Place, name: str) -> bool:
    with guarded(place):
        link = files.item(place).get(name, getlink=True)
        return isinstance(link, h5py.ExternalLink)


def member_names(files: Files, place: Place) -> list[str]:
    """Names in a group, at most ``MAX_OBJECTS_IN_FILE``; none if it is no group."""
    try:
        group = files.item(place)
        with guarded(place):
            if not isinstance(group, h5py.Group):
                return []
            return list(islice(group, MAX_OBJECTS_IN_FILE))
    except FileFormatError:
        return []


def _by_name(files: Files, path: Path, tree: Tree) -> None:
    """Groups with a conventional name that have no class."""
    known = {group.place for group in tree.groups}
    for nx_class, names in _NAMED.items():
        for name in names:
            try:
                place = resolve(files, Place(path, name))
                item = files.item(place)
            except FileFormatError:
                continue
            if place not in known and isinstance(item, h5py.Group):
                entry = "/" + name.split("/")[1]
                tree.groups.append(Group(name, place, nx_class, entry))


def natural(name: str) -> tuple[str, int, str]:
    """A key that sorts names by the number at their end: 5 before 10."""
    match = _NUMBERED.fullmatch(name)
    return (match[1], int(match[2]), name) if match else (name, -1, name)


def is_numbered(name: str) -> bool:
    """Whether it is one of the numbered links of a master, such as ``data_000001``."""
    return _NUMBERED.fullmatch(name) is not None
