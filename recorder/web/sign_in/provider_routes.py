"""What browsers ask on their way to a provider, and back from it."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from recorder.authenticators.protocols import Authenticator, Departure, How
from recorder.records.access import Identity
from recorder.web.problems import ProblemError
from recorder.web.sign_in.cookies import DEPARTURE, cookie_of, drop_cookie, set_cookie
from recorder.web.sign_in.departures import AWAY_S, Departures
from recorder.web.sign_in.door import peer_of
from recorder.web.sign_in.letting_in import let_in, ours, sent_to
from recorder.web.sign_in.service import SignIn
from recorder.web.sign_in.tries import place_of

NOT_KNOWN = "the provider does not say who you are, or not to us; begin again"
LATE, AWAY = "late", "away"
"""Words behind ``#problem=`` of the sign-in page, which has the texts: what stands in
an address anybody may have written. The others are kinds of problems."""


class ProviderRoutes:
    """Answers browsers that go to a provider.

    Args:
        sign_in: Signs in; None where nobody does.
    """

    def __init__(self, sign_in: SignIn | None) -> None:
        self._known = sign_in
        self._departures = Departures()

    async def depart(self, request: Request) -> Response:
        """`GET /sign-in/{name}/depart`: to the provider."""
        sign_in, one = self._named(request)
        back = ours(request, f"/sign-in/{quote(one.name, safe='')}/back")
        found: list[Departure] = []

        async def ask(one: Authenticator) -> Identity | None:
            found.append(await one.depart(back))
            return None

        await sign_in.asking.who([one], ask, place_of(peer_of(request.scope)))
        if not found:
            return _told(AWAY)
        ticket = self._departures.gone(
            one.name, found[0].state, back, peer_of(request.scope)
        )
        response = sent_to(found[0].url)
        set_cookie(response, ticket, DEPARTURE, AWAY_S)
        return response

    async def back(self, request: Request) -> Response:
        """`GET /sign-in/{name}/back`: from the provider."""
        sign_in, one = self._named(request)
        ticket = cookie_of(request.scope, DEPARTURE)
        departed = self._departures.returned(ticket, one.name)
        if departed is None:
            return _told(LATE)
        query = dict(request.query_params)

        async def ask(one: Authenticator) -> Identity | None:
            return await one.arrive(query, departed.state, departed.back)

        peer = peer_of(request.scope)
        # whose return it is, is not known before: nobody's tries are those of others
        login = f"{peer} back from {one.name}"
        try:
            signed = await sign_in.asked(one.name, ask, login, peer, NOT_KNOWN)
        except ProblemError as problem:
            response = _told(problem.kind)
        else:
            response = sent_to("/")
            await let_in(sign_in, request, signed, response)
        drop_cookie(response, DEPARTURE)
        return response

    def _named(self, request: Request) -> tuple[SignIn, Authenticator]:
        """The provider that is meant.

        Raises:
            ProblemError: There is none of that name.
        """
        name = request.path_params["name"]
        for one in () if self._known is None else self._known.asking.chosen(name):
            if self._known is not None and one.how is How.REDIRECT:
                return self._known, one
        text = f"no provider {name[:100]!r} is configured; /sign-in lists all"
        raise ProblemError(HTTPStatus.NOT_FOUND, "no-provider", text)


def _told(kind: str) -> Response:
    """Back to the sign-in page, which says what was wrong."""
    return sent_to(f"/sign-in#problem={quote(kind, safe='')}")
