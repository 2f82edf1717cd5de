"""May the page be served as it is configured? Asked before it is, and by the check."""

from __future__ import annotations

from collections.abc import Sequence

from recorder.config.endpoints import is_loopback_address
from recorder.config.web import WebSection
from recorder.errors import ConfigError
from recorder.records import CheckLine
from recorder.web.tls import ServerTls


def check_safe(web: WebSection) -> None:
    """See that nobody who has not signed in can reach what is not for all.

    Raises:
        ConfigError: It would listen to others.
    """
    if is_loopback_address(web.host):
        return
    if not web.authenticator and not web.insecure_no_sign_in:
        raise ConfigError(
            f"web.host is {web.host}: others could reach the page, and nobody signs "
            "in. Configure a [[web.authenticator]] (docs/how-to/sign-in.md), or listen "
            "on 127.0.0.1 (from elsewhere: ssh -L; docs/how-to/web.md), or set "
            "web.insecure_no_sign_in = true where everyone who reaches this host may "
            "read all proposals"
        )
    if web.authenticator and web.cert_file is None and not web.proxies:
        raise ConfigError(
            f"web.host is {web.host}, and there is no TLS: passwords would be readable "
            "on the way, and browsers drop the cookie. Set web.cert_file, or list the "
            "proxy that has TLS in web.proxies, or listen on 127.0.0.1"
        )


def page_lines(web: WebSection) -> Sequence[CheckLine]:
    """Whether the page would start, and who reaches it.

    Args:
        web: As configured.
    """
    try:
        check_safe(web)
        if web.cert_file is not None:
            ServerTls(web.cert_file, web.key_file)
    except ConfigError as error:
        return [CheckLine("page", False, str(error))]
    who = "this host only" if is_loopback_address(web.host) else "others reach it"
    names = ", ".join(way.name for way in web.authenticator)
    door = f"sign in with {names}" if names else "nobody signs in"
    return [CheckLine("page", True, f"{web.host}, port {web.port}: {who}; {door}")]
