"""TLS as the recorder's clients use it: certificates are always checked."""

from __future__ import annotations

import ssl
from pathlib import Path

from recorder.errors import ConfigError


def tls_context(
    section: str, ca_file: Path | None, cert_file: Path | None, key_file: Path | None
) -> ssl.SSLContext:
    """A context that checks the server's certificate and name.

    Args:
        section: Section of the configuration, for errors.
        ca_file: Authority to trust (PEM); None takes the system's.
        cert_file: Our certificate (PEM), if the server asks for one.
        key_file: Its key (PEM).

    Raises:
        ConfigError: A certificate or key cannot be read.
    """
    try:
        context = ssl.create_default_context(cafile=ca_file)
        if cert_file is not None:
            context.load_cert_chain(cert_file, key_file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"{section}: certificate or key cannot be read: {error}; check ca_file, "
            "cert_file and key_file"
        ) from error
    return context
