"""Writes pictures and sums into the live folder; used by one thread."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from recorder.live.folder import replace_in
from recorder.records import Json
from recorder.records.live import PreviewImage
from recorder.records.pictures import Picture, digest_of
from recorder.runtime.log import get_logger
from recorder.ssx.preview.binning import binning
from recorder.ssx.preview.grey import grey_of_sums
from recorder.ssx.preview.png import png
from recorder.ssx.preview.spot_sums import (
    INTENSITY_EDGES,
    MARK,
    RESOLUTION_EDGES,
    SpotSums,
)

log = get_logger("service")

SUMS_S = 2.0
"""Seconds between two pictures of the sums of a run: they change slowly, and take as
long as a picture of an image. Chosen, not tuned."""
_MOST_RUNS = 2
"""Runs whose sums are kept (1 or 2 MB each): the last images of a run may come after
the first of the next one."""


@dataclass(frozen=True, slots=True, eq=False)
class NewPicture:
    """A picture that is to be written."""

    preview: PreviewImage
    picture: Picture


@dataclass(eq=False)
class NewSpots:
    """Spots of the hits of one run that are to be added up."""

    number: int
    """Of the run."""
    uid: str
    began: tuple[float, int]
    """When the run began; a later one is greater. Numbers begin anew with each
    experiment."""
    shape: tuple[int, int]
    """(slow, fast) of its images."""
    images: list[bytes] = field(default_factory=list)
    """Of each hit, of type ``MARK``."""


@dataclass(eq=False)
class _RunSums:
    number: int
    began: tuple[float, int]
    sums: SpotSums
    serial: int
    """See :func:`next_serial`."""


class PictureFiles:
    """Keeps the newest pictures and sums in a folder.

    Args:
        folder: Made where it is missing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._sums: dict[str, _RunSums] = {}
        self._next_sums = 0.0
        self._failing = False
        self.unwritten = False
        """The sums are newer than their pictures."""

    def write(
        self, pictures: Sequence[NewPicture], spots: Sequence[NewSpots], last: bool
    ) -> set[PreviewImage]:
        """Write what is new.

        Args:
            pictures: Of images.
            spots: Of hits.
            last: Nothing more comes: the sums are written, too.

        Returns:
            The pictures that can be read now. A folder that cannot be written is
            logged once.
        """
        for new in spots:
            self._add(new)
        written: set[PreviewImage] = set()
        try:
            for one in pictures:
                self._write_picture(one)
                written.add(one.preview)
            now = time.monotonic()
            if self.unwritten and (last or now >= self._next_sums):
                self._next_sums = now + SUMS_S
                self._write_sums()
                self.unwritten = False
        except OSError as error:
            self._say(error)
        return written

    def _add(self, new: NewSpots) -> None:
        known = self._sums.get(new.uid)
        if known is None or known.sums.shape != new.shape:
            sums = SpotSums(new.shape)
            known = _RunSums(new.number, new.began, sums, 0)
            self._sums[new.uid] = known
            for old in sorted(self._sums, key=self._began)[:-_MOST_RUNS]:
                del self._sums[old]
        spots = np.frombuffer(b"".join(new.images), MARK)
        known.sums.add(spots, len(new.images))
        self.unwritten = True

    def _began(self, uid: str) -> tuple[float, int]:
        return self._sums[uid].began

    def _write_picture(self, one: NewPicture) -> None:
        preview = one.preview
        body = {
            "run": preview.run,
            "uid": preview.uid,
            "image_id": preview.image_id,
            "serial": preview.serial,
            "digest": digest_of(one.picture.png),
            **one.picture.body,
        }
        # who reads of the new one finds it
        self._replace(f"preview-{preview.which}.png", one.picture.png)
        self._replace(f"preview-{preview.which}.json", _json(body))

    def _write_sums(self) -> None:
        """Of the newest run that has hits."""
        uid = max(self._sums, key=self._began)
        newest = self._sums[uid]
        newest.serial = next_serial(newest.serial)
        sums = newest.sums
        head = {
            "run": newest.number,
            "uid": uid,
            "hits": sums.hits,
            "serial": newest.serial,
        }
        height, width = sums.powder.shape
        picture = png(grey_of_sums(sums.powder))
        powder = {
            **head,
            "width": width,
            "height": height,
            "binning": binning(sums.shape),
            "detector": list(sums.shape),
            "digest": digest_of(picture),
        }
        peakogram = {
            **head,
            "resolution_edges": np.round(RESOLUTION_EDGES, 4).tolist(),
            "intensity_edges": np.round(INTENSITY_EDGES, 2).tolist(),
            "counts": sums.peakogram.tolist(),
        }
        self._replace("powder.png", picture)
        self._replace("powder.json", _json(powder))
        self._replace("peakogram.json", _json(peakogram))

    def _replace(self, name: str, body: bytes) -> None:
        replace_in(self._folder, name, body)
        self._failing = False

    def _say(self, error: OSError) -> None:
        if self._failing:
            return
        self._failing = True
        log.warning(
            "pictures_not_written",
            path=str(self._folder),
            error=str(error),
            hint="the page shows older pictures; free space there or mend the folder's "
            "owner. Recording goes on",
        )


def next_serial(last: int) -> int:
    """Of a new picture: it grows, from one daemon to the next, too.

    The time in ms, since a count would tell how many pictures of others there were.
    """
    return max(last + 1, time.time_ns() // 10**6)


def _json(body: Json) -> bytes:
    return json.dumps(body, separators=(",", ":"), allow_nan=False).encode()
