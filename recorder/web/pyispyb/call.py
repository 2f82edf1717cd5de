"""One address of the API: what it takes, what it answers, who may ask."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Literal, TypeVar
from zoneinfo import ZoneInfo

from starlette.requests import Request

from recorder.config import Settings
from recorder.ispyb.people.beamline_groups import configured_groups
from recorder.ispyb.reading.named_files import FileRoots
from recorder.ispyb.reading.options import Options, options
from recorder.ispyb.reading.tables import Tables
from recorder.records.access import Rights, Scope
from recorder.web.access import access_of
from recorder.web.callers import Caller, caller_of
from recorder.web.pyispyb.one_time import OneTime
from recorder.web.pyispyb.own_runs import OwnRun, OwnRuns, Row
from recorder.web.pyispyb.parameters import PAGING, Parameter
from recorder.web.sign_in.service import SignIn

T = TypeVar("T")
Method = Literal["GET", "POST", "PATCH", "DELETE"]


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """The envelope of a list."""

    total: int
    """Of all pages."""
    results: tuple[T, ...]
    skip: int
    limit: int


@dataclass(frozen=True, slots=True)
class Services:
    """What answers are made with, beside the database."""

    settings: Settings
    own: OwnRuns
    links: OneTime
    sign_in: SignIn | None
    """None where nobody signs in."""
    roots: FileRoots
    """Know where files may lie that the database names."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, read and checked."""

    request: Request
    values: Mapping[str, Any]
    """By the name of a declared parameter; None where it is not given."""
    body: Any
    """As declared; None without one."""
    services: Services

    @property
    def settings(self) -> Settings:
        """The whole configuration."""
        return self.services.settings

    @property
    def own(self) -> OwnRuns:
        """What the recorder knows of its own runs now."""
        return self.services.own

    @property
    def caller(self) -> Caller:
        """Who asks."""
        return caller_of(self.request)

    @property
    def rights(self) -> Rights:
        """What they may see."""
        return self.caller.rights

    def own_runs(self, rows: Mapping[int, Row]) -> dict[int, OwnRun]:
        """Those of the rows that the recorder wrote, as they are now."""
        return self.own.find(rows, access_of(self.request).sees)

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    @property
    def skip(self) -> int:
        """How many entries to leave out."""
        return int(self.values["skip"])

    @property
    def limit(self) -> int:
        """How many at most."""
        return int(self.values["limit"])

    @property
    def now(self) -> datetime:
        """This moment as the database has times: the facility's, naive."""
        zone = self.settings.timezone
        return datetime.now(ZoneInfo(zone) if zone else None).replace(tzinfo=None)

    def options(self, tables: Tables) -> Options:
        """Groups of beamlines, and the message of the day."""
        configured = configured_groups(self.settings.web.ispyb.beamline_group)
        return options(tables, configured)

    def page(self, total: int, results: tuple[T, ...]) -> Page[T]:
        """An answer in the envelope."""
        return Page(total, results, self.skip, self.limit)


@dataclass(frozen=True, slots=True)
class After:
    """The rest of an answer: work that needs the database no more, such as files."""

    work: Callable[[], Any]


Reads = Callable[[Asked, Tables], Any]
"""Answers from the database, in a thread."""
Does = Callable[[Asked], Awaitable[Any]]
"""Answers without it, in the loop."""


@dataclass(frozen=True, slots=True)
class Call:
    """An address and what answers it; exactly one of ``reads`` and ``does``."""

    path: str
    """Below the root; ``{name}`` is a parameter of the path."""
    about: str
    returns: Any
    """Type of the answer."""
    reads: Reads | None = None
    does: Does | None = None
    parameters: tuple[Parameter, ...] = ()
    scope: Scope | None = Scope.READ_RUNS
    """What a token must be made for; None: nobody needs to be signed in."""
    permission: str | None = None
    """What a group of theirs must have, beside."""
    method: Method = "GET"
    body: Any = None
    """Type of the body."""
    reads_body: bool = False
    """Whether it reads the body by itself: it is JSON, but of no one type."""
    status: int = 200
    media: tuple[str, ...] = ()
    """Media types of a file that it answers with; empty: it is JSON."""
    without_null: bool = False
    """Leave out keys of which nothing is known."""
    may_miss: bool = False
    """Whether it answers 404 where nothing is found by a parameter of the query."""
    problems: tuple[tuple[int, str], ...] = ()
    """Further statuses, and what they mean here."""

    @property
    def operation(self) -> str:
        """Its name in the document."""
        words = self.path.replace("{", "").replace("}", "").replace("-", "/")
        return "_".join([self.method.lower(), *filter(None, words.split("/"))])


def listing(
    path: str,
    about: str,
    of: Any,
    reads: Reads,
    parameters: tuple[Parameter, ...] = (),
    **more: Any,
) -> Call:
    """A list in the envelope, with ``skip`` and ``limit``."""
    page: Any = Page[of]
    return Call(path, about, page, reads, None, (*parameters, *PAGING), **more)
