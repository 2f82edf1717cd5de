"""What somebody wants of a new token, checked: from the page or the command line."""

from __future__ import annotations

import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from recorder.foreign_text import is_name
from recorder.records.access import Identity, Only, Scope
from recorder.records.announcement import PROPOSAL
from recorder.web.problems import ProblemError
from recorder.web.sign_in.secret_texts import new_key
from recorder.web.sign_in.ways import DAY_S, SCREEN, TOKEN_DAYS, Way, WayKind

MAX_LABEL = 100
"""Characters of what a token is called. Chosen, not tuned."""
MAX_WITHIN = 60
"""Characters of a beamline or proposal; ISPyB's columns have fewer."""
MAX_SESSION = 2**31 - 1
"""Largest id of a session: ISPyB's column has 32 bits."""


@dataclass(frozen=True)
class Wish:
    """A new token."""

    label: Annotated[str, Field(min_length=1, max_length=MAX_LABEL)]
    """What it is for."""
    scopes: frozenset[Scope]
    """At least one."""
    days: Annotated[int, Field(strict=True, ge=1, le=TOKEN_DAYS)] = 30
    beamline: Annotated[str, Field(max_length=MAX_WITHIN)] = ""
    """It shows this beamline only."""
    proposal: Annotated[str, Field(max_length=MAX_WITHIN)] = ""
    """It shows this proposal only: code and number."""
    session: Annotated[int | None, Field(strict=True, ge=1, le=MAX_SESSION)] = None
    """It shows this session only, by its id."""


def way_of(
    wish: Wish, identity: Identity, authenticator: str, peer: str, now_s: float
) -> Way:
    """The token that is wished for, of somebody.

    Raises:
        ProblemError: It makes no sense; the text says what to change.
    """
    if not wish.scopes:
        raise _wrong("scopes: choose at least one thing that it may do")
    return Way(
        new_key(),
        WayKind.TOKEN,
        identity,
        authenticator,
        peer,
        now_s,
        now_s + wish.days * DAY_S,
        now_s,
        _label(wish.label),
        wish.scopes,
        _only(wish),
    )


def way_of_screen(label: str, days: int, peer: str, now_s: float) -> Way:
    """The token of a screen that stands at an address."""
    identity = Identity("screen", name=_label(label))
    ends_s = now_s + days * DAY_S
    return Way(
        new_key(),
        WayKind.KIOSK,
        identity,
        "",
        peer,
        now_s,
        ends_s,
        now_s,
        _label(label),
        SCREEN,
    )


def _label(text: str) -> str:
    if not text.strip() or not is_name(text):
        raise _wrong("label: say what it is for, without control characters")
    return text.strip()


def _only(wish: Wish) -> Only | None:
    given = [wish.beamline, wish.proposal, wish.session]
    if sum(value not in ("", None) for value in given) > 1:
        raise _wrong("beamline, proposal, session: at most one of them")
    for text in (wish.beamline, wish.proposal):
        if text != text.strip() or not is_name(text):
            raise _wrong("beamline, proposal: no blanks around, no control characters")
    if wish.proposal and not re.fullmatch(PROPOSAL, wish.proposal):
        raise _wrong("proposal: code and number, such as mx2345")
    if not any(given):
        return None
    return Only(wish.beamline, wish.proposal, wish.session)


def _wrong(text: str) -> ProblemError:
    return ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "body", text)


def told(scopes: Iterable[Scope]) -> tuple[str, ...]:
    """Scopes in their order."""
    return tuple(scope.value for scope in Scope if scope in set(scopes))


def within(only: Only | None) -> str:
    """What a token is limited to, for people; empty: nothing."""
    return "" if only is None else only.in_words
