"""``recorder token``."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from recorder.commands.options import config_option, configure, load_settings
from recorder.commands.out import say, say_json

if TYPE_CHECKING:
    from recorder.config import Settings
    from recorder.web.sign_in.store import Store
    from recorder.web.sign_in.ways import Way

PEER = "command line"
"""Where a token was made, for those who list it."""


@click.group()
def command() -> None:
    """Tokens for programs and screens, of the page of this host."""


@contextmanager
def _opened(config: Path | None) -> Iterator[tuple[Settings, Store]]:
    """The configuration, and the file of tokens; `recorder web` may go on beside."""
    from recorder.errors import MissingExtraError

    settings = load_settings(config)
    configure(settings.log.level, settings.log.format)
    try:
        from recorder.web.place import own_folder
        from recorder.web.sign_in.store import Store
    except ModuleNotFoundError as error:
        raise MissingExtraError("web", "`recorder token`") from error
    store = Store(own_folder(settings))
    try:
        yield settings, store
    finally:
        store.close()


@command.command()
@click.argument("label")
@click.option("--login", help="Whose it is: it shows what they may see.")
@click.option("--scope", "scopes", multiple=True, help="What it may; several times.")
@click.option("--screen", "address", help="For a screen at this address, instead.")
@click.option("--days", type=int, default=30, show_default=True, help="At most 90.")
@click.option("--beamline", default="", help="It shows this beamline only.")
@click.option("--proposal", default="", help="It shows this proposal only.")
@click.option("--session", type=int, help="It shows this session only, by its id.")
@config_option
def make(
    label: str,
    login: str | None,
    scopes: tuple[str, ...],
    address: str | None,
    days: int,
    beamline: str,
    proposal: str,
    session: int | None,
    config: Path | None,
) -> None:
    """Make a token, called LABEL, and print it; it is shown this once."""
    from recorder.runtime.log import get_logger
    from recorder.web.sign_in.book import keep_token
    from recorder.web.sign_in.secret_texts import API, new_secret
    from recorder.web.sign_in.token_wishes import told

    with _opened(config) as (_, store):
        within = {"beamline": beamline, "proposal": proposal, "session": session}
        asked: dict[str, object] = {"label": label, "scopes": list(scopes), **within}
        asked["days"] = days
        way = _wished(asked, login, address)
        secret = new_secret(API)
        keep_token(store, way, secret)
    get_logger("web").info(
        "token_made",
        login=way.identity.login,
        key=way.key,
        kind=way.kind.value,
        label=way.label,
        scopes=" ".join(told(way.scopes)),
        days=days,
        address=way.peer,
    )
    say(secret)


def _wished(asked: Mapping[str, object], login: str | None, address: str | None) -> Way:
    """The token that the options ask for.

    Raises:
        UsageError: They make no sense.
    """
    import ipaddress

    from pydantic import TypeAdapter, ValidationError

    from recorder.errors import UsageError
    from recorder.records.access import Identity
    from recorder.web.problems import ProblemError
    from recorder.web.sign_in.asking import is_login
    from recorder.web.sign_in.token_wishes import Wish, way_of, way_of_screen

    if (login is None) == (address is None):
        raise UsageError("give --login (and --scope) for a program, or --screen")
    if address is not None:
        asked = {**asked, "scopes": asked["scopes"] or ["read:live"]}
    try:
        wish = TypeAdapter(Wish).validate_python(asked)
    except ValidationError as error:
        item = error.errors(include_url=False, include_context=False)[0]
        raise UsageError(f"{item['loc'][0]}: {item['msg']}") from error
    if login is not None:
        if not is_login(login):
            raise UsageError("--login: at most 64 letters, digits and ._@-")
        try:
            return way_of(wish, Identity(login), "", PEER, time.time())
        except ProblemError as error:
            raise UsageError(f"--{error}".replace("--scopes", "--scope")) from error
    try:
        peer = str(ipaddress.ip_address(address or ""))
    except ValueError as error:
        raise UsageError("--screen: an address such as 192.0.2.30") from error
    if [str(scope) for scope in wish.scopes] != ["read:live"] or any(
        (wish.beamline, wish.proposal, wish.session)
    ):
        raise UsageError("a screen shows what goes on at this beamline, no more")
    return way_of_screen(wish.label, wish.days, peer, time.time())


@command.command("list")
@click.option("--login", help="Of this person only.")
@click.option("--json", "as_json", is_flag=True, help="As JSON, for programs.")
@config_option
def list_(login: str | None, as_json: bool, config: Path | None) -> None:
    """List sessions and tokens; no secret is among it."""
    with _opened(config) as (_, store):
        ways = [way for way in store.list(login) if not way.is_over(time.time())]
    if as_json:
        say_json([_shown(way) for way in ways])
        return
    for way in ways:
        item = _shown(way)
        label = f"  {way.label}" if way.label else ""
        may = f"  {' '.join(item['scopes'])}" if way.kind in ("token", "kiosk") else ""
        only = f"  only {item['only']}" if item["only"] else ""
        say(
            f"{way.key}  {way.kind}  {way.identity.login}  from {way.peer}  "
            f"until {item['ends']}{label}{may}{only}"
        )


def _shown(way: Way) -> dict[str, Any]:
    from recorder.web.sign_in.token_wishes import told, within

    return {
        "key": way.key,
        "kind": way.kind.value,
        "login": way.identity.login,
        "label": way.label,
        "address": way.peer,
        "authenticator": way.authenticator,
        "made": _day(way.made_s),
        "ends": _day(way.ends_s),
        "used": _day(way.used_s),
        "scopes": list(told(way.scopes)),
        "only": within(way.only),
    }


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


@command.command()
@click.argument("keys", nargs=-1, required=True)
@config_option
def revoke(keys: tuple[str, ...], config: Path | None) -> None:
    """End sessions or tokens, by the keys of the list; open streams within 5 s."""
    from recorder.errors import UsageError
    from recorder.runtime.log import get_logger

    log = get_logger("web")
    missing = []
    with _opened(config) as (_, store):
        for key in keys:
            way = store.remove(key)
            if way is None:
                missing.append(key)
                continue
            log.info(
                "token_revoked",
                login=way.identity.login,
                key=key,
                kind=way.kind.value,
                label=way.label,
                address=PEER,
            )
    if missing:
        raise UsageError(f"no session or token {', '.join(missing)}; see the list")
