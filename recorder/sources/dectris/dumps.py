"""Recorded streams: multipart messages in files, as other projects keep them.

* ``*.cbors``: CBOR items one after the other, each a list of message parts.
* a folder of ``streamfile_N``: one part a file, in the order of N; a message begins
  with each part that is a JSON object with an ``htype`` that opens one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import cbor2

from recorder.errors import FileFormatError

_OPENERS = ("dheader-", "dimage-", "dseries_end-")


def read_dump(path: Path) -> Iterator[list[bytes]]:
    """Messages of a recorded stream, part by part.

    Raises:
        FileFormatError: The file or folder is none of the known containers.
    """
    yield from _folder(path) if path.is_dir() else _cbor_sequence(path)


def is_dump(path: Path) -> bool:
    """Whether a path looks like a recorded stream."""
    return path.is_dir() or path.suffix == ".cbors"


def _cbor_sequence(path: Path) -> Iterator[list[bytes]]:
    with path.open("rb") as file:
        size = path.stat().st_size
        while file.tell() < size:
            try:
                item = cbor2.load(file, read_size=1)
            except cbor2.CBORError as error:
                raise FileFormatError(
                    f"{path}: not a CBOR sequence: {error}"
                ) from error
            if not isinstance(item, list) or not all(
                isinstance(part, bytes) for part in item
            ):
                raise FileFormatError(f"{path}: an item is no list of message parts")
            yield item


def _folder(path: Path) -> Iterator[list[bytes]]:
    numbered = [
        (int(match[1]), file)
        for file in path.iterdir()
        if (match := re.fullmatch(r"streamfile_(\d+)", file.name))
    ]
    if not numbered:
        raise FileFormatError(f"{path}: no streamfile_N in this folder")
    message: list[bytes] = []
    for _, file in sorted(numbered):
        part = file.read_bytes()
        if message and _opens(part):
            yield message
            message = []
        message.append(part)
    yield message


def _opens(part: bytes) -> bool:
    if len(part) > 10_000 or part[:1] != b"{":
        return False
    try:
        return str(json.loads(part).get("htype", "")).startswith(_OPENERS)
    except ValueError:
        return False
