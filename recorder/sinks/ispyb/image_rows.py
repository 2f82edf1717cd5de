"""One row for each image in ``ImageQualityIndicators``, in batches.

What is there is asked of the database once for each run; from then on only what is new
is sent. A crash between commit and acknowledgement so writes no row twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

from sqlalchemy import select

from recorder.journal import ImageRow, Journal
from recorder.log import get_logger
from recorder.records import Json
from recorder.sinks.ispyb import tables as t
from recorder.sinks.ispyb.rows import Rows

log = get_logger("ispyb")

BATCH = 1000
LEAST = 100
"""Fewer new images wait for more, unless the run is over."""
LOOK_BACK = 5000
"""Images may be classified so far out of order while a run goes on."""
Begin = Callable[[], AbstractContextManager[Rows]]


class ImageRows:
    """Writes the image rows of the runs that go on.

    Args:
        begin: Opens a transaction.
    """

    def __init__(self, begin: Begin) -> None:
        self._begin = begin
        self._written: dict[str, set[int]] = {}

    def write(
        self, journal: Journal, uid: str, ids: Json, now: datetime | None, *, last: bool
    ) -> None:
        """Write the images of a run that the database does not have.

        Args:
            journal: Where the images are.
            uid: The run's.
            ids: Its ids in the database.
            now: Local time.
            last: The run is sealed: look at all of its images, leave none.
        """
        # kept again at the end only: where a commit's answer was lost, it is asked anew
        written = self._written.pop(uid, None)
        if written is None:
            with self._begin() as rows:
                written = set(_there(rows, ids))
        after = 0 if last else max(written, default=0) - LOOK_BACK
        new = [
            row for row in journal.image_rows(uid, after=after)
            if row.image_id + 1 not in written
        ]  # fmt: skip
        if len(new) >= LEAST or last:
            for batch in _batches(self._storable(uid, new)):
                with self._begin() as rows:
                    values = [_values(row, ids, now) for row in batch]
                    rows.insert_many(t.image_quality, values)
                written.update(row.image_id + 1 for row in batch)
        if not last:
            self._written[uid] = written

    def _storable(self, uid: str, new: list[ImageRow]) -> list[ImageRow]:
        with self._begin() as rows:
            column = rows.live.column(t.image_quality.name, "imageNumber")
        most = column.maximum if column else 0
        fits = [row for row in new if row.image_id < most]
        if len(fits) < len(new):
            log.warning("image_rows_left_out", run=uid, images=len(new) - len(fits),
                        largest=most)  # fmt: skip
        return fits


def _there(rows: Rows, ids: Json) -> list[int]:
    """Image numbers that a run has; in ``esrf`` they hang on its program."""
    table = t.image_quality.c
    if rows.live.column(t.image_quality.name, "imageQualityIndicatorsId"):
        mine = table.autoProcProgramId == ids["program_id"]
    else:
        mine = table.dataCollectionId == ids["data_collection_id"]
    return [
        int(n) for n in rows.execute(select(table.imageNumber).where(mine)).scalars()
    ]


def _batches(rows: Sequence[ImageRow]) -> Iterator[Sequence[ImageRow]]:
    for first in range(0, len(rows), BATCH):
        yield rows[first : first + BATCH]


def _values(row: ImageRow, ids: Json, now: datetime | None) -> dict[str, Any]:
    return {
        "dataCollectionId": ids["data_collection_id"],
        "autoProcProgramId": ids.get("program_id"),
        "imageNumber": row.image_id + 1,
        "spotTotal": row.spots,
        "goodBraggCandidates": row.spots,
        "method1Res": row.resolution,
        "method2Res": row.resolution,
        "recordTimeStamp": now,
    }
