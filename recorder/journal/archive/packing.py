"""Archive files: a journal with one run, compressed with gzip."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from recorder.errors import JournalError
from recorder.journal.archive.place import Archived, new_file
from recorder.journal.store import Journal

_STEP = 1 << 20
"""Bytes that are packed at a time. Chosen, not tuned."""
_LEVEL = 6
"""zlib's own default: a run packs to a ninth; level 9 takes three times as long for
1 %, level 1 a third of the time and 10 % more (30 000 images with triggers)."""


def pack_file(source: Path, to: Path) -> tuple[str, int]:
    """Compress a file into a new one, which is on the disk then.

    Args:
        source: What to compress.
        to: The file; what is there is replaced.

    Returns:
        SHA-256 of what was written, in hexadecimal, and its bytes.

    Raises:
        OSError: The disk refuses.
    """
    descriptor = new_file(to)
    with os.fdopen(descriptor, "wb") as file, source.open("rb") as body:
        with gzip.GzipFile("", "wb", _LEVEL, file, mtime=0) as packed:
            shutil.copyfileobj(body, packed, _STEP)
        file.flush()
        os.fsync(file.fileno())
    return sha256_of(to), to.stat().st_size


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal, as it can be read from the disk.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def unpacks_to(packed: Path, source: Path) -> bool:
    """Whether an archive file has exactly the bytes of a file.

    Raises:
        OSError: One of them cannot be read.
    """
    try:
        with gzip.open(packed) as one, source.open("rb") as other:
            while body := one.read(_STEP):
                if body != other.read(len(body)):
                    return False
            return not other.read(1)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        return False


@contextmanager
def unpacked(run: str, known: Archived) -> Iterator[Journal]:
    """The journal in an archive file, in a private folder that goes afterwards.

    Args:
        run: For messages.
        known: Where it is.

    Raises:
        JournalError: The file is not there, or not what was written.
    """
    with tempfile.TemporaryDirectory(prefix="recorder-archive-") as folder:
        to = Path(folder) / "journal.sqlite"
        _unpack(run, known, to)
        with closing(Journal(to, read_only=True)) as journal:
            yield journal


def _unpack(run: str, known: Archived, to: Path) -> None:
    path = Path(known.file)
    try:
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != known.sha256:
                raise JournalError(
                    f"run {run}: {path} is not what was archived: its checksum "
                    "differs; bring a copy of the file back"
                )
            file.seek(0)
            with gzip.GzipFile(fileobj=file) as body, to.open("wb") as journal:
                shutil.copyfileobj(body, journal, _STEP)
    except (OSError, EOFError, zlib.error) as error:
        raise JournalError(
            f"run {run} is archived in {path}, which cannot be read: {error}; mount "
            "the folder, or bring the file back"
        ) from error
