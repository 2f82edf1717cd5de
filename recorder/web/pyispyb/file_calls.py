"""Files that rows name: attachments of data collections, pictures of samples.

They are served from where files may lie (``web.file_roots``), to who may see the row,
and never as something that a browser would run.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from http import HTTPStatus
from pathlib import PurePosixPath
from urllib.parse import quote

from anyio import to_thread
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from recorder.ispyb.reading.named_files import NamedFile, OpenFile
from recorder.ispyb.reading.run_data import attachment
from recorder.ispyb.reading.sample_parts import image_file
from recorder.ispyb.reading.tables import Tables
from recorder.records.access import Scope as Needed
from recorder.web.answers import HEADERS
from recorder.web.problems import ProblemError
from recorder.web.pyispyb import parameters as given
from recorder.web.pyispyb import problems
from recorder.web.pyispyb.call import After, Asked, Call

BLOCK = 256 << 10
"""Bytes that are read and sent at once. Chosen, not tuned."""
PICTURES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
}
"""What browsers show, by the end of the name; of the rest they keep a copy."""
TEXTS = (".txt", ".log", ".json", ".csv", ".dat")
PLAIN, BYTES = "text/plain; charset=utf-8", "application/octet-stream"
NONE = ProblemError(
    HTTPStatus.NOT_FOUND,
    "missing",
    "File not found: there is none, none that you may see, or it lies in no folder of "
    "web.file_roots (the log of the page says which)",
)


class FileAnswer(Response):
    """Sends a file piece by piece, whatever its size.

    Args:
        file: Which one.
    """

    def __init__(self, file: NamedFile) -> None:
        super().__init__()
        self._file = file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        with ExitStack() as stack:
            opened = await to_thread.run_sync(stack.enter_context, self._file.opened())
            if opened is None:  # it went away this moment
                await problems.of(NONE)(scope, receive, send)
                return
            headers = _headers(self._file.path, opened.size)
            start = {"type": "http.response.start", "status": 200, "headers": headers}
            await send(start)
            place = 0
            while place < opened.size:
                part = await to_thread.run_sync(_part, opened, place)
                if not part:  # it was cut short; so is the answer
                    return
                place += len(part)
                more = place < opened.size
                await send(
                    {"type": "http.response.body", "body": part, "more_body": more}
                )
            if not opened.size:
                await send({"type": "http.response.body", "body": b""})


def _part(file: OpenFile, place: int) -> bytes:
    try:
        return os.pread(file.number, min(BLOCK, file.size - place), place)
    except OSError:
        return b""


def _headers(path: str, size: int) -> list[tuple[bytes, bytes]]:
    name = PurePosixPath(path).name
    end = PurePosixPath(name).suffix.lower()
    shown = end in PICTURES
    kind = PICTURES.get(end, PLAIN if end in TEXTS else BYTES)
    where = "inline" if shown else "attachment"
    found = {
        **HEADERS,
        "content-type": kind,
        "content-length": str(size),
        "content-disposition": f"{where}; filename*=UTF-8''{quote(name, safe='')}",
    }
    return [(key.encode(), value.encode()) for key, value in found.items()]


def attachment_file(asked: Asked, tables: Tables) -> After:
    """`GET /datacollections/attachments/{dataCollectionFileAttachmentId}`."""
    number, roots = asked["dataCollectionFileAttachmentId"], asked.services.roots
    return _after(attachment(tables.described, asked.rights, number, roots))


def picture_file(asked: Asked, tables: Tables) -> After:
    """`GET /samples/images/{blSampleImageId}`."""
    number, roots = asked["blSampleImageId"], asked.services.roots
    return _after(image_file(tables.described, asked.rights, number, roots))


def _after(file: NamedFile) -> After:
    """The answer, once it is known that there is one."""

    def work() -> FileAnswer:
        with file.opened() as found:
            if found is None:
                raise NONE
        return FileAnswer(file)

    return After(work)


FILE_CALLS = (
    Call(
        "/datacollections/attachments/{dataCollectionFileAttachmentId}",
        "A file of a data collection",
        None,
        attachment_file,
        parameters=(
            given.whole("dataCollectionFileAttachmentId", "Of the file.", place="path"),
        ),
        scope=Needed.READ_IMAGES,
        media=(*PICTURES.values(), "text/plain", BYTES),
    ),
    Call(
        "/samples/images/{blSampleImageId}",
        "A picture of a sample",
        None,
        picture_file,
        parameters=(given.whole("blSampleImageId", "Of the picture.", place="path"),),
        scope=Needed.READ_IMAGES,
        media=(*PICTURES.values(), "text/plain", BYTES),
    ),
)
