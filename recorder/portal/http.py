"""The portal ``http``: an address that answers with proposals as JSON."""

from __future__ import annotations

import hashlib
import http.client
import ssl
import time
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator

from recorder.config import Settings
from recorder.config.section import PortalSection, Secret
from recorder.config.values import FilePath, Seconds
from recorder.errors import ConfigError, PortalUnavailableError, shown
from recorder.portal.json_text import MAX_FILE_BYTES
from recorder.portal.protocols import Delivery
from recorder.records import CheckLine
from recorder.runtime.addresses import stays_on_this_host
from recorder.runtime.tls import tls_context

PIECE = 1 << 20
"""Bytes that are read at once: between two the deadline is looked at."""
_TAG = "etag "
"""Before an ETag that is kept as a mark, which else is a hash."""


def _check_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
        usable = usable and parts.port != 0
    except ValueError:
        usable = False
    if not usable or any(c.isspace() or not c.isprintable() for c in text):
        raise ValueError("is no address such as https://portal.example.org/proposals")
    if parts.username or parts.password or parts.fragment:
        raise ValueError("has a login or a fragment: leave it out, and set token")
    return text


class HttpPortalSection(PortalSection):
    """An address that answers with proposals as JSON."""

    name: str = "http"
    """Name of the portal: `recorder sync --portal NAME`, and in the change log."""
    kind: Literal["http"] = "http"
    """An address that answers with proposals as JSON."""
    url: Annotated[str, AfterValidator(_check_url)]
    """The address. Without TLS only of this host."""
    token: Secret | None = None
    """Sent as `Authorization: Bearer`; better in the credential `sync__NAME__token`
    than in the file."""
    ca_file: FilePath | None = None
    """Certificate authority to trust (PEM); unset: the system's."""
    timeout_s: Seconds = 60.0
    """How long the whole answer may take."""


class HttpPortal:
    """Asks an address.

    Args:
        section: Its settings.

    Raises:
        ConfigError: It goes to another host without TLS.
    """

    def __init__(self, section: HttpPortalSection) -> None:
        self.name = section.name
        self._section = section
        parts = urlsplit(section.url)
        host = parts.hostname or ""
        if parts.scheme == "http" and not stays_on_this_host(host):
            raise ConfigError(
                f"portal {section.name}: {host} is asked without TLS: anybody on the "
                "way could make people up; write https://"
            )
        self._target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._tls: ssl.SSLContext | None = None
        if parts.scheme == "https":
            what = f"portal {section.name}"
            self._tls = tls_context(what, section.ca_file, None, None)
        self._host, self._port = host, parts.port

    def fetch(self, done: Mapping[str, str]) -> Iterator[Delivery]:
        """The answer, if it is another one than before.

        Raises:
            PortalUnavailableError: There is none that can be used.
        """
        url = self._section.url
        before = done.get(url, "")
        deadline = time.monotonic() + self._section.timeout_s
        try:
            found = self._ask(before, deadline)
        except (OSError, http.client.HTTPException) as error:
            raise PortalUnavailableError(
                f"{url}: {error or type(error).__name__}; is it there, and is the "
                "certificate right?"
            ) from error
        if found is not None and found.mark != before:
            yield found

    def _ask(self, before: str, deadline: float) -> Delivery | None:
        """The answer; None if nothing is new."""
        connection = self._connection()
        try:
            connection.request("GET", self._target, headers=self._headers(before))
            answer = connection.getresponse()
            if answer.status == HTTPStatus.NOT_MODIFIED:
                return None
            if answer.status != HTTPStatus.OK:
                raise PortalUnavailableError(self._refused(answer))
            data = self._read(answer, connection, deadline)
            tag = answer.getheader("ETag")
            mark = f"{_TAG}{tag}" if tag else hashlib.sha256(data).hexdigest()
            return Delivery(self._section.url, data, mark)
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        seconds = self._section.timeout_s
        if self._tls is None:
            return http.client.HTTPConnection(self._host, self._port, timeout=seconds)
        return http.client.HTTPSConnection(
            self._host, self._port, timeout=seconds, context=self._tls
        )

    def _headers(self, before: str) -> dict[str, str]:
        headers = {"Accept": "application/json", "User-Agent": "recorder-sync"}
        if before.startswith(_TAG):
            headers["If-None-Match"] = before.removeprefix(_TAG)
        if self._section.token is not None:
            token = self._section.token.get_secret_value()
            headers["Authorization"] = f"Bearer {token}"
        return headers

    def _refused(self, answer: http.client.HTTPResponse) -> str:
        said = f"{self._section.url}: answers {answer.status} {shown(answer.reason)}"
        if answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            return f"{said}; check the token of portal {self.name}"
        if answer.getheader("Location"):
            return f"{said}; it moved: write its new address, it is not followed"
        return said

    def _read(
        self,
        answer: http.client.HTTPResponse,
        connection: http.client.HTTPConnection,
        deadline: float,
    ) -> bytes:
        """The body, not longer than is allowed, and not for longer."""
        parts: list[bytes] = []
        size = 0
        while size <= MAX_FILE_BYTES:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(
                    f"its answer takes longer than {self._section.timeout_s:g} s"
                )
            if connection.sock is not None:
                connection.sock.settimeout(left)
            piece = answer.read1(PIECE)
            if not piece:
                if answer.length:  # http.client says nothing of it
                    raise ConnectionError("its answer ends early")
                break
            parts.append(piece)
            size += len(piece)
        return b"".join(parts)

    def close(self) -> None:
        """Nothing is open."""


class HttpPlugin:
    """The kind ``http``."""

    kind = "http"
    settings = HttpPortalSection

    def make(self, section: HttpPortalSection, settings: Settings) -> HttpPortal:
        """One with these settings."""
        return HttpPortal(section)

    async def check(
        self, section: HttpPortalSection, settings: Settings
    ) -> Sequence[CheckLine]:
        """Whether its settings can be used; it is not asked, which may cost it much."""
        what = f"portal {section.name}"
        try:
            HttpPortal(section)
        except ConfigError as error:
            return [CheckLine(what, False, str(error))]
        return [CheckLine(what, True, f"{section.url}, not asked now")]


PLUGIN = HttpPlugin()
