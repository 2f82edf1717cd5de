"""The portal ``folder``: JSON files that somebody puts into a folder."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

from recorder.config import Settings
from recorder.config.section import PortalSection
from recorder.config.values import FilePath
from recorder.errors import PortalUnavailableError
from recorder.portal.json_text import MAX_FILE_BYTES
from recorder.portal.protocols import Delivery
from recorder.records import CheckLine

ENDINGS = (".json", ".jsonl")
"""Of the files that are read; others are left alone, such as those still written."""


class FolderPortalSection(PortalSection):
    """A folder of JSON files."""

    name: str = "folder"
    """Name of the portal: `recorder sync --portal NAME`, and in the change log."""
    kind: Literal["folder"] = "folder"
    """Files that somebody puts into a folder."""
    path: FilePath
    """The folder. Files that end in `.json` or `.jsonl` are read in the order of their
    names, each again only when it changed; write them under another name and rename
    them. They are neither changed nor removed."""


class FolderPortal:
    """Reads the files of a folder.

    Args:
        section: Its settings.
    """

    def __init__(self, section: FolderPortalSection) -> None:
        self.name = section.name
        self._folder = section.path

    def fetch(self, done: Mapping[str, str]) -> Iterator[Delivery]:
        """The files that are new or were changed, by name.

        Raises:
            PortalUnavailableError: Folder or file cannot be read.
        """
        for path in self.files():
            data = self._read(path)
            mark = hashlib.sha256(data).hexdigest()
            if done.get(path.name) != mark:
                yield Delivery(path.name, data, mark)

    def close(self) -> None:
        """Nothing is open."""

    def files(self) -> list[Path]:
        """The files that are read, by name."""
        try:
            found = sorted(p for p in self._folder.iterdir() if p.suffix in ENDINGS)
        except OSError as error:
            raise PortalUnavailableError(
                f"{self._folder} cannot be read: {error.strerror}; make it, or mend "
                "its owner"
            ) from error
        return [path for path in found if not path.name.startswith(".")]

    def _read(self, path: Path) -> bytes:
        """A regular file's bytes, and one more than are allowed at most."""
        try:
            place = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            with open(place, "rb") as file:  # noqa: PTH123 (a descriptor)
                if not stat.S_ISREG(os.fstat(place).st_mode):
                    raise PortalUnavailableError(f"{path} is no file; remove it")
                return file.read(MAX_FILE_BYTES + 1)
        except OSError as error:
            raise PortalUnavailableError(
                f"{path} cannot be read: {error.strerror}; mend its owner"
            ) from error


class FolderPlugin:
    """The kind ``folder``."""

    kind = "folder"
    settings = FolderPortalSection

    def make(self, section: FolderPortalSection, settings: Settings) -> FolderPortal:
        """One with these settings."""
        return FolderPortal(section)

    async def check(
        self, section: FolderPortalSection, settings: Settings
    ) -> Sequence[CheckLine]:
        """Whether the folder can be read."""
        what = f"portal {section.name}"
        try:
            files = FolderPortal(section).files()
        except PortalUnavailableError as error:
            return [CheckLine(what, False, str(error))]
        return [CheckLine(what, True, f"{section.path}: {len(files)} files")]


PLUGIN = FolderPlugin()
