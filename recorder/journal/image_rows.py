"""The journal's images: one row each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from recorder.errors import JournalError
from recorder.journal.file import DAMAGED, JournalFile
from recorder.records import ImageClass, ImageOutcome
from recorder.records.outcome_codec import JOURNAL_COLUMNS, JournalRow, decode_row

_SELECT = (
    f"SELECT {', '.join(JOURNAL_COLUMNS)} FROM images "
    "JOIN run_ids ON run_ids.id = images.run WHERE uid = ? "
)
MAX_ID = 2**63 - 1
"""The largest number that SQLite has."""
_AT_ONCE = 500
"""Images that one query names: SQLite takes 999 values everywhere."""
_OF_RUN = "WHERE run = (SELECT id FROM run_ids WHERE uid = ?)"


class Images(JournalFile):
    """Reads images, and removes those of old runs."""

    def last_image(self, run: str) -> int | None:
        """Highest image_id of a run, None if it has none."""
        row = self._one(
            "SELECT MAX(image_id) FROM images "
            "WHERE run = (SELECT id FROM run_ids WHERE uid = ?)",
            (run,),
        )
        return None if row[0] is None else int(row[0])

    def image_rows(
        self, run: str, first: int = 0, end: int = MAX_ID
    ) -> Iterator[ImageOutcome]:
        """What became of the images of a run, by image_id.

        Args:
            run: Its uid.
            first: Lowest image_id.
            end: Highest image_id plus one.
        """
        rows = self._query(
            f"{_SELECT} AND image_id >= ? AND image_id < ? ORDER BY image_id",
            (run, first, end),
        )
        return self._decoded(rows)

    def images_named(self, run: str, ids: Sequence[int]) -> Iterator[ImageOutcome]:
        """What became of these images, in any order; those without a row left out.

        Args:
            run: Uid of the run.
            ids: Their image_ids.
        """
        for n in range(0, len(ids), _AT_ONCE):
            some = [int(image_id) for image_id in ids[n : n + _AT_ONCE]]
            marks = ",".join("?" * len(some))
            rows = self._query(f"{_SELECT} AND image_id IN ({marks})", (run, *some))
            yield from self._decoded(rows)

    def indexed_images(self, run: str) -> Iterator[ImageOutcome]:
        """Every image that is indexed."""
        rows = self._query(
            f"{_SELECT} AND outcome = ? ORDER BY image_id", (run, ImageClass.INDEXED)
        )
        return self._decoded(rows)

    def indexed_in(self, run: str, first: int, end: int) -> list[int]:
        """The indexed images of a range, ascending.

        Args:
            run: Uid of the run.
            first: Lowest image_id.
            end: Highest image_id plus one.
        """
        rows = self._query(
            f"SELECT image_id FROM images {_OF_RUN} AND image_id >= ? AND image_id < ? "
            "AND outcome = ? ORDER BY image_id",
            (run, first, end, ImageClass.INDEXED),
        )
        return [int(image_id) for (image_id,) in rows]

    def _decoded(self, rows: Iterator[JournalRow]) -> Iterator[ImageOutcome]:
        try:
            yield from map(decode_row, rows)
        except (KeyError, TypeError, ValueError) as error:
            text = f"{self.path}: an image row cannot be read: {error!r}; {DAMAGED}"
            raise JournalError(text) from error

    def image_count(self, run: str | None = None) -> int:
        """Image rows of a run, None: of all runs."""
        mine = "" if run is None else _OF_RUN
        values = () if run is None else (run,)
        return int(self._one(f"SELECT COUNT(*) FROM images {mine}", values)[0])

    def drop_images(self, run: str, most: int) -> int:
        """Remove at most so many images of a run; how many were removed."""
        with self._transaction() as db:
            done = db.execute(
                "DELETE FROM images WHERE (run, image_id) IN (SELECT run, image_id "
                "FROM images WHERE run = (SELECT id FROM run_ids WHERE uid = ?) "
                "LIMIT ?)",
                (run, most),
            )
            return int(done.rowcount)
