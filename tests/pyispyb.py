"""Rows of runs that some other program wrote, and routes of py-ISPyB's API."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, Table, insert, update

from recorder.ispyb.schema import tables as t
from recorder.ispyb.schema.live_schema import read_live

ROOT = "/ispyb/api/v1"
SSX = f"{ROOT}/ssx/datacollection/processing"
DONE = "DataCollection Successful"
CELL = (79.1, 79.1, 38.2, 90.0, 90.0, 90.0)


@dataclass(frozen=True)
class Others:
    """Another program that writes into the database.

    Args:
        engine: With every right.
    """

    engine: Engine

    def enter(self, table: Table, **values: Any) -> int:
        """A row; what the flavour does not have is left out."""
        live = read_live(self.engine)
        there = {k: v for k, v in values.items() if live.column(table.name, k)}
        with self.engine.begin() as db:
            made = db.execute(insert(table).values(**there))
            return int((made.inserted_primary_key or (0,))[0] or 0)

    def change(self, table: Table, key: int, **values: Any) -> None:
        """Change columns of a row."""
        (column,) = table.primary_key.columns
        with self.engine.begin() as db:
            db.execute(update(table).where(column == key).values(**values))

    def group(self, session: int, sample: int | None = None, **values: Any) -> int:
        """A group of runs."""
        more = {"experimentType": "SSX-Chip", **values}
        return self.enter(t.group, sessionId=session, blSampleId=sample, **more)

    def run(
        self, group: int, starts: str | None, ends: str | None = None, **values: Any
    ) -> int:
        """A run; without an end it goes on, as far as anybody knows."""
        more = {"runStatus": DONE if ends else None, "numberOfImages": 100, **values}
        return self.enter(
            t.collection,
            dataCollectionGroupId=group,
            startTime=_moment(starts),
            endTime=_moment(ends),
            **more,
        )

    def program(self, run: int, status: Any) -> int:
        """A processing program of a run, linked in both ways that flavours know."""
        key = self.enter(
            t.program,
            dataCollectionId=run,
            processingStatus=status,
            processingPrograms="other",
        )
        self.enter(t.integration, dataCollectionId=run, autoProcProgramId=key)
        return key

    def files(self, program: int, folder: Path, **bodies: Any) -> None:
        """Files of a program: ``ssx_stats`` and ``ssx_cells``, as JSON or as text."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, body in bodies.items():
            text = body if isinstance(body, str) else json.dumps(body)
            (folder / f"{name}.json").write_text(text, encoding="utf-8")
            self.enter(
                t.attachment,
                autoProcProgramId=program,
                fileType="Result",
                fileName=f"{name}.json",
                filePath=str(folder),
            )


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def counts(**changes: Any) -> dict[str, Any]:
    """What is in a file of counts."""
    found = {"nbHits": 40, "nbIndexed": 10, "laticeType": "tP"}
    return {**found, "estimatedResolution": 2.1, **changes}


def ids(found: Mapping[str, Any]) -> list[int]:
    """Ids of the entries of a list, in their order."""
    return [one["id"] for one in found["results"]]
