"""Serial crystallography: chains, counts, unit cells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated

import numpy as np
from pydantic import Field

from recorder.ispyb.reading.chains import Chain, chains
from recorder.ispyb.reading.events import RunRow, visible_runs
from recorder.ispyb.reading.histograms import Histogram, histogram
from recorder.ispyb.reading.result_files import (
    NO_LATTICE,
    FoundStats,
    ResultFiles,
    read_cells,
    read_stats,
    result_files,
)
from recorder.ispyb.reading.statistics import Counted, counted
from recorder.ispyb.reading.tables import Tables
from recorder.web.pyispyb import parameters as given
from recorder.web.pyispyb.call import After, Asked, Call
from recorder.web.pyispyb.own_runs import OwnRun
from recorder.web.pyispyb.problems import missing

MAX_CELLS = 20_000
"""Unit cells in one answer; of more, every n-th is given. Chosen, not tuned: so many
are 1 MB, and no histogram of 50 bars looks different for it."""
_EMPTY = ResultFiles()


@dataclass(frozen=True, slots=True)
class StatsMetadata:
    """Where counts come from, and whether they grow."""

    source: str = "file"
    """``live``, ``journal``, ``file``, ``rates`` or ``images``."""
    run: int | None = None
    """Its own number."""
    running: bool = False
    knows_indexed: bool = True
    """False: the tables say nothing of indexed images, and ``nbIndexed`` is 0."""


@dataclass(frozen=True, slots=True)
class RunStats:
    """Counts of a run."""

    key: str
    """The run's id as text: py-ISPyB's page keeps no item without it."""
    dataCollectionId: int
    nbHits: int
    nbIndexed: int
    laticeType: str
    estimatedResolution: float
    metadata: Annotated[StatsMetadata, Field(serialization_alias="_metadata")] = field(
        default_factory=StatsMetadata
    )


@dataclass(frozen=True, slots=True)
class Cells:
    """Unit cells of a run: a, b, c in Å, alpha, beta, gamma in degrees."""

    unit_cells: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True)
class CellHistograms:
    """Histograms of the unit cells of runs together; null without any cell."""

    a: Histogram | None
    b: Histogram | None
    c: Histogram | None
    alpha: Histogram | None
    beta: Histogram | None
    gamma: Histogram | None
    dataCollectionIds: tuple[int, ...]


def _files(
    asked: Asked, tables: Tables, runs: Mapping[int, RunRow]
) -> dict[int, ResultFiles]:
    owners = {number: run.owner for number, run in runs.items()}
    return result_files(tables, owners, asked.services.roots)


def event_chain(asked: Asked, tables: Tables) -> tuple[Chain, ...]:
    """`GET /eventchain`."""
    number = asked["dataCollectionId"]
    if not visible_runs(tables, asked.rights, (number,)):
        return ()
    return chains(tables, number)


def stats(asked: Asked, tables: Tables) -> After:
    """`GET /ssx/datacollection/processing/stats`."""
    runs = visible_runs(tables, asked.rights, asked["dataCollectionIds"])
    files = _files(asked, tables, runs)
    percent = asked.settings.ispyb.rates == "percent"
    others = counted(tables, runs, percent=percent)
    own = asked.own_runs(runs)

    def read() -> tuple[RunStats, ...]:
        return tuple(_stats(runs, files, others, own))

    return After(read)


def _stats(
    runs: dict[int, RunRow],
    files: dict[int, ResultFiles],
    others: dict[int, Counted],
    own: dict[int, OwnRun],
) -> Iterator[RunStats]:
    """Of each run of which anything is known."""
    for number, run in runs.items():
        found = read_stats(files.get(number, _EMPTY).stats)
        mine, other = own.get(number), others.get(number)
        if mine is not None:
            yield _of_own(number, mine, found)
        elif found is not None:
            meta = StatsMetadata(run=run.dataCollectionNumber)
            yield _item(number, found.nbHits, found.nbIndexed, found, meta)
        elif other is not None:
            meta = StatsMetadata(
                other.source, run.dataCollectionNumber, False, other.knows_indexed
            )
            yield _item(number, other.hits, other.indexed, None, meta)


def _of_own(number: int, run: OwnRun, found: FoundStats | None) -> RunStats:
    source = "live" if run.live else "journal"
    meta = StatsMetadata(source, run.number, run.running)
    return _item(number, run.hits, run.indexed, found, meta)


def _item(
    number: int, hits: int, indexed: int, found: FoundStats | None, meta: StatsMetadata
) -> RunStats:
    return RunStats(
        str(number),
        number,
        hits,
        indexed,
        found.laticeType if found else NO_LATTICE,
        found.estimatedResolution if found else 0.0,
        meta,
    )


def cells(asked: Asked, tables: Tables) -> After:
    """`GET /ssx/datacollection/processing/cells`."""
    runs = visible_runs(tables, asked.rights, (asked["dataCollectionId"],))
    files = _files(asked, tables, runs)

    def read() -> Cells:
        for known in files.values():
            found = read_cells(known.cells, MAX_CELLS)
            if len(found):
                return Cells(tuple(map(tuple, found.tolist())))
        raise missing("Unit cells")

    return After(read)


def cell_histograms(asked: Asked, tables: Tables) -> After:
    """`GET /ssx/datacollection/processing/cells/histogram`."""
    runs = visible_runs(tables, asked.rights, asked["dataCollectionIds"])
    files = _files(asked, tables, runs)
    share = MAX_CELLS // max(1, len(files)) or 1

    def read() -> CellHistograms:
        there = [read_cells(known.cells, share) for known in files.values()]
        found = np.concatenate([np.empty((0, 6)), *there])
        a, b, c, alpha, beta, gamma = (histogram(found[:, n]) for n in range(6))
        return CellHistograms(a, b, c, alpha, beta, gamma, tuple(runs))

    return After(read)


_RUN = given.whole("dataCollectionId", "The run.", required=True)
_RUNS = given.ids("dataCollectionIds", "The runs.", required=True)
_SSX = "/ssx/datacollection/processing"
SSX_CALLS = (
    Call(
        "/eventchain",
        "Event chains of a run",
        tuple[Chain, ...],
        event_chain,
        parameters=(_RUN,),
        without_null=True,
    ),
    Call(
        f"{_SSX}/stats",
        "Hits and indexed images of runs",
        tuple[RunStats, ...],
        stats,
        parameters=(_RUNS,),
    ),
    Call(
        f"{_SSX}/cells",
        "Unit cells of a run",
        Cells,
        cells,
        parameters=(_RUN,),
        may_miss=True,
    ),
    Call(
        f"{_SSX}/cells/histogram",
        "Histograms of the unit cells of runs",
        CellHistograms,
        cell_histograms,
        parameters=(_RUNS,),
    ),
)
