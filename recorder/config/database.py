"""What the sections that name a database share."""

from __future__ import annotations

from typing import Any

from pydantic import model_validator

from recorder.config.endpoints import DatabaseUrl
from recorder.config.section import Secret, Section, split_password
from recorder.config.values import FilePath


class AccountSection(Section):
    """Base of the sections with an account of a database."""

    url: DatabaseUrl | None = None
    """SQLAlchemy URL without the password."""
    password: Secret | None = None
    """Password; better in a credential or the environment than in the file."""

    @model_validator(mode="before")
    @classmethod
    def _hide_password_of_url(cls, data: Any) -> Any:
        """A password within the URL becomes ``password``: the URL is shown and logged.

        ``password`` wins if both are given.
        """
        if not isinstance(data, dict) or not isinstance(data.get("url"), str):
            return data
        url, password = split_password(data["url"])
        if password is None:
            return data
        return {**data, "url": url, "password": data.get("password") or password}


class DatabaseSection(AccountSection):
    """The same, and how the server is reached."""

    tls: bool = False
    """Use TLS with the system's certificate authorities or `ca_file`; the server's
    certificate and name are checked."""
    ca_file: FilePath | None = None
    """Certificate authority to trust (PEM)."""
    cert_file: FilePath | None = None
    """Client certificate (PEM)."""
    key_file: FilePath | None = None
    """Key of the client certificate (PEM)."""
