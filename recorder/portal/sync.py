"""Synchronise: what a portal says becomes rows, each proposal in one transaction."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from zoneinfo import ZoneInfo

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from recorder.config import Settings
from recorder.errors import RecorderError, SinkUnavailableError
from recorder.ispyb.schema.database import explain
from recorder.ispyb.schema.server_errors import ANOTHER_WORKS, error_code
from recorder.portal.account import opened
from recorder.portal.bodies import BodyError, body_of
from recorder.portal.change_log import NAME as LOG_NAME
from recorder.portal.change_log import ChangeLog
from recorder.portal.distinct import refuse_doubles
from recorder.portal.json_text import Document
from recorder.portal.lock import one_at_a_time
from recorder.portal.memory import NAME as MEMORY_NAME
from recorder.portal.memory import Memory
from recorder.portal.objects import Objects
from recorder.portal.one_proposal import OneProposal, ProposalError
from recorder.portal.people import People
from recorder.portal.place import Place, look
from recorder.portal.proposals import Held, load
from recorder.portal.report import Action, Entry, Outcome, Report, State
from recorder.portal.rows import ConflictError, DatabaseWriter, NoWriter, Reader
from recorder.portal.texts import Reading
from recorder.portal.wanted import Body
from recorder.runtime.log import get_logger

log = get_logger("portal")

BATCH = 100
"""Proposals whose rows are read at once: few enough that nobody changes them meanwhile,
enough that the queries cost nothing. Chosen, not tuned."""
TRIES = 3
"""Times that a proposal is written when somebody else changes the same rows."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for."""

    by: str
    """Who asks."""
    origin: str
    """Where it comes from: a file, a portal's name, an address."""
    apply: bool = True
    """Write; else only say what would be written."""
    close_absent: bool = False
    """Remove links to persons that the portal does not name any more."""


def synchronise(
    settings: Settings, documents: Sequence[Document], wish: Wish
) -> Report:
    """Bring the database up to what documents say.

    Args:
        settings: The whole configuration; the account is that of ``sync``.
        documents: What came.
        wish: What is asked for.

    Returns:
        What became of each proposal. If the database goes away meanwhile, the others
        are reported as not tried.

    Raises:
        ConfigError: No account is configured.
        SinkError: The database is not what we can write.
        SinkUnavailableError: It cannot be reached, or denies a right; nothing was
            written.
    """
    begun = time.monotonic()
    report = Report(wish.apply, wish.by, wish.origin, datetime.now(UTC))
    bodies = _bodies(settings, documents, report)
    with opened(settings, wish) as engine, _lock(engine, wish):
        zone = ZoneInfo(settings.timezone) if settings.timezone else None
        now = report.at.astimezone(zone).replace(microsecond=0, tzinfo=None)
        place = look(engine, now, writing=wish.apply, closing=wish.close_absent)
        _Synchronisation(settings, engine, place, wish, report).run(bodies)
        report.notes += sorted(place.notes)
    report.seconds = time.monotonic() - begun
    return report


@contextmanager
def _lock(engine: Engine, wish: Wish) -> Iterator[None]:
    if not wish.apply:
        yield
        return
    with one_at_a_time(engine):
        yield


def _bodies(
    settings: Settings, documents: Sequence[Document], report: Report
) -> list[tuple[Body, Outcome]]:
    """The bodies that can be used; the others' outcomes say why not."""
    zone = ZoneInfo(settings.timezone) if settings.timezone else None
    reading = Reading(zone, settings.sync.dates == "convert")
    found = []
    for document in documents:
        outcome = Outcome(document.where, "", State.REFUSED)
        report.outcomes.append(outcome)
        try:
            body = body_of(document, reading)
        except BodyError as error:
            outcome.reason = str(error)
            continue
        outcome.name = body.name
        found.append((body, outcome))
    where = settings.timezone or "this host's zone"
    if reading.naive:
        report.notes.append(f"{reading.naive} dates without zone: local time ({where})")
    if reading.dropped:
        report.notes.append(f"{reading.dropped} dates whose zone was dropped")
    report.notes += [f"{key}: not used" for key in sorted(reading.ignored)]
    return refuse_doubles(found)


