"""Which files and datasets hold the images of an HDF5 file."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import h5py

from recorder.errors import FileFormatError, MissingDataFileError

# Where the images are, by convention; the first that exists is taken.
KNOWN_PATHS = (
    "/entry/data/data",
    "/entry_1/data_1/data",
    "/entry_1/instrument_1/detector_1/data",
    "/entry/instrument/detector/data",
    "/entry_0000/measurement/data",
    "/data",
)


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of images that lie in one dataset, or are missing with its file."""

    first: int
    count: int
    file: Path
    dataset: str
    offset: int = 0
    """Index of the first image within the dataset."""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the images of a file are."""

    segments: tuple[Segment, ...]
    metadata_file: Path
    others: tuple[str, ...] = field(default=())
    """Further image datasets, not chosen."""

    @property
    def images(self) -> int:
        """Images that the file announces, missing ones included."""
        return sum(segment.count for segment in self.segments)

    @property
    def problems(self) -> tuple[str, ...]:
        """What is missing, each named once."""
        return tuple(dict.fromkeys(s.problem for s in self.segments if s.problem))


def open_file(path: Path) -> h5py.File:
    """Open for reading, without a lock: it may lie on a read-only or NFS mount.

    Raises:
        FileFormatError: No such file, or not HDF5.
    """
    if not path.is_file():
        raise FileFormatError(f"{path}: no such file")
    try:
        return h5py.File(path, "r", locking=False)
    except OSError as error:
        raise FileFormatError(f"{path}: not readable as HDF5: {error}") from error


def find_layout(path: Path, dataset: str | None = None) -> Layout:
    """Find the images of a file.

    Raises:
        FileFormatError: There are none, or not where ``dataset`` says.
    """
    with open_file(path) as file:
        if dataset is not None:
            return Layout(_segments(file, path, dataset), path)
        for known in KNOWN_PATHS:
            if _link(file, known) is not None and _is_images(file, known):
                return Layout(_segments(file, path, known), path)
        if segments := _numbered_links(file, path):
            return Layout(segments, path)
        found = _search(file)
        if not found:
            raise FileFormatError(
                f"{path}: no image data: no dataset of three dimensions and whole "
                "numbers; name it with --dataset if it is there"
            )
        return Layout(_segments(file, path, found[0]), path, tuple(found[1:]))


def _link(file: h5py.File, path: str) -> Any:
    try:
        return file.get(path, getlink=True)
    except (KeyError, OSError):
        return None


def _is_images(file: h5py.File, path: str) -> bool:
    """Three dimensions of whole numbers, or a virtual dataset that would be."""
    try:
        item = file[path]
    except (KeyError, OSError):
        return isinstance(_link(file, path), h5py.ExternalLink)
    return isinstance(item, h5py.Dataset) and item.ndim == 3 and item.dtype.kind in "iu"


def _segments(file: h5py.File, path: Path, name: str) -> tuple[Segment, ...]:
    """Resolve links and virtual datasets to the datasets that hold chunks."""
    target, inner, problem = _resolve(path, name)
    if problem:
        return (Segment(0, 0, target, inner, problem=problem),)
    with open_file(target) as holder:
        if inner not in holder:
            raise FileFormatError(f"{target}: no dataset {inner}")
        item = holder[inner]
        if not isinstance(item, h5py.Dataset) or item.ndim != 3:
            raise FileFormatError(f"{target}: {inner} is no stack of images")
        if item.dtype.kind not in "iu":
            raise FileFormatError(
                f"{target}: {inner} holds {item.dtype}, images are whole numbers"
            )
        if not item.is_virtual:
            return (Segment(0, len(item), target, inner),)
        return _virtual(item, target)


def _virtual(item: Any, path: Path) -> tuple[Segment, ...]:
    segments: list[Segment] = []
    for source in item.virtual_sources():
        low, high = source.vspace.get_select_bounds()
        offset = _offset(source.src_space)
        holder = path if source.file_name == "." else path.parent / source.file_name
        target, inner, problem = _resolve(holder, source.dset_name)
        count = int(high[0]) - int(low[0]) + 1
        if not problem:
            with open_file(target) as file:
                there = len(file[inner]) - offset if inner in file else 0
            if there < count:
                problem = f"{target}: {inner} holds {there} of {count} images"
        segments.append(Segment(int(low[0]), count, target, inner, offset, problem))
    return tuple(sorted(segments, key=lambda segment: segment.first))


def _offset(space: Any) -> int:
    """First selected image of a virtual source; a whole one has no bounds to ask."""
    if space.get_select_type() != h5py.h5s.SEL_HYPERSLABS:
        return 0
    return int(space.get_select_bounds()[0][0])


def _resolve(path: Path, name: str, depth: int = 8) -> tuple[Path, str, str]:
    """Follow external and soft links: (file, dataset, problem)."""
    name = "/" + name.strip("/")
    if not path.is_file():
        return path, name, f"data file {path} is missing: copy it beside the master"
    with open_file(path) as file:
        link = _link(file, name)
    if isinstance(link, h5py.ExternalLink) and depth:
        return _resolve(path.parent / link.filename, link.path, depth - 1)
    if isinstance(link, h5py.SoftLink) and depth:
        return _resolve(path, link.path, depth - 1)
    return path, name, ""


def _numbered_links(file: h5py.File, path: Path) -> tuple[Segment, ...]:
    """``/entry/data/data_000001`` … of a DECTRIS master without a virtual dataset."""
    group = file.get("/entry/data")
    names = sorted(n for n in group if n.startswith("data_")) if group else []
    found: list[tuple[Segment, int | None]] = []
    for name in names:
        target, inner, problem = _resolve(path, f"/entry/data/{name}")
        count, low = 0, None
        if not problem:
            with open_file(target) as holder:
                count = len(holder[inner])
                low = int(holder[inner].attrs.get("image_nr_low", 0)) or None
        found.append((Segment(0, count, target, inner, 0, problem), low))
    return _place(found, _announced(file))


def _announced(file: h5py.File) -> int:
    """Images that a DECTRIS master announces, 0 if it does not."""
    info = "/entry/instrument/detector/detectorSpecific"
    images = int(_scalar(file, f"{info}/nimages") or 0)
    return images * int(_scalar(file, f"{info}/ntrigger") or 1)


def _place(
    found: list[tuple[Segment, int | None]], announced: int
) -> tuple[Segment, ...]:
    """Give each file its images; a missing one gets those that no other holds."""
    placed: list[Segment] = []
    first = 0
    for n, (segment, low) in enumerate(found):
        count = segment.count
        if segment.problem:
            later = [(m, at) for m, (_, at) in enumerate(found) if m > n and at]
            known = sum(s.count for s, _ in found[n + 1 :])
            end = later[0][1] - 1 if later and later[0][1] else announced - known
            others = [s for s, _ in found[n : later[0][0] if later else None]]
            missing = sum(1 for s in others if s.problem)
            count = max(0, end - first) // max(1, missing)
        elif low is not None:
            first = max(first, low - 1)
        placed.append(replace(segment, first=first, count=count))
        first += count
    return tuple(placed)


def _scalar(file: h5py.File, name: str) -> Any:
    try:
        return file[name][()]
    except (KeyError, OSError, TypeError):
        return None


def _search(file: h5py.File) -> list[str]:
    """All stacks of images, those with the largest images first, then by name."""
    found: list[tuple[int, str]] = []

    def visit(name: str, item: Any) -> None:
        if (
            isinstance(item, h5py.Dataset)
            and item.ndim == 3
            and item.dtype.kind in "iu"
        ):
            found.append((-item.shape[1] * item.shape[2], f"/{name}"))

    file.visititems(visit)
    return [name for _, name in sorted(found)]


def missing_file_error(layout: Layout) -> MissingDataFileError:
    """The error for a file none of whose images can be had."""
    return MissingDataFileError("; ".join(layout.problems))
