"""Screenings: what programs found in a few images of a crystal."""

from __future__ import annotations

from sqlalchemy import or_, select

from recorder.ispyb.reading.parts import Found, Page, Part, apart, column, has, paged
from recorder.ispyb.reading.processing_records import Screening
from recorder.ispyb.reading.processings import visible_collections
from recorder.ispyb.schema import read_run_tables as r
from recorder.ispyb.schema.rows import Rows
from recorder.records.access import Rights

_SCREENING = Part(
    r.screening, ("screeningId", "programVersion", "comments", "shortComments")
)


def screenings(
    rows: Rows, rights: Rights, page: Page, collection: int | None
) -> Found[Screening]:
    """Screenings of a collection, or of its group; nothing where none is named.

    Args:
        rows: The database.
        rights: Of who asks.
        page: Which ones.
        collection: The collection.
    """
    live = rows.live
    seen = visible_collections(rows, rights, () if collection is None else [collection])
    if not has(live, r.screening) or not seen:
        return Found(0)
    c = r.collection.c
    of_one = column(live, r.screening, "dataCollectionId") == c.dataCollectionId
    of_all = column(live, r.screening, "dataCollectionGroupId")
    query = (
        select(*_SCREENING.columns(live))
        .select_from(
            r.collection.join(
                r.screening, or_(of_one, of_all == c.dataCollectionGroupId)
            )
        )
        .where(c.dataCollectionId.in_(seen))
        .order_by(r.screening.c.screeningId)
    )
    total, found = paged(rows, query, page)
    taken = (apart(row, (_SCREENING,))[0] for row in found)
    return Found(total, tuple(Screening(**own) for own in taken))