class _Synchronisation:
    """One call."""

    def __init__(
        self,
        settings: Settings,
        engine: Engine,
        place: Place,
        wish: Wish,
        report: Report,
    ) -> None:
        self._engine = engine
        self._place = place
        self._wish = wish
        self._report = report
        self._keys = count(-1, -1)
        folder = settings.state_directory
        self._log = ChangeLog(folder / LOG_NAME, wish.by, wish.origin)
        self._memory_path = folder / MEMORY_NAME
        self._memory = Memory.read(self._memory_path)
        self._database = engine.url.render_as_string(hide_password=True)

    def run(self, bodies: Sequence[tuple[Body, Outcome]]) -> None:
        """Write all of them, each by itself."""
        for _, outcome in bodies:
            outcome.state, outcome.reason = State.NOT_TRIED, "the database went away"
        people = People([body for body, _ in bodies], self._place)
        try:
            with self._reader() as reader:
                people.load(reader)
                self._place.load_targets(reader, (body for body, _ in bodies))
            for first in range(0, len(bodies), BATCH):
                self._batch(bodies[first : first + BATCH], people)
        except SinkUnavailableError as error:
            log.warning(
                "portal_sync_stopped",
                error=str(error),
                hint="what was written is whole; synchronise again",
            )
            self._report.notes.append(f"stopped: {error}")
        finally:
            if self._wish.apply:
                self._memory.write(self._memory_path)

    @contextmanager
    def _reader(self) -> Iterator[Reader]:
        try:
            with self._engine.connect() as connection:
                yield Reader(connection, self._place.live)
        except SQLAlchemyError as error:
            raise explain(self._engine, error) from error

    def _batch(self, bodies: Sequence[tuple[Body, Outcome]], people: People) -> None:
        with self._reader() as reader:
            held = load(reader, [body for body, _ in bodies])
        for (body, outcome), found in zip(bodies, held, strict=True):
            outcome.reason = ""
            if isinstance(found, str):
                outcome.state, outcome.reason = State.REFUSED, found
            else:
                self._proposal(body, outcome, found, people)

    def _proposal(
        self, body: Body, outcome: Outcome, held: Held, people: People
    ) -> None:
        """One proposal; again if somebody else changed the same rows meanwhile."""
        for left in reversed(range(TRIES)):
            entries: list[Entry] = []
            people.begin()
            try:
                self._transaction(body, held, people, entries)
            except (
                ProposalError,
                RecorderError,
                SQLAlchemyError,
                ConflictError,
            ) as error:
                people.undo()
                if left and _passes(error):
                    held = self._again(body, people) or held
                    continue
                self._failed(outcome, entries, error)
                return
            outcome.entries = entries
            self._done(body, outcome)
            return

    def _transaction(
        self, body: Body, held: Held, people: People, entries: list[Entry]
    ) -> None:
        if not self._wish.apply:
            writer = NoWriter(self._keys)
            objects = Objects(self._place, people, writer, entries)
            OneProposal(body, held, objects, self._wish.close_absent).write()
            return
        logged = False
        try:
            with self._engine.connect() as connection, connection.begin():
                objects = Objects(
                    self._place, people, DatabaseWriter(connection), entries
                )
                OneProposal(body, held, objects, self._wish.close_absent).write()
                logged = True
                self._log.add(body.name, entries, datetime.now(UTC))
        except BaseException:
            if logged:
                self._log.undone(body.name, datetime.now(UTC))
            raise

    def _again(self, body: Body, people: People) -> Held | None:
        """The rows as they are now."""
        with self._reader() as reader:
            people.load(reader)
            (found,) = load(reader, [body])
        return found if isinstance(found, Held) else None

    def _failed(
        self, outcome: Outcome, entries: Sequence[Entry], error: Exception
    ) -> None:
        """Nothing of it is written; if the database is away, nothing of the rest."""
        if isinstance(error, SQLAlchemyError):
            explained = explain(self._engine, error)
            if isinstance(explained, SinkUnavailableError):
                outcome.state, outcome.reason = State.NOT_TRIED, str(explained)
                raise explained from error
            error = explained
        outcome.state, outcome.reason = State.REFUSED, str(error)
        outcome.entries = [e for e in entries if e.action is Action.SKIPPED]

    def _done(self, body: Body, outcome: Outcome) -> None:
        counts = outcome.counts
        written = counts["created"] + counts["changed"] + counts["closed"]
        outcome.state = State.WRITTEN if written else State.UNCHANGED
        key = f"{self._database} {body.name}"
        content, when = self._memory.proposals.get(key, ("", ""))
        if written and content == body.content:
            outcome.reason = f"the database was changed since the same came at {when}"
        if not self._wish.apply:
            return
        if written or content != body.content:
            now = self._report.at.isoformat(timespec="seconds")
            self._memory.proposals[key] = [body.content, now]
        if written:
            log.info(
                "portal_changed",
                proposal=body.name,
                created=counts["created"],
                changed=counts["changed"],
                closed=counts["closed"],
                skipped=counts["skipped"],
                by=self._wish.by,
                origin=self._wish.origin,
            )


def _passes(error: Exception) -> bool:
    """Whether it may work when it is tried again at once."""
    if isinstance(error, ConflictError):
        return True
    return isinstance(error, DBAPIError) and error_code(error.orig) in ANOTHER_WORKS
