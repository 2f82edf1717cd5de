"""The two JSON files of a run that py-ISPyB reads, whoever wrote them.

Their paths come from the database: only a regular file of the expected name is opened,
where files of the run may lie (:mod:`recorder.ispyb.reading.named_files`); never more
than so many bytes of it are read, and what is not as it must be is no file.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import Select, select

from recorder.ispyb.reading.named_files import FileOwner, FileRoots, NamedFile
from recorder.ispyb.reading.tables import Tables, parts, record
from recorder.ispyb.schema.read_values import as_float

STATS, CELLS = "ssx_stats.json", "ssx_cells.json"
NO_LATTICE = "unknown"
"""Lattice type where none is said."""
MAX_COUNT = 2**31 - 1
"""Images of a run at most: ISPyB's column is of type INT."""
MAX_STATS = 64 << 10
"""Bytes of a file of counts; one has about 100."""
WHOLE = 2 << 20
"""Bytes of a file of cells that is read as a whole: about 45,000 cells."""
BLOCK = 64 << 10
"""Bytes of a part of a longer one: about 1400 cells."""
BLOCKS = 32
"""Parts of it, spread evenly: as much as of a file that is read as a whole."""
_NUMBER = rb"-?\d{1,12}(?:\.\d{0,20})?(?:[eE][+-]?\d{1,3})?"
_CELL = re.compile(
    rb"\[\s*" + rb"\s*,\s*".join([rb"(" + _NUMBER + rb")"] * 6) + rb"\s*\]"
)
Floats = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class FoundStats:
    """Counts of a file."""

    nbHits: int
    nbIndexed: int
    laticeType: str
    estimatedResolution: float


@dataclass(frozen=True, slots=True)
class ResultFiles:
    """Where the files of a run are said to be, the latest first."""

    stats: tuple[NamedFile, ...] = ()
    cells: tuple[NamedFile, ...] = ()


@dataclass(frozen=True, slots=True)
class _Attached:
    """A row that names a file."""

    run: int = 0
    number: int = 0
    folder: str = ""
    name: str = ""


def result_files(
    tables: Tables, runs: Mapping[int, FileOwner], roots: FileRoots
) -> dict[int, ResultFiles]:
    """Where the files of runs are, by the run's id.

    Args:
        tables: The database.
        runs: Whose they are, by the run's id.
        roots: Know where files may lie.
    """
    known = list(runs)
    found: dict[int, list[tuple[int, str, str]]] = {}
    for query, key in _queries(tables):
        for part in parts(known):
            for row in tables.rows(query.where(key.in_(part))):
                one = record(_Attached, row)
                if one.folder.startswith("/") and one.name in (STATS, CELLS):
                    path = (one.number, one.name, f"{one.folder}/{one.name}")
                    found.setdefault(one.run, []).append(path)
    return {
        run: _sorted(paths, runs[run], roots)
        for run, paths in found.items()
        if run in runs
    }


def _queries(tables: Tables) -> Iterable[tuple[Select[Any], Any]]:
    """Attachments of programs, linked in two ways, and those of results."""
    file = tables.table("AutoProcProgramAttachment")
    program, link = tables.table("AutoProcProgram"), tables.table("AutoProcIntegration")
    result = tables.table("SSXProcessingResult")
    more = tables.table("SSXProcessingResultAttachment")
    key = "autoProcProgramId"
    for owner, its, name, number in (
        (program, file, key, "autoProcProgramAttachmentId"),
        (link, file, key, "autoProcProgramAttachmentId"),
        (result, more, "ssxProcessingResultId", "ssxProcessingResultAttachmentId"),
    ):
        if not (owner.has("dataCollectionId") and owner.has(name) and its.has(name)):
            continue
        run = owner["dataCollectionId"]
        yield (
            select(
                run.label("run"),
                its[number].label("number"),
                its["filePath"].label("folder"),
                its["fileName"].label("name"),
            )
            .select_from(owner.clause.join(its.clause, its[name] == owner[name]))
            .where(its["fileName"].in_((STATS, CELLS))),
            run,
        )


def _sorted(
    paths: list[tuple[int, str, str]], owner: FileOwner, roots: FileRoots
) -> ResultFiles:
    ordered = sorted(set(paths), reverse=True)
    stats = dict.fromkeys(path for _, name, path in ordered if name == STATS)
    cells = dict.fromkeys(path for _, name, path in ordered if name == CELLS)
    return ResultFiles(
        tuple(roots.named(path, owner) for path in stats),
        tuple(roots.named(path, owner) for path in cells),
    )


def read_stats(files: Iterable[NamedFile]) -> FoundStats | None:
    """The counts of the first file that has them; None if none has."""
    for file in files:
        body = _read(file, MAX_STATS)
        found = None if body is None else parse_stats(body)
        if found is not None:
            return found
    return None


def parse_stats(body: bytes) -> FoundStats | None:
    """The counts of a file; None where one is missing or is none."""
    value = _json(body)
    if not isinstance(value, dict):
        return None
    hits, indexed = _count(value.get("nbHits")), _count(value.get("nbIndexed"))
    if hits is None or indexed is None:
        return None
    resolution, lattice = value.get("estimatedResolution"), value.get("laticeType")
    return FoundStats(
        hits,
        indexed,
        lattice if isinstance(lattice, str) else NO_LATTICE,
        as_float(resolution) or 0.0,
    )


def _count(value: Any) -> int | None:
    """A number of images; None for what is none."""
    good = isinstance(value, int) and not isinstance(value, bool)
    return value if good and 0 <= value <= MAX_COUNT else None


def read_cells(
    files: Iterable[NamedFile], most: int
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Unit cells of the first file that has any.

    Args:
        files: Which ones, the best first.
        most: How many at most; of more, every n-th is given.

    Returns:
        Cells, float64 of shape (n, 6), in Å and degrees; n is 0 if no file has any.
    """
    for file in files:
        found = cells_of(file)
        if len(found):
            step = -(-len(found) // most)
            return found[::step]
    return np.empty((0, 6))


def cells_of(file: NamedFile) -> Floats:
    """Unit cells of a file, or of parts of a long one; as :func:`read_cells`."""
    body = _read(file, WHOLE)
    if body is None:
        bodies = _blocks(file)
    else:
        value = _json(body)
        if not isinstance(value, dict) or "unit_cells" not in value:
            return np.empty((0, 6))
        bodies = [body]
    rows = [tuple(map(float, row)) for body in bodies for row in _CELL.findall(body)]
    found = np.array(rows, dtype=np.float64).reshape(-1, 6)
    return found[np.isfinite(found).all(axis=1)]


def _read(file: NamedFile, most: int) -> bytes | None:
    """A file as a whole; None where it is away or longer."""
    with file.opened() as found:
        if found is None or found.size > most:
            return None
        try:
            body = os.pread(found.number, most + 1, 0)
        except OSError:
            return None
    return body if len(body) <= most else None


def _blocks(file: NamedFile) -> list[bytes]:
    """Parts of a long file."""
    with file.opened() as found:
        if found is None:
            return []
        last = max(0, found.size - BLOCK)
        places = np.linspace(0, last, BLOCKS, dtype=np.int64)
        try:
            return [os.pread(found.number, BLOCK, int(place)) for place in places]
        except OSError:
            return []


def _json(body: bytes) -> Any:
    """What it says; None for half a file."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
