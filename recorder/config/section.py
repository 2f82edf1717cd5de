"""What all sections of the configuration share: secrets, and no unknown keys."""

from __future__ import annotations

import re
from typing import Annotated, Any
from urllib.parse import unquote

from pydantic import BaseModel, BeforeValidator, ConfigDict, SecretStr

from recorder.config.values import Name


def _strip_secret(value: Any) -> Any:
    """Files made by editors end in a newline that is not part of the secret."""
    return value.rstrip("\r\n") if isinstance(value, str) else value


Secret = Annotated[SecretStr, BeforeValidator(_strip_secret)]
_URL_WITH_PASSWORD = re.compile(
    r"(\w[\w+]*(?:://|//|:)[^/:@]*):([^@]*)@(.*)", re.DOTALL
)
_PASSWORD_IN_QUERY = re.compile(r"[?&]passw(?:or)?d=", re.IGNORECASE)


def split_password(url: str) -> tuple[str, str | None]:
    """A database URL without the password in it, and that password.

    Raises:
        ValueError: It cannot be told from the rest; nothing of it is quoted.
    """
    match = _URL_WITH_PASSWORD.fullmatch(url)
    before, password, after = match.groups() if match else ("", "", "")
    host = re.split(r"[/?#]", after, maxsplit=1)[0]
    if "@" in host or _PASSWORD_IN_QUERY.search(url):
        raise ValueError(
            "has a password that cannot be told from the rest; leave it out of the URL "
            "and set ispyb.password"
        )
    return (f"{before}@{after}", unquote(password)) if match else (url, None)


class Section(BaseModel):
    """Base of the sections: frozen, unknown keys refused."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
    )


class SourceSection(Section):
    """Base of the settings of a source; a plug-in derives its own from it.

    A plug-in narrows ``kind`` to ``Literal["its kind"]``.
    """

    name: Name
    """Name of the source in logs, counts and the journal; each source has its own."""
    kind: str
    """Which source plug-in reads it."""


class SinkSection(Section):
    """Base of the settings of a sink; a plug-in derives its own from it.

    A plug-in narrows ``kind`` to ``Literal["its kind"]``.
    """

    name: Name
    """Name of the sink in logs, reports and the journal; each sink has its own. Under
    a new name everything that the journal holds is written anew."""
    kind: str
    """Which sink plug-in writes it."""


class AuthenticatorSection(Section):
    """Base of the settings of an authenticator; a plug-in derives its own from it.

    A plug-in narrows ``kind`` to ``Literal["its kind"]``.
    """

    name: Name
    """Name of the authenticator on the sign-in page and in the audit log."""
    kind: str
    """Which authenticator plug-in it is."""


class PortalSection(Section):
    """Base of the settings of a portal; a plug-in derives its own from it.

    A plug-in narrows ``kind`` to ``Literal["its kind"]``.
    """

    name: Name
    """Name of the portal: `recorder sync --portal NAME`, and in the change log."""
    kind: str
    """Which portal plug-in fetches from it."""
