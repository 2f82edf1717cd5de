"""Statistics of sessions, proposals and beamlines: one answer for all of ``/stats``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from recorder.ispyb.reading.stat_records import (
    Action,
    BeamlineRun,
    Collected,
    Counts,
    HistoryPoint,
    Overview,
    Plottable,
    Plottables,
    SessionOf,
    Stats,
)
from recorder.ispyb.reading.stat_rows import (
    StatFilter,
    actions,
    collected,
    run_of,
    sessions_of,
)
from recorder.ispyb.reading.stat_sums import (
    PARAMETERS,
    ended,
    energy,
    errors,
    histograms,
    hourly,
    hours,
    times,
)
from recorder.ispyb.schema.rows import Rows
from recorder.records.access import Rights


def stats(
    rows: Rows, rights: Rights, wanted: StatFilter, parameter: str = "energy"
) -> Stats | None:
    """Everything that is summed up; None if there is no such session to be seen.

    Args:
        rows: The database.
        rights: Of who asks.
        wanted: Which sessions.
        parameter: Of the histogram, one of :data:`PARAMETERS`.
    """
    sessions = sessions_of(rows, rights, wanted)
    if not sessions:
        return None
    ids = [session.key for session in sessions]
    runs, other = collected(rows, ids), actions(rows, ids)
    average, each = times(sessions, runs, other)
    period = None if wanted.run is None else run_of(rows, wanted.run)
    return Stats(
        average=average,
        sessions=each,
        overview=_overview(sessions, period, runs, other),
        history=_history(runs, other),
        plottables=_plottables(runs),
        totals=errors(runs),
        datacollections=hourly(run.start for run in runs),
        loaded=hourly(
            a.start
            for a in other
            if a.what == "robot" and (a.kind or "").casefold() == "load"
        ),
        parameter=parameter,
        unit=PARAMETERS[parameter].unit,
        beamLines=histograms(parameter, sessions, runs),
    )


def _overview(
    sessions: Sequence[SessionOf],
    period: BeamlineRun | None,
    runs: Sequence[Collected],
    other: Sequence[Action],
) -> Overview:
    done = Counter(action.what for action in other)
    kinds = Counter(run.kind or "" for run in runs)
    counts = Counts(
        datacollections=len(runs),
        failed=sum(ended(run.status) == "failed" for run in runs),
        datacollectionTypes=dict(sorted(kinds.items())),
        robot=done["robot"],
        edge=done["edge"],
        xrf=done["xrf"],
    )
    if period is not None:
        start, end = period.startDate, period.endDate
    else:
        start = min((s.start for s in sessions if s.start is not None), default=None)
        end = max((s.end for s in sessions if s.end is not None), default=None)
    beamlines = {session.beamline for session in sessions}
    only = sessions[0] if len(sessions) == 1 and period is None else None
    return Overview(
        counts,
        start,
        end,
        None if start is None or end is None else hours(start, end),
        beamlines.pop() if len(beamlines) == 1 else None,
        None if only is None else str(only.key),
        None if only is None else only.name,
        None if period is None else period.run,
    )


def _history(
    runs: Sequence[Collected], other: Sequence[Action]
) -> tuple[HistoryPoint, ...]:
    """What has both beginning and end."""
    found = [
        HistoryPoint(
            "dc", run.start, run.end, run.protein, run.sample, run.kind, run.status
        )
        for run in runs
        if run.start is not None and run.end is not None
    ]
    found += [
        HistoryPoint(a.what, a.start, a.end, a.protein, a.sample, a.kind, a.status)
        for a in other
        if a.what != "fault" and a.start is not None and a.end is not None
    ]
    return tuple(found)


def _plottables(runs: Sequence[Collected]) -> Plottables:
    done = [(r, r.start) for r in runs if r.start is not None and r.end is not None]
    series = (
        Plottable("energy", tuple(energy(run.wavelength) for run, _ in done), "eV"),
        Plottable("beamSizeAtSampleX", tuple(run.size_x for run, _ in done)),
        Plottable("beamSizeAtSampleY", tuple(run.size_y for run, _ in done)),
        Plottable("chiStart", tuple(run.chi for run, _ in done)),
        Plottable("phiStart", tuple(run.phi for run, _ in done)),
        Plottable("kappaStart", tuple(run.kappa for run, _ in done)),
    )
    return Plottables(tuple(start for _, start in done), series)
