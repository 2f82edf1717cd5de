"""What an answer needs that lets somebody in, or sends them elsewhere."""

from __future__ import annotations

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from recorder.web.sign_in.cookies import cookie_of, set_cookie
from recorder.web.sign_in.service import Signed, SignIn

NO_STORE = {"cache-control": "no-store"}


async def let_in(
    sign_in: SignIn, request: Request, signed: Signed, response: Response
) -> None:
    """Open a session, whose cookie goes with an answer.

    It is a new one whatever cookie came with the request, and that one's session ends:
    nobody can be made to use a session that somebody else knows.
    """
    before = await sign_in.book.entered(cookie_of(request.scope))
    secret = await sign_in.session(signed)
    if before is not None:
        await sign_in.revoke(before.key, before.identity.login, signed.peer)
    set_cookie(response, secret)


def ours(request: Request, path: str) -> str:
    """An address of ours as the browser knows it; the guard has seen the host."""
    return f"{request.scope['scheme']}://{request.headers['host']}{path}"


def sent_to(url: str) -> Response:
    """Somewhere else."""
    return RedirectResponse(url, HTTPStatus.SEE_OTHER, NO_STORE)
