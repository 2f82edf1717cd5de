"""Hits and indexed images of runs: from files, rates or rows for images."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import case, func, select

from recorder.ispyb.reading.events import RunRow
from recorder.ispyb.reading.tables import Tables, parts
from recorder.ispyb.schema.read_values import as_whole

HIT_SPOTS = 16
"""Spots that an image has at most which is no hit: zocalo's limit, for rows that it
wrote."""


@dataclass(frozen=True, slots=True)
class Counted:
    """What the tables say of a run."""

    hits: int
    indexed: int
    source: str
    """``rates`` or ``images``: which table."""
    knows_indexed: bool = True


@dataclass(frozen=True, slots=True)
class _Rates:
    ssxProcessingResultId: int | None = None
    dataCollectionId: int | None = None
    hitRate: float | None = None
    indexingRate: float | None = None


def counted(
    tables: Tables, runs: Mapping[int, RunRow], *, percent: bool
) -> dict[int, Counted]:
    """Counts of runs as far as tables have them, by the run's id.

    Args:
        tables: The database.
        runs: Which.
        percent: MAX IV's rates are in percent.
    """
    found = dict(_from_rates(tables, runs, 100.0 if percent else 1.0))
    rest = [number for number in runs if number not in found]
    return {**_from_images(tables, rest), **found}


def _from_rates(
    tables: Tables, runs: Mapping[int, RunRow], whole: float
) -> Iterable[tuple[int, Counted]]:
    """MAX IV's: the newest result of a run that has rates."""
    rows = tables.by_id(_Rates, "SSXProcessingResult", "dataCollectionId", runs)
    for number, results in rows.items():
        images = runs[number].numberOfImages or 0
        for result in sorted(results, key=lambda r: -(r.ssxProcessingResultId or 0)):
            if result.hitRate is None:
                continue
            hits = _share(result.hitRate / whole, images)
            indexed = _share((result.indexingRate or 0.0) / whole, images)
            knows = result.indexingRate is not None
            yield number, Counted(hits, min(indexed, hits), "rates", knows)
            break


def _share(rate: float, images: int) -> int:
    return round(min(max(rate, 0.0), 1.0) * images)


def _from_images(tables: Tables, ids: list[int]) -> dict[int, Counted]:
    """Diamond's: a row for each image, which does not say whether it was indexed."""
    row = tables.table("ImageQualityIndicators")
    found: dict[int, Counted] = {}
    if not (row.has("dataCollectionId") and row.has("spotTotal")):
        return found
    key = row["dataCollectionId"]
    hit = func.sum(case((row["spotTotal"] > HIT_SPOTS, 1), else_=0))
    for part in parts(ids):
        query = select(key.label("run"), hit.label("hits")).select_from(row.clause)
        for line in tables.rows(query.where(key.in_(part)).group_by(key)):
            run, hits = as_whole(line["run"]), as_whole(line["hits"])
            if run is not None:
                found[run] = Counted(hits or 0, 0, "images", knows_indexed=False)
    return found
