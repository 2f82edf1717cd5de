"""What is not safe on a host or network that others use: warned of, not refused."""

from __future__ import annotations

import grp
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from recorder.config import Settings
from recorder.config.reading import read_tables
from recorder.config.section import split_password
from recorder.records import CheckLine
from recorder.runtime.addresses import stays_on_this_host
from recorder.service.sharing import open_to_others


def safety_lines(settings: Settings, config: Path | None = None) -> list[CheckLine]:
    """Warnings: secrets that others can read, on the way or on the disk.

    Args:
        settings: As they are used.
        config: The file that they come from.
    """
    found = [
        *_in_clear(settings),
        *_readable(settings),
        *_not_a_member(settings),
        *_in_file(config),
    ]
    return [CheckLine(what, True, text, warning=True) for what, text in found]


def _in_clear(settings: Settings) -> Iterator[tuple[str, str]]:
    """Passwords that go to another host without TLS."""
    mqtt, ispyb = settings.mqtt, settings.ispyb
    if (
        mqtt.enabled
        and mqtt.password
        and not mqtt.tls
        and not stays_on_this_host(mqtt.host)
    ):
        yield (
            "broker",
            f"mqtt.password goes to {mqtt.host} in clear: set mqtt.tls = true (and "
            "mqtt.port, 8883 is usual), or give the account no rights elsewhere",
        )
    host = _database_host(settings)
    if (
        ispyb.enabled
        and ispyb.password
        and not ispyb.tls
        and not stays_on_this_host(host)
    ):
        yield (
            "ispyb",
            f"what goes to {host} is not encrypted, ispyb.password included: set "
            "ispyb.tls = true (and ispyb.ca_file)",
        )


def _database_host(settings: Settings) -> str:
    """Empty for a file, a socket, or what is no URL: nothing goes over a network."""
    try:
        url = make_url(settings.ispyb_url)
    except ArgumentError:
        return ""
    if url.get_backend_name() == "sqlite" or "unix_socket" in url.query:
        return ""
    return url.host or ""


def _readable(settings: Settings) -> Iterator[tuple[str, str]]:
    """Folders that every user of the host may look into."""
    places = (("state", settings.state_directory), ("results", settings.results))
    for what, folder in places:
        if open_to_others(folder):
            yield (
                what,
                f"{folder} can be read by every user of this host: "
                f"chmod -R o-rwx {folder}",
            )


def _not_a_member(settings: Settings) -> Iterator[tuple[str, str]]:
    """A group that this account cannot give files to."""
    if settings.group is None or os.geteuid() == 0:
        return
    if grp.getgrnam(settings.group).gr_gid not in (os.getegid(), *os.getgroups()):
        yield (
            "group",
            f"this account is not in {settings.group}: usermod -aG {settings.group}, "
            f"or Group={settings.group} in the unit",
        )


def _in_file(config: Path | None) -> Iterator[tuple[str, str]]:
    """A configuration file with a password that every user may read."""
    if config is None or not config.stat().st_mode & stat.S_IROTH:
        return
    data = read_tables(config)
    if any(_has_password(data.get(name)) for name in ("mqtt", "ispyb", "sync")):
        yield (
            "configuration",
            f"{config} holds a password and can be read by every user of this host: "
            f"make it a credential (ispyb__password, mqtt__password), or "
            f"chmod o-rwx {config}",
        )


def _has_password(section: Any) -> bool:
    if not isinstance(section, dict):
        return False
    url = section.get("url")
    within = isinstance(url, str) and split_password(url)[1] is not None
    return within or bool(section.get("password"))
