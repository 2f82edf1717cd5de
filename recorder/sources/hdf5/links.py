"""Where links lead: hard, soft and external ones, as the HDF5 library follows them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import h5py

from recorder.errors import FileFormatError, MissingDataFileError, shown
from recorder.sources.hdf5.opening import Files, Place, guarded

_MAX_LINKS = 32
"""Soft and external links on the way to one object; the library gives up after 16."""
_EXTERNAL_PREFIX, VIRTUAL_PREFIX = "HDF5_EXT_PREFIX", "HDF5_VDS_PREFIX"
"""Environment variables of the library: folders to look in first, colons between."""


def resolve(files: Files, place: Place) -> Place:
    """Follow every link on the way to an object, component by component.

    Args:
        files: Opens what links lead to.
        place: File and absolute path; any part of it may be a link.

    Returns:
        The object's own file and its path there.

    Raises:
        MissingDataFileError: A link leads to a file that is nowhere.
        FileFormatError: There is no such object, or links lead in a circle.
    """
    file, done = place.file, ""
    todo = _components(place.name)
    for _ in range(_MAX_LINKS):
        link: Any = None
        while todo:
            link = _link(files, Place(file, done or "/"), todo[0])
            if link is not None:
                break
            done = f"{done}/{todo.pop(0)}"
        if not todo:
            return Place(file, done or "/")
        rest = todo[1:]
        if isinstance(link, bytes):
            if link.startswith(b"/"):
                done = ""
            todo = _components(_text(link)) + rest
        else:
            file, done = find_file(file, _text(link[0])), ""
            todo = _components(_text(link[1])) + rest
    raise FileFormatError(
        f"{place}: more than {_MAX_LINKS} links, one after the other (in {file}, too): "
        "they lead in a circle; name the dataset itself with --dataset"
    )


def _components(name: str) -> list[str]:
    return [part for part in name.split("/") if part not in ("", ".")]


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def _link(files: Files, place: Place, name: str) -> Any:
    """None for a hard link; bytes for a soft one; two of them for an external one."""
    group = files.item(place)
    if not isinstance(group, h5py.Group):
        raise FileFormatError(f"{place} is no group: no dataset {shown(name)} in it")
    raw = name.encode("utf-8", "surrogateescape")
    links = group.id.links
    try:
        kind = links.get_info(raw).type
    except (KeyError, RuntimeError, ValueError) as error:
        below = place.name.rstrip("/")
        raise FileFormatError(f"{place.file}: no dataset {below}/{name}") from error
    if kind == h5py.h5l.TYPE_HARD:
        return None
    with guarded(place):
        if kind in (h5py.h5l.TYPE_SOFT, h5py.h5l.TYPE_EXTERNAL):
            return links.get_val(raw)
    raise FileFormatError(f"{place}: the link {shown(name)} is of a kind of its own")


def find_file(holder: Path, name: str, variable: str = _EXTERNAL_PREFIX) -> Path:
    """The file that a link or a virtual dataset names.

    In the order of the library: as given if it is absolute (else, or if it is not
    there, by its bare name), in the folders of the environment variable, beside the
    holder, in the working directory, beside the file that the holder is a symbolic
    link to.

    Args:
        holder: File that holds the link.
        name: As the link has it.
        variable: Environment variable with folders to look in first.

    Raises:
        MissingDataFileError: It is at none of these places, which are named.
    """
    tried: list[Path] = []
    with guarded(holder):
        for path in _candidates(holder, name, variable):
            if path.is_file():
                return path
            if path not in tried:
                tried.append(path)
    places = ", ".join(map(str, tried))
    text = f"data file {shown(name) if len(name) > 300 else name} is missing"
    raise MissingDataFileError(f"{text}: copy it beside the master; tried {places}")


def _candidates(holder: Path, name: str, variable: str) -> list[Path]:
    folder = holder.parent
    given = Path(name)
    bare = Path(given.name) if given.is_absolute() else given
    prefixes = [
        Path(prefix.replace("${ORIGIN}", str(folder)))
        for prefix in os.environ.get(variable, "").split(":")
        if prefix
    ]
    real = holder.resolve().parent
    beside = [folder / bare, Path.cwd() / bare, real / bare]
    first = [given] if given.is_absolute() else []
    return [*first, *(prefix / bare for prefix in prefixes), *beside]
