"""Engines of database servers, made alike for every account."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from pydantic import SecretStr
from sqlalchemy import Engine, create_engine, make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from recorder.errors import ConfigError
from recorder.runtime.tls import tls_context

RECYCLE_S = 3600
"""Seconds after which a connection is made anew: servers and firewalls end older ones
without a word. Chosen, not tuned."""
_WRITE = "write mariadb+pymysql://user@host/database"


class TlsOptions(Protocol):
    """Whether and how a server is reached with TLS."""

    @property
    def tls(self) -> bool:
        """Whether there is TLS."""

    @property
    def ca_file(self) -> Path | None:
        """Authorities that are trusted (PEM)."""

    @property
    def cert_file(self) -> Path | None:
        """Our certificate (PEM)."""

    @property
    def key_file(self) -> Path | None:
        """Its key (PEM)."""


def url_of(text: str, where: str) -> URL:
    """A database URL.

    Args:
        text: As configured.
        where: The setting, for messages.

    Raises:
        ConfigError: It is none.
    """
    try:
        return make_url(text)
    except ArgumentError as error:
        raise ConfigError(f"{where} is no database URL; {_WRITE}") from error


def server_engine(
    url: URL,
    password: SecretStr | None,
    where: str,
    tls: tuple[str, TlsOptions],
    arguments: Mapping[str, Any],
    **options: Any,
) -> Engine:
    """An engine for a server; connects when first used.

    Args:
        url: Of the database.
        password: Of its user; None: that of the URL.
        where: The setting that has the URL, for messages.
        tls: The section that says whether there is TLS, and its name.
        arguments: Of the driver.
        options: Of the engine.

    Raises:
        ConfigError: The URL or a certificate cannot be used.
    """
    if password is not None:
        url = url.set(password=password.get_secret_value())
    name, section = tls
    made = {"charset": "utf8mb4", **arguments}
    if section.tls:
        made["ssl"] = tls_context(
            name, section.ca_file, section.cert_file, section.key_file
        )
    try:
        return create_engine(
            url,
            pool_pre_ping=True,
            pool_recycle=RECYCLE_S,
            hide_parameters=True,
            connect_args=made,
            **options,
        )
    except (NoSuchModuleError, ModuleNotFoundError, TypeError) as error:
        raise ConfigError(f"{where}: {error}; {_WRITE}") from error
