"""The one who decides what is shown: which run, alarm, picture, count, and to whom.

Whatever shows a run asks an :class:`Access`. Somebody who may see the whole beamline
gets what there is; everybody else an answer as it would be if the runs of others were
not there: no name, no number and no count of theirs, and no gap where they were.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from http import HTTPStatus

from starlette.requests import Request

from recorder.errors import NoSuchRunError
from recorder.journal import Journal
from recorder.journal.run_index import Headline
from recorder.records.access import Rights, RunPlace, Scope, same
from recorder.records.cards import RunCard
from recorder.records.run_report import RunReport
from recorder.reports.which_run import UID_PREFIX
from recorder.web.callers import Caller, Kind, caller_of
from recorder.web.places import Places
from recorder.web.problems import ProblemError

KEY = "access"
"""Where the gate puts it: ``scope["state"][KEY]``."""
OF_ALL = ("sink_lag", "parked", "disk")
"""Kinds of alarms whose numbers are those of all runs, whichever goes on."""
MAX_KEPT = 512
"""Accesses that are kept with what they found out, one for each set of rights. Chosen,
not tuned."""


class Access:
    """What somebody may see.

    Args:
        rights: Theirs.
        names: Whether names may be shown: of proposals, samples and people.
        places: Know where each run belongs.
    """

    def __init__(self, rights: Rights, names: bool, places: Places) -> None:
        self.rights = rights
        self.names = names
        self._places = places
        self.whole = rights.sees(RunPlace(places.beamline))
        """They may see each run of the beamline, announced or not."""
        self.all = self.whole and names
        """All is shown to them as it is."""
        here = any(same(places.beamline, name) for name in rights.beamlines)
        some = rights.everything or here or rights.sessions or rights.proposals
        self.nothing = not some
        """No right of theirs can show them any run."""
        self._seen: dict[RunPlace, bool] = {}
        self._own: tuple[Mapping[str, RunPlace], Sequence[str]] = ({}, ())
        """Their runs among those that were known then."""

    def sees(self, uid: str | None) -> bool:
        """Whether they may see a run."""
        if self.whole:
            return True
        place = self._places.of(uid) if uid else None
        return place is not None and self._sees(place)

    def _sees(self, place: RunPlace) -> bool:
        found = self._seen.get(place)
        if found is None:
            found = self._seen[place] = self.rights.sees(place)
        return found

    def is_of(self, uid: str, proposal: str | None) -> bool:
        """Whether a run still belongs to a proposal: it may be announced anew."""
        place = self._places.of(uid)
        return place is not None and same(place.proposal, proposal or "")

    def runs(self) -> Sequence[str]:
        """Uids of the runs that they may see, oldest first."""
        places = self._places.all()
        known, uids = self._own
        if known is not places:
            items = places.items()
            uids = [uid for uid, place in items if self.whole or self._sees(place)]
            self._own = places, uids
        return uids

    def named(self, journal: Journal, name: str) -> Headline:
        """The run that is meant, among those that they may see.

        Args:
            journal: Has it, or not.
            name: Uid, its beginning (6 characters), or a number (the latest of it).

        Raises:
            NoSuchRunError: There is none, or none for them: the same words for both,
                after the same work.
        """
        if self.whole:
            known = next(iter(journal.named(name, UID_PREFIX)[-1:]), None)
        else:
            self.look(journal)
            uid = self._meant(name)
            known = None if uid is None else journal.headline(uid)
        if known is None:
            raise NoSuchRunError(f"run {name[:100]}: not in the journal")
        return known

    def _meant(self, name: str) -> str | None:
        """As :meth:`Journal.named`, by a look at their own runs alone.

        Runs of others of that name would take time, by which they could be counted.
        """
        begins = name if len(name) >= UID_PREFIX else None
        for uid in reversed(self.runs()):
            if name in (uid, str(self._places.number(uid))):
                return uid
            if begins is not None and uid.startswith(begins):
                return uid
        return None

    def cards(self, cards: Iterable[RunCard]) -> tuple[RunCard, ...]:
        """Cards of the runs that they may see.

        ``opened`` counts these runs only, from 1: the number of a journal's record
        would tell how much others recorded meanwhile.
        """
        if self.whole:
            return tuple(cards)
        number = self.numbers()
        return tuple(
            replace(card, opened=number[card.uid])
            for card in cards
            if card.uid in number
        )

    def numbers(self) -> dict[str, int]:
        """What stands for ``opened`` of each run that they may see, oldest first."""
        return {uid: n for n, uid in enumerate(self.runs(), 1)}

    def report(self, report: RunReport) -> RunReport:
        """The report of a run that they may see."""
        if self.whole:
            return report
        own = tuple(alarm for alarm in report.alarms if alarm.kind not in OF_ALL)
        return replace(report, alarms=own)

    def look(self, journal: Journal) -> None:
        """Know the runs as the journal has them now."""
        if not self.whole:
            self._places.update(journal)


class Gate:
    """Makes an :class:`Access` of each caller, one for all who may see the same.

    Args:
        places: Know where each run belongs.
    """

    def __init__(self, places: Places) -> None:
        self._places = places
        self._kept: OrderedDict[tuple[Rights, bool], Access] = OrderedDict()

    def access(self, caller: Caller) -> Access:
        """What a caller may see."""
        key = caller.rights, caller.names
        found = self._kept.get(key)
        if found is None:
            found = self._kept[key] = Access(*key, self._places)
        self._kept.move_to_end(key)
        while len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)
        return found

    def admit(self, request: Request, scope: Scope) -> None:
        """Let somebody through to an address.

        Raises:
            ProblemError: Nobody is signed in (401), or this way in is not made for
                that (403).
        """
        caller = caller_of(request)
        check_scope(caller, scope)
        request.scope["state"][KEY] = self.access(caller)


def check_scope(caller: Caller, scope: Scope) -> None:
    """See that a way in was made for something.

    Raises:
        ProblemError: It was not.
    """
    live_only = caller.kind is Kind.KIOSK and scope is not Scope.READ_LIVE
    if caller.may(scope) and not live_only:
        return
    what = "a screen of the beamline" if caller.kind is Kind.KIOSK else "this token"
    text = f"{what} is not made for {scope}; ask for one that is (recorder token make)"
    raise ProblemError(HTTPStatus.FORBIDDEN, "scope", text)


def access_of(request: Request) -> Access:
    """What the one who asks may see.

    Raises:
        ProblemError: No gate was passed: a defect, and so a refusal.
    """
    found = request.scope.get("state", {}).get(KEY)
    if not isinstance(found, Access):
        raise ProblemError(HTTPStatus.UNAUTHORIZED, "sign-in", "sign in first")
    return found
