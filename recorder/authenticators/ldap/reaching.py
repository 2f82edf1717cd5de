"""Why a directory cannot be reached, in words that libldap does not have.

It says "connect error" of a certificate with another name; here a second connection
asks once more, sends nothing of anybody, and says what is wrong.
"""

from __future__ import annotations

import socket
import ssl
from urllib.parse import urlsplit

PORTS = {"ldap": 389, "ldaps": 636}
"""Ports of the two schemes, as registered."""
START_TLS = bytes.fromhex("301d02010177188016") + b"1.3.6.1.4.1.1466.20037"
"""The request to begin TLS (the extended operation StartTLS of RFC 4511), message 1."""


def why_not(url: str, start_tls: bool, ca_file: str | None, timeout_s: float) -> str:
    """What stands in the way; empty if nothing that is seen here.

    Args:
        url: Of the directory.
        start_tls: Whether TLS begins by request.
        ca_file: Authorities that vouch for it; None: no TLS.
        timeout_s: How long this may take, twice at most.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    place = (host, parts.port or PORTS[parts.scheme])
    try:
        with socket.create_connection(place, timeout_s) as plain:
            if start_tls:
                plain.sendall(START_TLS)
                if not plain.recv(4096):
                    return "it closes the connection instead of beginning TLS"
            if ca_file is not None:
                context = ssl.create_default_context(cafile=ca_file)
                context.wrap_socket(plain, server_hostname=host).close()
    except ssl.SSLCertVerificationError as error:
        return f"its certificate is not to be trusted: {error.verify_message}"
    except TimeoutError:
        return "it takes the connection, and does not answer"
    except ssl.SSLError as error:
        return f"it does not speak TLS as it should: {error.reason or error}"
    except OSError as error:
        return f"{error.strerror or error}"
    return ""
