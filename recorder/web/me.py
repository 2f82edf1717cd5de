"""Who is signed in, and what of the beamline they see: for the page to say so."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from recorder.config import Settings
from recorder.records.access import Rights
from recorder.records.times import iso
from recorder.web.access import Access, access_of
from recorder.web.answers import answer
from recorder.web.callers import Caller, caller_of
from recorder.web.hiding import mark_of
from recorder.web.rights_in_words import in_words
from recorder.web.shapes import Me, Sees
from recorder.web.sign_in.service import SignIn

AWAY = (
    "the database that says who may see what has been away since {}: everybody has the "
    "rights that they had then, and nobody new can come in"
)
INSECURE = "any password lets people in here: this is for trying things out"


class Myself:
    """Answers the page.

    Args:
        settings: The whole configuration.
        sign_in: Knows whether rights can be asked for; None where nobody signs in.
    """

    def __init__(self, settings: Settings, sign_in: SignIn | None) -> None:
        self._sign_in = sign_in
        kinds = {section.kind for section in settings.web.authenticator}
        self._always = (INSECURE,) if "dummy" in kinds else ()

    async def me(self, request: Request) -> Response:
        """`GET /api/v1/me`."""
        caller, access = caller_of(request), access_of(request)
        return answer(request, self._of(caller, access))

    def _of(self, caller: Caller, access: Access) -> Me:
        away = None if self._sign_in is None else self._sign_in.rights.away_since
        notices = self._always
        if away is not None:
            since = iso(int(away.timestamp()) * 10**9) or ""
            notices = (*notices, AWAY.format(since))
        return Me(
            kind=caller.kind,
            login=caller.login,
            name=caller.rights.name,
            scopes=tuple(sorted(caller.scopes)),
            sees=sees(access),
            rights=mark_of(repr(canonical(caller.rights))),
            reasons=in_words(caller.rights) if caller.names else (),
            notices=notices,
        )


def sees(access: Access) -> Sees:
    """How much of the beamline somebody may see; no count of what they may not."""
    if access.whole:
        return "beamline"
    return "nothing" if access.nothing else "some"


def canonical(rights: Rights) -> tuple[object, ...]:
    """Rights without an order that means nothing."""
    return (
        sorted(rights.permissions),
        rights.everything,
        sorted(rights.beamlines),
        sorted(map(repr, rights.sessions)),
        sorted(rights.proposals),
        sorted(rights.proposal_ids),
        rights.only,
    )
