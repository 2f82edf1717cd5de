"""Who asks, the options, proposals and sessions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass as checked_dataclass

from recorder.ispyb.reading.options import Options, UiGroup
from recorder.ispyb.reading.persons import person
from recorder.ispyb.reading.proposals import Proposal, proposals
from recorder.ispyb.reading.sessions import (
    Session,
    Wanted,
    latest_of_beamlines,
    sessions,
)
from recorder.ispyb.reading.tables import Tables
from recorder.records.access import fold
from recorder.web.pyispyb import parameters as given
from recorder.web.pyispyb.call import Asked, Call, Page, listing
from recorder.web.pyispyb.one_time import MAX_URL
from recorder.web.pyispyb.problems import FieldProblem, RequestError, missing


@dataclass(frozen=True, slots=True)
class CurrentUser:
    """Who asks, and what they may see."""

    personId: int | None
    login: str
    givenName: str | None = None
    familyName: str | None = None
    Permissions: tuple[str, ...] = ()
    beamLineGroups: tuple[str, ...] = ()
    beamLines: tuple[str, ...] = ()


@checked_dataclass(frozen=True)
class SignBody:
    """An address."""

    validity: Annotated[str, Field(min_length=1, max_length=MAX_URL)]


@dataclass(frozen=True, slots=True)
class Signed:
    """An address, and what makes it work: ``?onetime=`` with the token."""

    validity: str
    token: str


@dataclass(frozen=True, slots=True)
class UiOptions:
    """What the page needs to know of the site."""

    motd: str
    beamLineGroups: tuple[UiGroup, ...]


def current_user(asked: Asked, tables: Tables) -> CurrentUser:
    """`GET /user/current`."""
    rights = asked.rights
    known = person(tables, rights.person_id)
    groups = asked.options(tables).beamLineGroups
    opened = tuple(
        group.groupName for group in groups if group.permission in rights.permissions
    )
    return CurrentUser(
        rights.person_id,
        rights.login,
        known.givenName if known else rights.name or None,
        known.familyName if known else None,
        tuple(sorted(rights.permissions)),
        opened,
        tuple(sorted(rights.beamlines)),
    )


async def sign(asked: Asked) -> Signed:
    """`POST /user/sign`: a link that works once."""
    url = asked.body.validity
    try:
        token = asked.services.links.make(asked.caller, url)
    except ValueError as error:
        wrong = FieldProblem(("body", "validity"), "is no address", "value_error")
        raise RequestError((wrong,)) from error
    return Signed(url, token)


def ui_options(asked: Asked, tables: Tables) -> UiOptions:
    """`GET /options/ui`: for everybody who is signed in."""
    found = asked.options(tables)
    return UiOptions(found.motd, found.beamLineGroups)


def all_options(asked: Asked, tables: Tables) -> Options:
    """`GET /options`."""
    return asked.options(tables)


def list_proposals(asked: Asked, tables: Tables) -> Page[Proposal]:
    """`GET /proposals`."""
    found = proposals(
        tables,
        asked.rights,
        asked.options(tables),
        search=asked["search"],
        proposal_id=asked["proposalId"],
        skip=asked.skip,
        limit=asked.limit,
    )
    return asked.page(*found)


def one_proposal(asked: Asked, tables: Tables) -> Proposal:
    """`GET /proposals/{proposal}`."""
    options, name = asked.options(tables), asked["proposal"]
    _, found = proposals(tables, asked.rights, options, name=name)
    if not found:
        raise missing("Proposal")
    return found[0]


def list_sessions(asked: Asked, tables: Tables) -> Page[Session]:
    """`GET /sessions`."""
    options = asked.options(tables)
    wanted = _wanted(asked, options)
    now, skip, limit = asked.now, asked.skip, asked.limit
    return asked.page(
        *sessions(tables, asked.rights, options, wanted, now, skip, limit)
    )


def grouped_sessions(asked: Asked, tables: Tables) -> Page[Session]:
    """`GET /sessions/group`: one for each beamline."""
    options = asked.options(tables)
    wanted = _wanted(asked, options)
    now, skip, limit = asked.now, asked.skip, asked.limit
    found = latest_of_beamlines(tables, asked.rights, options, wanted, now, skip, limit)
    return asked.page(*found)


def one_session(asked: Asked, tables: Tables) -> Session:
    """`GET /sessions/{sessionId}`, and `GET /session/{sessionId}`."""
    wanted = Wanted(session_id=asked["sessionId"])
    _, found = sessions(tables, asked.rights, asked.options(tables), wanted, asked.now)
    if not found:
        raise missing("Session")
    return found[0]


def _wanted(asked: Asked, options: Options) -> Wanted:
    values = asked.values
    beamlines: tuple[str, ...] | None = None
    if (group := values["beamLineGroup"]) is not None:
        beamlines = options.beamlines(group)
    if (name := values["beamLineName"]) is not None:
        within = beamlines is None or any(fold(one) == fold(name) for one in beamlines)
        beamlines = (name,) if within else ()
    return Wanted(
        values.get("sessionId"),
        values.get("proposal"),
        beamlines,
        values["scheduled"],
        bool(values["upcoming"]),
        bool(values["previous"]),
        values["sessionType"],
        values["month"],
        values["year"],
    )


_PROPOSAL = given.text("proposal", "Code and number.", given.PROPOSAL)
_SESSION_ID = given.whole("sessionId", "Number of the session.", place="path")
_WHICH = (
    _PROPOSAL,
    given.text("beamLineName", "As the session has it."),
    given.text("beamLineGroup", "A group of `/options/ui`."),
    given.flag("scheduled", "Whether it was planned."),
    given.flag("upcoming", "Those that go on or will."),
    given.flag("previous", "Those that ended."),
    given.text("sessionType", "As `SessionType` has it."),
    given.whole("month", "Of the start.", 1, 12),
    given.whole("year", "Of the start.", 1, 9999),
)
SITE_CALLS = (
    Call("/user/current", "Who asks", CurrentUser, current_user),
    Call(
        "/user/sign",
        "A link to an address that works once, within seconds",
        Signed,
        does=sign,
        method="POST",
        body=SignBody,
    ),
    Call("/options/ui", "Beamlines and the message of the day", UiOptions, ui_options),
    Call("/options", "Options", Options, all_options, permission="manage_options"),
    listing(
        "/proposals",
        "Proposals, the latest first",
        Proposal,
        list_proposals,
        (
            given.text("search", "A part of name or title.", most=given.MAX_SEARCH),
            given.whole("proposalId", "Number of the proposal."),
        ),
    ),
    Call(
        "/proposals/{proposal}",
        "A proposal",
        Proposal,
        one_proposal,
        parameters=(
            given.text("proposal", "Code and number.", given.PROPOSAL, place="path"),
        ),
    ),
    listing(
        "/sessions",
        "Sessions, the latest first",
        Session,
        list_sessions,
        (given.whole("sessionId", "Number of the session."), *_WHICH),
    ),
    listing(
        "/sessions/group",
        "Of each beamline the latest session",
        Session,
        grouped_sessions,
        _WHICH,
    ),
    Call(
        "/sessions/{sessionId}",
        "A session",
        Session,
        one_session,
        parameters=(_SESSION_ID,),
    ),
    Call(
        "/session/{sessionId}",
        "A session, at its old address",
        Session,
        one_session,
        parameters=(_SESSION_ID,),
    ),
)
