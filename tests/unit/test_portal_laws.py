"""Laws of the synchronisation, tried on the embedded database."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from recorder.config import Settings
from recorder.portal.report import Report
from recorder.records import Json
from tests.ispyb import embedded_site
from tests.laws import examples
from tests.portal import Site

EXAMPLES = 25
"""Each synchronises several times, 50 ms each."""
names = st.sampled_from(["Ada", "Bob", "Łuk", "", None])
numbers = st.integers(1, 4)


@st.composite
def persons(draw: st.DrawFn) -> Json:
    """Few enough that they meet; some contradict each other."""
    found: Json = {}
    if draw(st.booleans()):
        found["login"] = draw(st.sampled_from(["ada", "Ada", "bob", "eve"]))
    if "login" not in found or draw(st.booleans()):
        found["externalId"] = draw(numbers)
    for key in ("givenName", "phoneNumber"):
        if draw(st.booleans()):
            found[key] = draw(names)
    if draw(st.integers(0, 3)) == 0:
        found["laboratory"] = {
            "name": draw(st.sampled_from(["Lab", "lab", "Other"])),
            "city": "Grenoble",
            "country": "France",
            **draw(st.sampled_from([{}, {"laboratoryExtPk": 1}, {"url": "x"}])),
        }
    return found


@st.composite
def sessions(draw: st.DrawFn) -> Json:
    found: Json = {draw(st.sampled_from(["externalId", "expSessionPk"])): draw(numbers)}
    optional = {
        "startDate": st.sampled_from(["2026-11-28T08:00:00Z", None]),
        "beamLineName": names,
        "visit_number": st.integers(0, 2),
        "persons": st.lists(persons(), max_size=2),
    }
    for key, values in optional.items():
        if draw(st.booleans()):
            found[key] = draw(values)
    return found


@st.composite
def bodies(draw: st.DrawFn, number: int) -> Json:
    proposal: Json = {"proposalCode": "mx", "proposalNumber": str(number)}
    if draw(st.booleans()):
        proposal["persons"] = draw(st.lists(persons(), min_size=1, max_size=3))
    if draw(st.booleans()):
        proposal["title"] = draw(names)
    found: Json = {"proposal": proposal}
    if draw(st.booleans()):
        found["sessions"] = draw(st.lists(sessions(), max_size=3))
    if draw(st.booleans()):
        acronyms = st.sampled_from(["lyso", "Lyso", "p53"])
        found["proteins"] = draw(
            st.lists(st.fixed_dictionaries({"acronym": acronyms}), max_size=2)
        )
    return found


calls = st.tuples(*(bodies(n) for n in range(1, 4)))


@contextmanager
def site() -> Iterator[Site]:
    """A database of its own."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(state_directory=Path(folder), timezone="Europe/Paris")
        yield Site(settings, embedded_site(Path(folder) / "ispyb.sqlite").rows, "e")


def unnumbered(site: Site) -> Any:
    """All rows by what they say; keys depend on the order in which they were made."""
    people = {r["personId"]: _named(r) for r in site.rows("SELECT * FROM Person")}
    proposals = {
        r["proposalId"]: r["proposalNumber"]
        for r in site.rows("SELECT * FROM Proposal")
    }
    visits = {
        r["sessionId"]: (r["externalId"], r["expSessionPk"], proposals[r["proposalId"]])
        for r in site.rows("SELECT * FROM BLSession")
    }
    links = {"personId": people, "proposalId": proposals, "sessionId": visits}
    own = {"proposalHasPersonId", "proteinId", "labContactId", "laboratoryId"}
    return {
        table: sorted(
            repr(
                {
                    k: links[k].get(v) if k in links else v
                    for k, v in row.items()
                    if k not in own
                }
            )
            for row in rows
        )
        for table, rows in site.everything().items()
    }


def _named(row: Json) -> str:
    return repr({k: v for k, v in row.items() if k not in ("personId", "laboratoryId")})


def counted(report: Report) -> set[str]:
    return {action for counts in report.counts.values() for action in counts}


@given(calls)
@hypothesis(max_examples=examples(EXAMPLES))
def test_the_same_again_changes_nothing(said: tuple[Json, ...]) -> None:
    with site() as here:
        here.sync(*said)
        before = here.everything()
        again = here.sync(*said)
        assert here.everything() == before
        assert counted(again) <= {"unchanged", "skipped"}, again.as_json()


@given(calls, st.randoms(use_true_random=False))
@hypothesis(max_examples=examples(EXAMPLES))
def test_no_order_matters(said: tuple[Json, ...], random: Any) -> None:
    """Of proposals, and of the persons and sessions in them, but for the first, PI."""
    with site() as one, site() as other:
        one.sync(*said)
        turned = json.loads(json.dumps(said))
        random.shuffle(turned)
        for body in turned:
            for part in (body.get("sessions"), body.get("proteins")):
                random.shuffle(part or [])
            for visit in body.get("sessions") or ():
                random.shuffle(visit.get("persons") or [])
        other.sync(*turned)
        assert unnumbered(one) == unnumbered(other)


@given(calls, calls)
@hypothesis(max_examples=examples(EXAMPLES))
def test_an_absent_key_never_changes_a_row(
    first: tuple[Json, ...], then: tuple[Json, ...]
) -> None:
    """What the second call does not name is as the first one left it."""
    with site() as here:
        here.sync(*first)
        before = {r["sessionId"]: r for r in here.rows("SELECT * FROM BLSession")}
        titles = {r["proposalId"]: r for r in here.rows("SELECT * FROM Proposal")}
        links = here.rows("SELECT * FROM Session_has_Person")
        here.sync(*then)
        given_keys = {k for b in then for s in b.get("sessions") or () for k in s}
        for row in here.rows("SELECT * FROM BLSession"):
            for name, value in before.get(row["sessionId"], {}).items():
                assert name in given_keys or row[name] == value
        titled = {"title"} & {k for b in then for k in b["proposal"]}
        with_persons = any("persons" in b["proposal"] for b in then)
        for row in here.rows("SELECT * FROM Proposal"):
            old = titles.get(row["proposalId"], row)
            assert titled or row["title"] == old["title"]
            assert with_persons or row["personId"] == old["personId"]
        now = here.rows("SELECT * FROM Session_has_Person")
        keys = {(r["sessionId"], r["personId"]) for r in now}
        assert {(r["sessionId"], r["personId"]) for r in links} <= keys


@given(calls)
@hypothesis(max_examples=examples(EXAMPLES))
def test_a_dry_run_says_what_happens(said: tuple[Json, ...]) -> None:
    with site() as here:
        dry = here.sync(*said, apply=False)
        real = here.sync(*said)
        assert dry.counts == real.counts and dry.states == real.states


@given(calls, calls)
@hypothesis(max_examples=examples(EXAMPLES))
def test_people_are_never_merged_and_never_lost(
    first: tuple[Json, ...], then: tuple[Json, ...]
) -> None:
    with site() as here:
        here.sync(*first)
        before = {r["personId"]: r for r in here.rows("SELECT * FROM Person")}
        here.sync(*then, close_absent=True)
        after = {r["personId"]: r for r in here.rows("SELECT * FROM Person")}
        for key, row in before.items():
            if row["externalId"] is not None:
                assert after[key]["externalId"] == row["externalId"]
        for name in ("login", "externalId"):
            known = [r[name] for r in after.values() if r[name] is not None]
            folded = [v.casefold() if isinstance(v, str) else v for v in known]
            assert len(folded) == len(set(folded))
