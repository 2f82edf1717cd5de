"""One row for each image in ``ImageQualityIndicators``, in batches.

The sink asks the database once for each run which rows it has; from then on it sends
only new ones. So a crash between commit and acknowledgement writes no row twice. The
first images of a run are mostly looked at again when it ends: their rows wait for that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, select

from recorder.ispyb.schema import tables as t
from recorder.ispyb.schema.rows import Rows
from recorder.journal import Journal
from recorder.records import Classification, ImageOutcome, Json
from recorder.runs.tables.columns import Columns
from recorder.runtime.log import get_logger

log = get_logger("ispyb")

BATCH = 1000
"""Image rows in one transaction: what a fault repeats at most. Chosen, not tuned."""
LEAST = 100
"""Fewer new images wait for more, unless the run is over."""
LOOK_BACK = 5000
"""Images may be classified so far out of order while a run goes on."""
PROVISIONAL = 512
"""Images from the first whose rows are written when the run is sealed: those that a run
usually looks at again. A row that is there stays, whoever wrote it: of a later image
that was looked at again it has the spots of the first look."""
Begin = Callable[[], AbstractContextManager[Rows]]
Found = Callable[[ImageOutcome], dict[str, Any]]
"""Columns that an image's outcome fills."""


class _Numbers:
    """A set of image numbers, one byte for each: runs have millions."""

    def __init__(self, numbers: Iterable[int]) -> None:
        self._columns = Columns({"there": (np.bool_, False)})
        self.add(list(numbers))

    @property
    def largest(self) -> int:
        """The largest number, 0 if there is none."""
        return max(0, self._columns.size - 1)

    def add(self, numbers: list[int]) -> None:
        """Add numbers from 1 on; what is not positive is left out."""
        positive = [number for number in numbers if number > 0]
        self._columns.size = max([self.largest, *positive]) + 1
        self._columns.reserve(self._columns.size)
        self._columns["there"][positive] = True

    def __contains__(self, number: int) -> bool:
        return 0 < number <= self.largest and bool(self._columns["there"][number])


class ImageRows:
    """Writes the image rows of the runs that go on.

    Args:
        begin: Opens a transaction.
    """

    def __init__(self, begin: Begin) -> None:
        self._begin = begin
        self._written: dict[str, _Numbers] = {}

    def write(
        self,
        journal: Journal,
        uid: str,
        ids: Json,
        now: datetime | None,
        *,
        last: bool,
        found: Found | None = None,
    ) -> None:
        """Write the images of a run that the database does not have.

        Args:
            journal: Where the images are.
            uid: The run's.
            ids: Its ids in the database.
            now: Local time.
            last: The run is sealed: look at all of its images, leave none.
            found: Columns that an image's outcome fills; None: :func:`spots_found`.
        """
        # kept again at the end only: where a commit's answer was lost, it is asked anew
        written = self._written.pop(uid, None)
        with self._begin() as rows:
            column = rows.live.column(t.image_quality.name, "imageNumber")
            if written is None:
                written = _Numbers(_there(rows, ids))
        most = column.maximum if column else 0
        first = 0 if last else written.largest - LOOK_BACK
        if not last:
            first = max(first, PROVISIONAL)
        batch: list[dict[str, Any]] = []
        left_out = 0
        found = found or spots_found
        for image in journal.image_rows(uid, first):
            if image.image_id + 1 in written:
                continue
            if image.image_id >= most:
                left_out += 1
                continue
            batch.append(_values(image, found(image), ids, now))
            if len(batch) == BATCH:
                self._send(batch, written)
                batch = []
        if batch and (last or len(batch) >= LEAST):
            self._send(batch, written)
        if left_out and last:
            log.warning("image_rows_left_out", run=uid, images=left_out, largest=most)
        if not last:
            self._written[uid] = written

    def _send(self, batch: list[dict[str, Any]], written: _Numbers) -> None:
        with self._begin() as rows:
            rows.insert_many(t.image_quality, batch, but_those_there=not _own_key(rows))
        written.add([row["imageNumber"] for row in batch])


def _of_run(rows: Rows, ids: Json) -> ColumnElement[bool]:
    """A run's rows; in ``esrf`` they hang on its program."""
    table = t.image_quality.c
    own = _own_key(rows)
    column = table.autoProcProgramId if own else table.dataCollectionId
    mine: ColumnElement[bool] = (
        column == ids["program_id" if own else "data_collection_id"]
    )
    return mine


def _own_key(rows: Rows) -> bool:
    """Whether rows have ids of their own; else run and image number are the key."""
    column = rows.live.column(t.image_quality.name, "imageQualityIndicatorsId")
    return column is not None


def _there(rows: Rows, ids: Json) -> list[int]:
    """Image numbers that a run has."""
    number = t.image_quality.c.imageNumber
    found = rows.read(select(number).where(_of_run(rows, ids)))
    return [number for (number,) in found if number is not None]


def _values(
    image: ImageOutcome, found: dict[str, Any], ids: Json, now: datetime | None
) -> dict[str, Any]:
    return {
        "dataCollectionId": ids["data_collection_id"],
        "autoProcProgramId": ids.get("program_id"),
        "imageNumber": image.image_id + 1,
        **found,
        "recordTimeStamp": now,
    }


def spots_found(image: ImageOutcome) -> dict[str, Any]:
    """Columns of an image of a serial run."""
    found = image.found
    # nobody looked at an unprocessed image: no spots is not 0 spots
    spots = found.spots if isinstance(image.result, Classification) else None
    return {
        "spotTotal": spots,
        "goodBraggCandidates": spots,
        "method1Res": found.resolution,
        "method2Res": found.resolution,
    }
