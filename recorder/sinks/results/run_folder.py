"""Whose folder it is: each run of each journal has its own, with its uid inside.

A results folder may be shared: by two recorders, by a replay with a state directory of
its own, by a recorder whose journal was lost. A folder is taken by making it; a file in
it, :data:`OWNER`, says for whom. Nobody writes where another name stands.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path, PurePosixPath

from recorder.errors import SinkError, SinkUnavailableError
from recorder.foreign_text import key_name
from recorder.sinks.held_folder import HeldFolder, held

OWNER = "run.uid"
"""File with two lines: the run's uid, and the id of the journal that it is in."""
_READ_BYTES = 4096
"""Of a file that says whose the folder is: uids have 255 characters at most."""
_OLDER = "timeline.json"
"""What says it where an earlier recorder wrote: its first key is the uid."""
_OLDER_UID = re.compile(rb'\{"uid": ("(?:[^"\\]|\\.)*")')


@dataclass(frozen=True, slots=True)
class Owner:
    """A run, and the journal that has it: a replay may use a uid again."""

    uid: str
    journal: str

    def text(self) -> bytes:
        """What stands in the folder."""
        return f"{key_name(self.uid)}\n{self.journal}\n".encode()


def take_folder(
    root: Path, base: str, owner: Owner, free: Callable[[str], bool]
) -> str:
    """Take ``base``, or ``base-2``, ``base-3``, ...: the first that is the owner's.

    Args:
        root: The results folder.
        base: Such as ``mx2345-1/lysozyme/run001``.
        owner: Whose it is from now on.
        free: Whether the journal has it for no other run.

    Returns:
        The folder, relative to ``root``; it exists, and says whose it is.

    Raises:
        SinkError: It cannot be made there.
        SinkUnavailableError: The disk refuses now.
    """
    *above, last = PurePosixPath(base).parts
    with held(root, above) as parent:
        for number in count(1):
            name = last if number == 1 else f"{last}-{number}"
            path = "/".join((*above, name))
            if free(path) and _take(parent, name, owner):
                return path
    raise AssertionError("unreachable: numbers do not end")


def _take(parent: HeldFolder, name: str, owner: Owner) -> bool:
    """Whether the folder is the owner's now: made for it, or its own from before."""
    made = parent.make(name)
    try:
        folder = parent.within(name)
    except SinkError:
        if made:
            raise
        return False  # a link, a file, or a folder of someone else
    try:
        if made and folder.create(OWNER, owner.text()):
            return True
        return folder.read(OWNER, _READ_BYTES) == owner.text()
    except (SinkError, SinkUnavailableError):
        if made:  # a full disk: unmarked, it would be nobody's for ever
            parent.unmake(name)
        raise
    finally:
        folder.close()


@contextmanager
def own_folder(root: Path, path: str, owner: Owner) -> Iterator[HeldFolder]:
    """The folder of a run, held open; made and marked if it is not there.

    One of an earlier recorder, which left no mark, is marked now.

    Raises:
        SinkError: It is another run's, or lies behind a link; nothing was written.
        SinkUnavailableError: The disk refuses now.
    """
    parts = PurePosixPath(path).parts
    if not parts or PurePosixPath(path).is_absolute() or ".." in parts:
        raise SinkError(f"{path} lies outside the results folder {root}")
    with held(root, parts) as folder:
        if folder.read(OWNER, _READ_BYTES) is None and _unmarked(folder, owner):
            folder.create(OWNER, owner.text())
        found = folder.read(OWNER, _READ_BYTES)
        if found != owner.text():
            raise SinkError(
                f"{folder.path} is not the folder of this run: its {OWNER} names "
                f"{_named(found)}; nothing was written; move that folder away, then "
                "`recorder spool retry`"
            )
        yield folder


def _unmarked(folder: HeldFolder, owner: Owner) -> bool:
    """Whether a folder without a mark may be the owner's: nothing says otherwise."""
    match = _OLDER_UID.match(folder.read(_OLDER, _READ_BYTES) or b"")
    try:
        return match is None or json.loads(match[1]) == owner.uid
    except ValueError:
        return False


def _named(found: bytes | None) -> str:
    if found is None:
        return "another run"
    uid, *_ = found.decode(errors="replace").splitlines() or [""]
    return f"run {uid!r} of another journal" if uid else "nothing"
