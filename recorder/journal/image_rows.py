"""The journal's images: one row each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from recorder.journal.file import JournalFile

_OF_RUN = "WHERE run = (SELECT id FROM run_ids WHERE uid = ?)"


@dataclass(frozen=True, slots=True)
class ImageRow:
    """What became of one image."""

    run: str
    image_id: int
    outcome: str
    start_time_ns: int | None = None
    stop_time_ns: int | None = None
    received_ns: int = 0
    spots: int = 0
    resolution: float | None = None
    background: float | None = None
    saturated: int = 0
    detail: str | None = None
    """JSON: lattices of an indexed image, reason of an unprocessed one."""
    solvent: float | None = None
    learned: int = 0


class Images(JournalFile):
    """Reads images, and removes those of old runs."""

    def image_columns(self, run: str, first: int, end: int) -> list[tuple[Any, ...]]:
        """Columns that a run keeps in memory, detail last, by image_id.

        Args:
            run: Its uid.
            first: Lowest image_id.
            end: Highest image_id plus one.
        """
        return list(
            self._query(
                "SELECT image_id, outcome, start_time_ns, stop_time_ns, spots, "
                "resolution, solvent, detail "
                "FROM images JOIN run_ids ON run_ids.id = images.run WHERE uid = ? "
                "AND image_id >= ? AND image_id < ? ORDER BY image_id",
                (run, first, end),
            )
        )

    def last_image(self, run: str) -> int | None:
        """Highest image_id of a run, None if it has none."""
        row = self._one(
            "SELECT MAX(image_id) FROM images "
            "WHERE run = (SELECT id FROM run_ids WHERE uid = ?)",
            (run,),
        )
        return None if row[0] is None else int(row[0])

    def image_rows(
        self, run: str, image_id: int | None = None, *, after: int = 0
    ) -> Iterator[ImageRow]:
        """Image rows of a run by id, from ``after`` on, or the one asked for."""
        one = "AND image_id >= ? " if image_id is None else "AND image_id = ? "
        rows = self._query(
            "SELECT uid, image_id, outcome, start_time_ns, stop_time_ns, received_ns, "
            "spots, resolution, background, saturated, detail, solvent, learned "
            "FROM images "
            f"JOIN run_ids ON run_ids.id = images.run WHERE uid = ? {one}"
            "ORDER BY image_id",
            (run, after if image_id is None else image_id),
        )
        return (ImageRow(*row) for row in rows)

    def indexed_details(self, run: str, step: int = 1) -> list[str]:
        """Details of every ``step``-th image_id that is indexed."""
        rows = self._query(
            "SELECT detail FROM images JOIN run_ids ON run_ids.id = images.run "
            "WHERE uid = ? AND outcome = 'indexed' AND image_id % ? = 0 "
            "ORDER BY image_id",
            (run, step),
        )
        return [detail for (detail,) in rows if detail]

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
