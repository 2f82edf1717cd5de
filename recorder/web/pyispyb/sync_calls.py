"""Proposals that a user portal sends: written with an account of their own, or refused.

This process only reads, unless ``sync.by_web`` says otherwise.
"""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated

from pydantic import Field

from recorder.config import Settings
from recorder.errors import ConfigError, SinkError, SinkUnavailableError
from recorder.portal.account import has_account
from recorder.portal.json_text import documents
from recorder.portal.report import Report, State
from recorder.portal.sync import Wish, synchronise
from recorder.records import Json
from recorder.records.access import Scope
from recorder.runtime.log import get_logger
from recorder.web.problems import ProblemError
from recorder.web.pyispyb import parameters as given
from recorder.web.pyispyb.call import Asked, Call
from recorder.web.pyispyb.root import ROOT

log = get_logger("web")

PATH = "/webservices/userportalsync/sync_proposal"
"""As py-ISPyB has it."""
LARGE = {ROOT + PATH: 16 << 20}
"""Bytes of a body that are taken at an address: some thousand proposals. Chosen, not
tuned."""
PERMISSION = "uportal_sync"
"""What a portal's account needs; py-ISPyB's name."""
NOT_HERE = (
    "this server takes no proposals: set sync.by_web, and sync.url with an account "
    "that may write people and sessions (docs/how-to/portal-sync.md), or run "
    "`recorder sync` on the host"
)


@dataclass(frozen=True, slots=True)
class Synchronised:
    """What became of the proposals that were sent."""

    message: str
    """As py-ISPyB says it."""
    report: Annotated[Json, Field(description="As `recorder sync --json` has it.")]


_GOING_ON = threading.Lock()
"""Held while this process synchronises: bodies are large, and the database takes one at
a time anyway."""


async def sync_proposal(asked: Asked) -> Synchronised:
    """`POST /webservices/userportalsync/sync_proposal`.

    Raises:
        ProblemError: It is not taken here, or nothing of it was written.
    """
    settings = asked.settings
    if not settings.sync.by_web or not has_account(settings):
        raise ProblemError(HTTPStatus.NOT_IMPLEMENTED, "no-sync", NOT_HERE)
    if not _GOING_ON.acquire(blocking=False):
        text = "another synchronisation is going on; send it again in a moment"
        raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "busy", text)
    try:
        data = await asked.request.body()
    except BaseException:
        _GOING_ON.release()
        raise
    wish = Wish(
        asked.caller.login,
        "web",
        apply=not asked["dry_run"],
        close_absent=bool(asked["close_absent"]),
    )
    work = asyncio.to_thread(_synchronised, settings, data, wish)
    # one that is not begun yet when its client leaves must not keep the lock for ever
    return _answer(await asyncio.shield(work))


def _synchronised(settings: Settings, data: bytes, wish: Wish) -> Report:
    """Synchronise; the next one may begin when this one ended, whoever still waits.

    Raises:
        ProblemError: The database cannot be written.
    """
    try:
        return synchronise(settings, documents(data, "body"), wish)
    except (SinkError, SinkUnavailableError, ConfigError) as error:
        log.warning(
            "portal_sync_stopped",
            error=str(error),
            hint="nothing was written; synchronise again when that is mended",
        )
        text = (
            "the database cannot be written now; tell those who run the recorder: its "
            "log has the reason"
        )
        raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "database", text) from error
    finally:
        _GOING_ON.release()


def _answer(report: Report) -> Synchronised:
    """What is said of a report.

    Raises:
        ProblemError: Nothing was written that should have been.
    """
    outcomes = report.outcomes
    if any(outcome.state is State.NOT_TRIED for outcome in outcomes):
        why = next(o.reason for o in outcomes if o.state is State.NOT_TRIED)
        raise ProblemError(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "database",
            f"not everything was written: {why}",
        )
    refused = [outcome for outcome in outcomes if outcome.state is State.REFUSED]
    if len(refused) == len(outcomes):
        told = "; ".join(f"{o.name or o.where}: {o.reason}" for o in refused[:10])
        raise ProblemError(HTTPStatus.BAD_REQUEST, "refused", told)
    done = [o.name for o in outcomes if o.state is not State.REFUSED]
    what = f"Proposal {done[0]}" if len(done) == 1 else f"{len(done)} proposals"
    have = "has" if len(done) == 1 else "have"
    would = f"{have} been synchronized" if report.applied else "would be synchronized"
    more = f", {len(refused)} refused" if refused else ""
    message = f"{what} {would} in {report.seconds:.2f} s{more}"
    return Synchronised(message, report.as_json())


SYNC_CALLS = (
    Call(
        PATH,
        "Bring proposals, people and sessions up to what a user portal says",
        Synchronised,
        does=sync_proposal,
        parameters=(
            given.flag("dry_run", "Write nothing, say what would be written."),
            given.flag(
                "close_absent",
                "Remove persons from proposals and sessions that do not name them "
                "any more.",
            ),
        ),
        scope=Scope.SYNC,
        permission=PERMISSION,
        method="POST",
        reads_body=True,
        problems=(
            (400, "Nothing of it can be used; `detail` says why."),
            (413, "It is larger than 16 MiB."),
            (501, "This server takes no proposals."),
            (503, "The database is away, or another synchronisation is going on."),
        ),
    ),
)
