"""Status and spool as somebody sees them who may see some runs only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from recorder.journal import Journal
from recorder.records import Json
from recorder.reports.life import Life
from recorder.web.access import Access

OF_NOBODY = ("time", "stage", "started", "command", "version", "host")
"""What a sign of life says that is no run's."""


def life_for(life: Life, access: Access) -> Life:
    """What may be said of a daemon: whether it lives, and their own runs.

    Its problems are told in words that name runs, and how many records wait is told
    of all runs: both are the staff's.
    """
    if access.whole:
        return life
    return replace(
        life,
        problems=(),
        sign={name: life.sign[name] for name in OF_NOBODY if name in life.sign},
        waiting={},
        refused=tuple(one for one in life.refused if access.sees(one.uid)),
        open_runs=tuple(run for run in life.open_runs if access.sees(run.uid)),
    )


def spool_for(state: Sequence[Json], access: Access, journal: Journal) -> list[Json]:
    """What was refused of their own runs; what waits is counted over all runs.

    Args:
        state: Of all runs.
        access: Of the one who asks.
        journal: Has the runs.
    """
    if access.whole:
        return list(state)
    access.look(journal)
    return [
        {
            "sink": one["sink"],
            "pending": None,
            "oldest": None,
            "parked": [
                {**p, "seq": None} for p in one["parked"] if access.sees(p["uid"])
            ],
        }
        for one in state
    ]
