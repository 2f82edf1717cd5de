"""The user portal's data on their way into ISPyB."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import model_validator

from recorder.config.by_kind import AnyPortal
from recorder.config.credentials import handed_out
from recorder.config.database import AccountSection
from recorder.config.endpoints import DatabaseUrl
from recorder.config.section import Secret


class SyncSection(AccountSection):
    """`recorder sync`: proposals, people and sessions from the user portal."""

    url: DatabaseUrl | None = None
    """SQLAlchemy URL such as `mariadb+pymysql://recorder_sync@host/ispyb`, of an
    account of its own, which may write people and sessions; unset: the embedded SQLite
    file if `ispyb.url` is unset, else nothing is synchronised. TLS, certificates and
    timeout are those of `ispyb`."""
    password: Secret | None = None
    """Password; better in a credential (`sync__password`) or the environment than in
    the file."""
    dates: Literal["convert", "as_written"] = "convert"
    """`convert`: dates with a zone are converted to `timezone`. `as_written`: the zone
    is dropped, as py-ISPyB does; for portals that write local time with a `Z`."""
    by_web: bool = False
    """Take proposals that are sent to `recorder web`
    (`POST /webservices/userportalsync/sync_proposal`). Then that process needs the
    password, too."""
    portal: tuple[AnyPortal, ...] = ()
    """Portals to fetch from."""

    @model_validator(mode="before")
    @classmethod
    def _credentials_by_name(cls, data: Any) -> Any:
        return handed_out(data, "portal", cls.model_fields)
