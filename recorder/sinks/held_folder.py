"""A folder that is held open: what is done in it cannot be led out of it.

On a shared host others may write where the results lie, and plant a symbolic link under
a name that is written next. So no path is walked twice: each folder is opened from the
one above it without following links, and files are made, renamed and removed by names
relative to it. A temporary file has a name that nobody can guess, and is made only if
there is nothing of that name.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from recorder.errors import SinkError, SinkUnavailableError, shown
from recorder.journal.place import FILE_MODE, FOLDER_MODE

PASSING = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.ESTALE}
"""Of the whole file system, and for a while: no space, no quota, no server."""
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_OLD = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""A pipe that was planted is not waited for."""
_RANDOM_BYTES = 8
"""Of a temporary name: nobody guesses 64 bits in the moment that they are used."""
_NOT_OURS = (FileNotFoundError, PermissionError, IsADirectoryError)
_LINK = {errno.ELOOP, errno.ENOTDIR}


class HeldFolder:
    """An open folder; :func:`held` makes and closes it.

    Args:
        descriptor: Of the folder.
        path: Where it was found, for messages.
    """

    def __init__(self, descriptor: int, path: Path) -> None:
        self._descriptor = descriptor
        self.path = path

    def within(self, name: str) -> HeldFolder:
        """The folder of a name in it, made if it is not there.

        Raises:
            SinkError: Something else has the name, such as a symbolic link.
            SinkUnavailableError: The disk refuses all; it is tried again.
        """
        path = self.path / _one_part(name)
        with told(path):
            self.make(name)
            found = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=self._descriptor)
        return HeldFolder(found, path)

    def make(self, name: str) -> bool:
        """Make a folder in it; False if something of the name is there already."""
        with told(self.path / _one_part(name)):
            try:
                os.mkdir(name, FOLDER_MODE, dir_fd=self._descriptor)
            except FileExistsError:
                return False
        return True

    def unmake(self, name: str) -> None:
        """Remove a folder in it that is empty; nothing happens to any other."""
        with suppress(OSError):
            os.rmdir(_one_part(name), dir_fd=self._descriptor)

    def write(self, name: str, body: bytes) -> None:
        """Replace a file, whole; a link of that name is replaced, not followed.

        Raises:
            SinkError: This place refuses: what stands elsewhere may go on.
            SinkUnavailableError: The disk refuses all; it is tried again.
        """
        with self.replacing(name) as descriptor:
            with os.fdopen(descriptor, "wb", closefd=False) as file:
                file.write(body)

    @contextmanager
    def replacing(self, name: str) -> Iterator[int]:
        """The descriptor of a new file that takes the name when all went well.

        Raises:
            SinkError, SinkUnavailableError: See :meth:`write`.
        """
        with told(self.path / _one_part(name)):
            self._sweep(name)
            temporary = f".{name}.{secrets.token_hex(_RANDOM_BYTES)}.tmp"
            file = os.open(temporary, _NEW, FILE_MODE, dir_fd=self._descriptor)
            try:
                yield file
                os.fsync(file)
                self._take_name(temporary, name)
            except BaseException:
                with suppress(OSError):
                    os.unlink(temporary, dir_fd=self._descriptor)
                raise
            finally:
                os.close(file)

    def _take_name(self, temporary: str, name: str) -> None:
        own = self._descriptor
        os.rename(temporary, name, src_dir_fd=own, dst_dir_fd=own)
        os.fsync(own)

    def _sweep(self, name: str) -> None:
        """Remove what a crash left: each file has one writer."""
        left = re.compile(rf"\.{re.escape(name)}(\.[0-9a-f]{{16}})?\.tmp")
        self.remove(item for item in self.names() if left.fullmatch(item))

    def create(self, name: str, body: bytes) -> bool:
        """Make a file that was not there; False if something of the name is."""
        with told(self.path / _one_part(name)):
            try:
                file = os.open(name, _NEW, FILE_MODE, dir_fd=self._descriptor)
            except FileExistsError:
                return False
            try:
                with os.fdopen(file, "wb") as stream:
                    stream.write(body)
                    stream.flush()
                    os.fsync(file)
            except OSError:  # half of it would be taken for the whole
                self.remove((name,))
                raise
        return True

    def read(self, name: str, limit: int) -> bytes | None:
        """The first bytes of a file; None if there is no plain file of that name."""
        with told(self.path / _one_part(name)):
            try:
                file = os.open(name, _OLD, dir_fd=self._descriptor)
            except (FileNotFoundError, NotADirectoryError, PermissionError):
                return None
            except OSError as error:
                if error.errno in _LINK:
                    return None
                raise
            try:
                plain_file = stat.S_ISREG(os.fstat(file).st_mode)
                return os.read(file, limit) if plain_file else None
            finally:
                os.close(file)

    def names(self) -> list[str]:
        """What is in it."""
        with told(self.path):
            with os.scandir(self._descriptor) as found:
                return [item.name for item in found]

    def remove(self, names: Iterator[str] | Sequence[str]) -> None:
        """Remove files; a link goes, what it points to stays, a folder stays."""
        for name in names:
            with told(self.path / _one_part(name)), suppress(*_NOT_OURS):
                os.unlink(name, dir_fd=self._descriptor)

    def close(self) -> None:
        """Let go of it."""
        os.close(self._descriptor)


@contextmanager
def held(root: Path, parts: Sequence[str] = ()) -> Iterator[HeldFolder]:
    """A folder below a trusted one, made where it is missing.

    Args:
        root: As the configuration says: it may be a link.
        parts: Names of the folders below it; none of them may be a link.

    Raises:
        SinkError: A part is a link or a file, or may not be entered.
        SinkUnavailableError: The disk refuses all; it is tried again.
    """
    with told(root):
        root.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        folder = HeldFolder(os.open(root, _FOLDER), root)
    try:
        for part in parts:
            above, folder = folder, folder.within(part)
            above.close()
        yield folder
    finally:
        folder.close()


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Errors of the system as ours, with what to do.

    Raises:
        SinkUnavailableError: The disk refuses all; it is tried again.
        SinkError: This place refuses: what stands elsewhere may go on.
    """
    try:
        yield
    except OSError as error:
        hint = "check free space and the folder's owner"
        if error.errno in _LINK:
            hint = "a symbolic link or file stands there, which is not followed: "
            hint += "remove it"
        text = f"{path}: cannot write: {error.strerror or error}; {hint}"
        if error.errno in PASSING:
            raise SinkUnavailableError(text) from error
        raise SinkError(text) from error


def _one_part(name: str) -> str:
    """A name that leads nowhere else.

    Raises:
        SinkError: It is none.
    """
    if name in ("", ".", "..") or "/" in name or "\0" in name:
        raise SinkError(f"{shown(name)} is no name of a file; nothing was written")
    return name
