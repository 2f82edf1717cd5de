"""Which files of some folders are series of images, and which are only parts of one."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from recorder.config.sources import ReplaySection
from recorder.errors import FileFormatError, NoImagesError, UsageError
from recorder.records import StoredChunk
from recorder.service.replay_records import open_series
from recorder.sources.dectris.dumps import is_dump
from recorder.sources.hdf5.file import Hdf5File

ENDINGS = (".h5", ".hdf5", ".nxs", ".cxi", ".cbors")
"""Endings of the files of a folder that are looked at, in small letters."""
COLLECTION, EVENTS = ".collection.json", ".events.jsonl"
"""Endings of the files beside one that say what it is of: its announcement, and its
events."""
SETTLED_S = 30.0
"""Seconds since the last change of a file that lacks images, after which nobody is
taken to write it any more. Chosen, not tuned: file systems tell of a change at once,
writers make pauses of seconds."""
_STREAM_FILE = re.compile(r"streamfile_[0-9]+")


@dataclass(frozen=True, slots=True)
class Found:
    """One series of images."""

    file: Path
    """Absolute, as it was named."""
    files: tuple[Path, ...]
    """All files that it is made of, links resolved, itself first."""
    images: int | None
    """Images that are there; None: nobody knows before it is read."""
    ends: tuple[StoredChunk, StoredChunk] | None = None
    """Where its first and its last image lie; None: not known."""
    growing: bool = False
    """It is still being written."""
    collection: Path | None = None
    events: Path | None = None


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A file that is not replayed."""

    file: Path
    why: str
    failed: bool = False
    """Somebody should know: its images are lost unless something is done."""


def is_folder_of_files(path: Path) -> bool:
    """Whether a path is a folder of files, not one recorded stream."""
    return path.is_dir() and not _is_stream(path)


def find(
    paths: Sequence[Path],
    dataset: str | None,
    section: ReplaySection,
    *,
    follow: bool,
    apart: Collection[Path] = (),
    over: Callable[[], bool] = lambda: False,
) -> tuple[list[Found], list[LeftOut]]:
    """The series in files and folders, by folder and name.

    Args:
        paths: Files, and folders that are searched with all folders within.
        dataset: Path of the images in each file; None finds them.
        section: How files are read.
        follow: Take those that are still being written, too.
        apart: Folders that are not searched: the recorder's own.
        over: Whether nobody wants to know any more.

    Raises:
        UsageError: One of the paths is not there.
    """
    own = {path.resolve() for path in apart}
    left: list[LeftOut] = []
    files: dict[Path, Path] = {}
    for path in paths:
        if not path.exists():
            raise UsageError(f"{path}: no such file or folder")
        for file in _candidates(path, own, left):
            first = files.setdefault(file.resolve(), file)
            if first != file:
                left.append(LeftOut(file, f"the same file as {first}"))
    found: dict[Path, Found] = {}
    parts: dict[Path, Found] = {}
    # masters first: what they are made of need not be opened by itself
    for real, file in sorted(files.items(), key=lambda item: _may_be_part(item[1])):
        if over():
            break
        if (of := parts.get(real)) is not None:
            left.append(_part_of(file, of))
            continue
        looked = _look(file, dataset, section, follow=follow)
        if isinstance(looked, Found):
            found[real] = looked
            parts |= dict.fromkeys(looked.files[1:], looked)
        else:
            left.append(looked)
    return _without_parts([found[real] for real in files if real in found], left), left


def _may_be_part(file: Path) -> bool:
    """By its name; only to be quick, for names decide nothing."""
    return "master" not in file.name and file.suffix.lower() in (".h5", ".hdf5")


def _part_of(file: Path, of: Found) -> LeftOut:
    return LeftOut(file, f"is a data file of {of.file}")


def _candidates(path: Path, own: set[Path], left: list[LeftOut]) -> Iterator[Path]:
    """Files that may be series, in order."""
    path = path.absolute()
    if not is_folder_of_files(path):
        yield path
        return

    def refused(error: OSError) -> None:
        why = f"cannot be read: {error.strerror}"
        left.append(LeftOut(Path(error.filename), why, failed=True))

    for folder, inner, names in os.walk(path, onerror=refused):
        here = Path(folder)
        if here.resolve() in own:
            inner.clear()
        elif _is_stream(here):
            inner.clear()
            yield here
        else:
            inner[:] = sorted(name for name in inner if not name.startswith("."))
            for name in sorted(names):
                if name.lower().endswith(ENDINGS) and not name.startswith("."):
                    yield here / name


def _is_stream(folder: Path) -> bool:
    """Whether a folder is a recorded stream, one part of a message a file."""
    try:
        return any(_STREAM_FILE.fullmatch(path.name) for path in folder.iterdir())
    except OSError:
        return False


def _look(
    file: Path, dataset: str | None, section: ReplaySection, *, follow: bool
) -> Found | LeftOut:
    """What a file is."""
    said, events = _beside(file, COLLECTION), _beside(file, EVENTS)
    if is_dump(file):
        parts = sorted(file.iterdir()) if file.is_dir() else [file]
        files = tuple(dict.fromkeys([file.resolve(), *(p.resolve() for p in parts)]))
        return Found(file, files, None, collection=said, events=events)
    try:
        series = open_series(file, dataset, section)
    except NoImagesError:
        return LeftOut(file, "has no images in it")
    except FileFormatError as error:
        return LeftOut(file, str(error).removeprefix(f"{file}: "), failed=True)
    files = (file.resolve(), *sorted(series.files - {file.resolve()}))
    images, grows = series.written_images, _grows(series, files)
    found = Found(file, files, images, series.ends, grows, said, events)
    if found.growing and not follow:
        why = "is still being written: replay it later, or now with --follow"
        return LeftOut(file, why, failed=True)
    if not found.images and not found.growing:
        why = "; ".join(series.problems) or "its images were never written"
        return LeftOut(file, why, failed=True)
    return found


def _grows(series: Hdf5File, files: Collection[Path]) -> bool:
    """Whether somebody writes it now."""
    if series.being_written:
        return True
    if series.complete:
        return False
    ages = [time.time() - path.stat().st_mtime for path in files if path.exists()]
    return min(ages, default=SETTLED_S) < SETTLED_S


def _beside(file: Path, ending: str) -> Path | None:
    """What lies beside a file under its name, with or without ``_master``."""
    for stem in dict.fromkeys((file.stem, file.stem.removesuffix("_master"))):
        if (path := file.with_name(stem + ending)).is_file():
            return path
    return None


def _without_parts(found: Sequence[Found], left: list[LeftOut]) -> list[Found]:
    """Leave out data files of a set, and a second master of the same images."""
    by_file = {series.files[0]: series for series in found}
    whole: dict[Path, Found] = {}
    for series in found:
        for part in series.files[1:]:
            other = by_file.get(part)
            if other is not None and series.files[0] not in other.files:
                whole.setdefault(part, series)
    kept: list[Found] = []
    first: dict[object, Found] = {}
    for series in found:
        if (of := whole.get(series.files[0])) is not None:
            left.append(_part_of(series.file, of))
            continue
        same = (series.images, series.ends)
        other = series if series.ends is None else first.setdefault(same, series)
        if other is not series:
            left.append(LeftOut(series.file, f"has the same images as {other.file}"))
        else:
            kept.append(series)
    return kept
