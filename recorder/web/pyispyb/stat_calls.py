"""Statistics; each address answers all of them."""

from __future__ import annotations

from recorder.ispyb.reading import stat_rows
from recorder.ispyb.reading.stat_records import BeamlineRun, Stats
from recorder.ispyb.reading.stat_sums import PARAMETERS
from recorder.ispyb.reading.stats import stats
from recorder.ispyb.reading.tables import Tables
from recorder.web.pyispyb import parameters as given
from recorder.web.pyispyb.call import Asked, Call, Page, listing
from recorder.web.pyispyb.problems import FieldProblem, RequestError, missing
from recorder.web.pyispyb.sample_calls import PROPOSAL, page_of

_OF_WHAT = "give sessionId, session, proposal, or beamLineName with runId"


def all_stats(asked: Asked, tables: Tables) -> Stats:
    """`GET /stats/…`."""
    wanted = stat_rows.StatFilter(
        asked["sessionId"],
        asked["session"],
        asked["proposal"],
        asked["beamLineName"],
        asked["runId"],
    )
    enough = (wanted.session, wanted.name, wanted.proposal)
    if all(one is None for one in enough) and None in (wanted.beamline, wanted.run):
        where = ("query", "sessionId")
        raise RequestError((FieldProblem(where, _OF_WHAT, "missing"),))
    parameter = asked["parameter"] or "energy"
    found = stats(tables.described, asked.rights, wanted, parameter)
    if found is None:
        raise missing("Session")
    return found


def list_runs(asked: Asked, tables: Tables) -> Page[BeamlineRun]:
    """`GET /stats/runs`."""
    found = stat_rows.runs(tables.described, page_of(asked))
    return asked.page(found.total, found.results)


_WHICH = (
    given.text("session", "Name of a session.", given.SESSION),
    given.whole("sessionId", "Number of a session."),
    PROPOSAL,
    given.text("beamLineName", "Of sessions; with `runId`."),
    given.whole("runId", "A period between shutdowns, of `/stats/runs`."),
    given.word("parameter", "Of the histogram.", tuple(PARAMETERS)),
)
_ABOUT = {
    "times": "What the time was used for",
    "breakdown": "What was done",
    "errors": "How data collections ended",
    "hourlies": "Data collections by hour of the day",
    "parameters/histogram": "How often a parameter had which value",
}
STAT_CALLS = (
    *(
        Call(
            f"/stats/{path}",
            about,
            Stats,
            all_stats,
            parameters=_WHICH,
            may_miss=True,
        )
        for path, about in _ABOUT.items()
    ),
    listing("/stats/runs", "Periods between shutdowns", BeamlineRun, list_runs),
)
