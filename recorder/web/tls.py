"""TLS of the server: read when it starts, and again at SIGHUP."""

from __future__ import annotations

import ssl
from pathlib import Path

from recorder.errors import ConfigError
from recorder.runtime.log import get_logger

log = get_logger("web")


class ServerTls:
    """Certificate and key.

    Args:
        cert_file: PEM.
        key_file: PEM; None: it is in ``cert_file``.

    Raises:
        ConfigError: They cannot be used.
    """

    def __init__(self, cert_file: Path, key_file: Path | None) -> None:
        self._files = (cert_file, key_file)
        self.context = self._read()

    def again(self) -> None:
        """Read them again; what cannot be used leaves the earlier ones in use."""
        try:
            self._read()  # a context that fails half way has neither
            self.context.load_cert_chain(*self._files)
        except (ConfigError, OSError) as error:
            log.error("tls_not_reloaded", error=str(error))
        else:
            log.info("tls_reloaded", cert_file=str(self._files[0]))

    def _read(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        try:
            context.load_cert_chain(*self._files, password=_no_password)
        except OSError as error:  # ssl.SSLError is one
            raise ConfigError(
                f"web: certificate or key cannot be read: {error}; check web.cert_file "
                f"({self._files[0]}) and web.key_file ({self._files[1] or 'not set'})"
            ) from error
        return context


def _no_password() -> str:
    """Asking for one on a terminal would wait for ever.

    Raises:
        ConfigError: Always.
    """
    raise ConfigError(
        "web: the key has a password: give one without, in a credential of the unit"
    )
