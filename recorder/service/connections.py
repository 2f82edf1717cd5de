"""Which sources are connected, and which runs need them: for ``recorder status``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from recorder.records import Json, RunState
from recorder.runs.book.binding import meant_source, waits_for_series
from recorder.runs.run import Run
from recorder.sources.link import Link

STATES = {True: "connected", False: "away", None: "unknown"}


def connections(
    links: Mapping[str, Link | None], detectors: Sequence[str], runs: Sequence[Run]
) -> list[Json]:
    """One entry for each source.

    Args:
        links: What each source says of its connection, by name; None: it says nothing.
        detectors: Names of the sources that send images.
        runs: The runs that are not sealed.

    Returns:
        ``name``, ``endpoint`` (empty if unknown), ``state`` (``connected``, ``away`` or
        ``unknown``), ``last_message_s`` (null if none has come), ``runs`` (numbers of
        its runs that are not sealed), ``waited_for_by`` (numbers of the runs that lack
        what only it can send).
    """
    away = {name for name, link in links.items() if link and link.connected is False}
    found = []
    for name, link in links.items():
        age = link.age_s() if link else None
        own = [run for run in runs if run.key is not None and run.key.source == name]
        if name in detectors:
            waiting = [r for r in runs if _waits_for(r, name, detectors, away)]
        else:
            waiting = [r for r in runs if not r.final and r.takes_images]
        found.append(
            {
                "name": name,
                "endpoint": link.endpoint if link else "",
                "state": STATES[link.connected if link else None],
                "last_message_s": None if age is None else round(age, 1),
                "runs": [run.number for run in own],
                "waited_for_by": [run.number for run in waiting],
            }
        )
    return found


def _waits_for(run: Run, name: str, detectors: Sequence[str], away: set[str]) -> bool:
    """Whether a run lacks images that only this detector can send."""
    if run.key is not None:
        return run.key.source == name and run.state is RunState.OPEN
    meant = meant_source(run.announcement, detectors)
    if not waits_for_series(run):
        return False
    return meant == name or (meant is None and away.issuperset(detectors))
