"""Where each run of the journal belongs: what decides who may see it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from recorder.config import Settings
from recorder.ispyb.schema.values import local_time
from recorder.journal import Journal, RecordKind, Seq
from recorder.journal.run_index import Headline
from recorder.records.access import RunPlace
from recorder.runs.read_announcement import read_stored

ISPYB = "ispyb"
"""The sink whose session ids those of the rights are; there is one of its kind."""


@dataclass(frozen=True, slots=True)
class _Known:
    """All runs of one journal; replaced as a whole, so that readers need no lock."""

    journal: str = ""
    records: Seq = 0
    """The last record that was looked at."""
    written: Seq = 0
    """The cursor of the ISPyB sink then."""
    places: dict[str, RunPlace] = field(default_factory=dict)
    """By uid, oldest run first."""
    numbers: dict[str, int] = field(default_factory=dict)
    """By uid."""


class Places:
    """Keeps them, and takes in what changed when it is told to; use from any thread.

    Args:
        settings: Say which beamline it is, and its zone.
    """

    def __init__(self, settings: Settings) -> None:
        self.beamline = beamline_of(settings)
        self._zone = ZoneInfo(settings.timezone) if settings.timezone else None
        self._known = _Known()
        self._lock = threading.Lock()

    def of(self, uid: str) -> RunPlace | None:
        """Of one run; None: not known, so nobody but staff may see it."""
        return self._known.places.get(uid)

    def all(self) -> dict[str, RunPlace]:
        """By uid, oldest run first; not to be changed."""
        return self._known.places

    def number(self, uid: str) -> int | None:
        """The number that a run has among its experiment's; None: not known."""
        return self._known.numbers.get(uid)

    def update(self, journal: Journal) -> None:
        """Take in what changed.

        Raises:
            JournalError: It cannot be read.
        """
        with self._lock:
            known = self._known
            if known.journal != journal.id:
                known = _Known(journal.id)
            last, written = journal.last_record(), journal.cursor(ISPYB)
            if (last, written) == (known.records, known.written):
                self._known = known
                return
            new = journal.changed_runs(known.records, (RecordKind.RUN,))
            uids = {uid for uid, _ in new}
            if written != known.written:  # a run has its session once it is written
                uids |= _without_session(known.places)
            heads = {uid: head for uid in uids if (head := journal.headline(uid))}
            found = {uid: self._place(journal, head) for uid, head in heads.items()}
            numbers = known.numbers | {uid: one.number for uid, one in heads.items()}
            order = journal.run_uids() if new else known.places
            places = {
                uid: place
                for uid in order
                if (place := found.get(uid) or known.places.get(uid)) is not None
            }
            self._known = _Known(journal.id, last, written, places, numbers)

    def _place(self, journal: Journal, known: Headline) -> RunPlace:
        """Of a run; what nobody announced belongs to the beamline alone."""
        record = journal.record(known.described)
        body = {} if record is None else record.body
        message = body.get("body") or {}
        told = read_stored(message)
        announced = body.get("announced", told.announced)
        if not announced or not isinstance(message.get("proposal"), str):
            return RunPlace(self.beamline)
        session = told.session_id
        if session is None:
            session = journal.ids(ISPYB, known.uid).get("session_id")
        opened_ns = body.get("opened_ns", known.described_ns)
        opened_ns += body.get("clock_step_ns") or 0
        return RunPlace(
            self.beamline,
            told.proposal,
            told.visit,
            session,
            None
            if session is not None  # then its dates decide nothing
            else local_time(opened_ns, self._zone),
        )


def beamline_of(settings: Settings) -> str:
    """The beamline as ``BLSession.beamLineName`` has it."""
    return settings.ispyb.beamline or settings.beamline


def _without_session(places: dict[str, RunPlace]) -> set[str]:
    return {
        uid for uid, one in places.items() if one.proposal and one.session_id is None
    }
