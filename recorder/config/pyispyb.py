"""py-ISPyB's API: which pages of other servers may use it."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator

from recorder.config.endpoints import MAX_PORT, check_host
from recorder.config.section import Section

_WRITE = "write it as http://HOST:PORT or https://HOST, without a path"


def check_origin(text: str) -> str:
    """An origin as browsers send it.

    Raises:
        ValueError: It is none; ``*`` is refused as well, for it is every page that
            somebody may have open.
    """
    try:
        parts = urlsplit(text.strip().rstrip("/"))
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise ValueError(f"no origin ({error}): {_WRITE}") from error
    whole = not (parts.path or parts.query or parts.fragment or "@" in parts.netloc)
    if parts.scheme not in ("http", "https") or not whole:
        raise ValueError(f"no origin: {_WRITE}")
    if port is not None and not 0 < port <= MAX_PORT:
        raise ValueError(f"no such port: {_WRITE}")
    name = check_host(host).lower()
    shown = f"[{name}]" if ":" in name else name
    default = {"http": 80, "https": 443}[parts.scheme]
    end = "" if port in (None, default) else f":{port}"
    return f"{parts.scheme}://{shown}{end}"


Origin = Annotated[str, AfterValidator(check_origin)]


class PyIspybSection(Section):
    """`/ispyb/api/v1`: the API that py-ISPyB's page and clients use."""

    origins: tuple[Origin, ...] = ()
    """Where such pages come from, such as `https://ispyb.example.org`: browsers let
    pages of these origins, and of no other, read the answers."""
