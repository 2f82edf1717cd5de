"""The live page: where it is served, and to whom."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, Field, ValidationError, model_validator

from recorder.config.by_kind import AnyAuthenticator
from recorder.config.credentials import handed_out
from recorder.config.endpoints import MAX_PORT, HostText, check_host
from recorder.config.people import DirectoryGroups, People, WebIspybSection
from recorder.config.pyispyb import PyIspybSection
from recorder.config.section import Section
from recorder.config.values import FilePath
from recorder.errors import ConfigError


def _check_hosts(hosts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(check_host(host).lower() for host in hosts)


def _check_addresses(addresses: tuple[str, ...]) -> tuple[str, ...]:
    for address in addresses:
        try:
            ipaddress.ip_network(address)
        except ValueError as error:
            text = f"{address!r:.60} is no address or network such as 192.0.2.0/28"
            raise ValueError(text) from error
    return addresses


def _check_roots(roots: tuple[str, ...]) -> tuple[str, ...]:
    for root in roots:
        plain = root.replace("{proposal}", "p").replace("{number}", "1")
        first, *parts = plain.split("/")
        if first or not parts or {"", ".", ".."} & set(parts):
            text = f"{root!r:.100} is no folder such as /data/visitor/{{proposal}}"
            raise ValueError(text)
        if "{" in plain or "}" in plain:
            text = f"{root!r:.100}: {{proposal}} and {{number}} are what can stand here"
            raise ValueError(text)
    return roots


class WebSection(Section):
    """`recorder web`: the live page, the read API and the metrics."""

    host: HostText = "127.0.0.1"
    """Address to listen on. Any other than a loopback address needs a way to sign in,
    and TLS (`cert_file`) or a proxy that has it (`proxies`)."""
    port: int = Field(8642, ge=0, le=MAX_PORT)
    """Port to listen on; 0: any free one."""
    allowed_hosts: Annotated[tuple[str, ...], AfterValidator(_check_hosts)] = ()
    """Names and addresses under which browsers may ask for the page, beside
    `localhost`, the loopback addresses and `host`: those of a proxy, of a scraper."""
    authenticator: tuple[AnyAuthenticator, ...] = ()
    """Ways to sign in; none: nobody signs in, and only this host may ask."""
    ispyb: WebIspybSection = WebIspybSection()
    people: People = Field(default_factory=dict)
    """What people may see, by login, where no ISPyB says it: with the embedded database
    beside its tables, without a database alone; with a facility's database only while
    that is away."""
    directory_group: DirectoryGroups = Field(default_factory=dict)
    """The same by the groups or roles that directory or provider name."""
    pyispyb: PyIspybSection = PyIspybSection()
    state_directory: FilePath | None = None
    """Holds sessions and tokens (as hashes); unset: the directory that systemd gives to
    `recorder web`, which is `recorder-web` beside `recorder`, else `web` in the
    recorder's state directory."""
    cert_file: FilePath | None = None
    """Certificate of the server and those that it rests on (PEM): the page is served
    with TLS. SIGHUP reads it again."""
    key_file: FilePath | None = None
    """Its key (PEM), without a password; unset: it is in `cert_file`."""
    proxies: Annotated[tuple[str, ...], AfterValidator(_check_addresses)] = ()
    """Addresses or networks of proxies: only their `X-Forwarded-For` and
    `X-Forwarded-Proto` are believed."""
    max_clients: int = Field(200, ge=1, le=100_000)
    """Live streams at once; each browser has one."""
    file_roots: Annotated[tuple[str, ...], AfterValidator(_check_roots)] = ()
    """Folders below which files may be read that rows of ISPyB name (unit cells,
    attachments, pictures of samples), beside the recorder's own results. `{proposal}`
    stands for code and number of the row's proposal, `{number}` for its number: with
    one of them a row shows files of its own proposal only."""
    insecure_dummy: bool = False
    """Let the authenticator `dummy` sign in whoever knows a login: for trying things
    out, on a loopback address only."""
    insecure_no_sign_in: bool = False
    """Listen on an address that others reach, without sign-in: everyone who reaches it
    reads all proposals."""

    @model_validator(mode="after")
    def _names_differ(self) -> WebSection:
        names = [one.name.casefold() for one in self.authenticator]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(
                f"two authenticators have the same name, {', '.join(twice)}: give each "
                "its own"
            )
        return self

    @model_validator(mode="before")
    @classmethod
    def _credentials_by_name(cls, data: Any) -> Any:
        return handed_out(data, "authenticator", cls.model_fields)


def web_section(section: WebSection, changes: Mapping[str, Any]) -> WebSection:
    """The section with what a command was told.

    Raises:
        ConfigError: It cannot be used.
    """
    try:
        return WebSection(**{**section.model_dump(), **changes})
    except ValidationError as error:
        item = error.errors(include_url=False, include_context=False)[0]
        raise ConfigError(f"{item['loc'][0]}: {item['msg']}") from error
