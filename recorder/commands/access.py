"""``recorder access``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from recorder.commands.options import config_option, configure_for_people, load_settings
from recorder.commands.out import say, say_json

if TYPE_CHECKING:
    from recorder.ispyb.access.changing import Administration, Tools

person_option = click.option(
    "--person", "persons", multiple=True, metavar="LOGIN", help="Somebody."
)
permission_option = click.option(
    "--permission",
    "permissions",
    multiple=True,
    metavar="NAME",
    help="A permission, such as all_proposals.",
)
create_option = click.option(
    "--create", is_flag=True, help="Make what is not there: else names are checked."
)


@click.group()
def command() -> None:
    """Who may see what, and why; groups, permissions and persons."""


@command.command()
@click.argument("login")
@click.option("--json", "as_json", is_flag=True, help="As JSON, for programs.")
@config_option
def who(login: str, as_json: bool, config: Path | None) -> None:
    """What a person sees and why, each with the rows it comes from.

    As the web process reads it: with the database of web.ispyb, and what the
    configuration says beside it.
    """
    from recorder.ispyb.access.explaining import as_json as to_json
    from recorder.ispyb.access.explaining import in_words
    from recorder.ispyb.people.asking import People
    from recorder.ispyb.schema.database import shown_url
    from recorder.records.access import Identity

    people = People(load_settings(config))
    try:
        look = people.look(Identity(login))
        others = () if look.rows.persons else people.logins()
        reader = people.reader
        where = "no database" if reader is None else shown_url(reader.engine)
    finally:
        people.close()
    if as_json:
        say_json(to_json(look, where))
    else:
        say(*in_words(look, where, others))


@command.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON, for programs.")
@config_option
def groups(as_json: bool, config: Path | None) -> None:
    """List groups with their permissions and persons."""
    with _administration(config) as administration:
        found = administration.groups()
    if as_json:
        say_json(
            [
                {
                    "group_id": group.group_id,
                    "name": group.name,
                    "permissions": group.permissions,
                    "persons": group.persons,
                }
                for group in found
            ]
        )
        return
    for group in found:
        say(
            f"{group.name} (UserGroup {group.group_id})",
            f"  permissions: {', '.join(group.permissions) or 'none'}",
            f"  persons: {', '.join(group.persons) or 'none'}",
        )


@command.command()
@click.argument("group")
@person_option
@permission_option
@create_option
@config_option
def grant(
    group: str,
    persons: tuple[str, ...],
    permissions: tuple[str, ...],
    create: bool,
    config: Path | None,
) -> None:
    """Add persons and permissions to GROUP."""

    def change(tools: Tools) -> None:
        number = tools.members.group(group, create=create)
        for permission in permissions:
            tools.members.grant(number, group, permission, create=create)
        for login in persons:
            tools.members.add(number, group, login)

    _change(config, change)


@command.command()
@click.argument("group")
@person_option
@permission_option
@config_option
def revoke(
    group: str,
    persons: tuple[str, ...],
    permissions: tuple[str, ...],
    config: Path | None,
) -> None:
    """Remove persons and permissions from GROUP."""

    def change(tools: Tools) -> None:
        number = tools.members.group(group, create=False)
        for permission in permissions:
            tools.members.revoke(number, group, permission)
        for login in persons:
            tools.members.remove(number, group, login)

    _change(config, change)


@command.command()
@click.argument("login")
@click.option("--given-name", "givenName", help="Given name.")
@click.option("--family-name", "familyName", help="Family name.")
@click.option("--mail", "emailAddress", help="Address of electronic mail.")
@click.option(
    "--proposal", "proposals", multiple=True, help="They are a person of, as mx2345."
)
@click.option(
    "--session",
    "sessions",
    type=int,
    multiple=True,
    help="They are a person of, by id.",
)
@click.option("--role", help="In proposals and sessions; as the tables have it.")
@click.option(
    "--remove",
    is_flag=True,
    help="They are no person of these any more.",
)
@create_option
@config_option
def person(
    login: str,
    proposals: tuple[str, ...],
    sessions: tuple[int, ...],
    role: str | None,
    remove: bool,
    create: bool,
    config: Path | None,
    **names: str | None,
) -> None:
    """Enter LOGIN, and make them a person of proposals and sessions.

    Where a user office keeps these tables, it does so itself.
    """
    from recorder.ispyb.access.persons import Wanted

    given = {column: text for column, text in names.items() if text is not None}
    wanted = Wanted(login, given, proposals, sessions, role)

    def change(tools: Tools) -> None:
        if remove:
            tools.persons.leave(wanted)
        else:
            tools.persons.enter(wanted, create=create)

    _change(config, change)


@command.command()
@click.argument("permission")
@click.argument("names", nargs=-1)
@click.option("--none", is_flag=True, help="It opens no beamline any more.")
@click.option("--group-name", help="Of a new beamline group [default: the permission]")
@create_option
@config_option
def beamlines(
    permission: str,
    names: tuple[str, ...],
    none: bool,
    group_name: str | None,
    create: bool,
    config: Path | None,
) -> None:
    """Have PERMISSION open these beamlines and no others, by py-ISPyB's rules."""
    from recorder.errors import UsageError

    if none is bool(names):
        raise UsageError("name beamlines, or give --none")
    name = group_name or permission
    _change(
        config,
        lambda tools: tools.beamlines.set(permission, names, name, create=create),
    )


@contextmanager
def _administration(config: Path | None) -> Iterator[Administration]:
    from recorder.ispyb.access.changing import Administration

    settings = load_settings(config)
    configure_for_people(settings)
    administration = Administration(settings)
    try:
        yield administration
    finally:
        administration.close()


def _change(config: Path | None, do: Callable[[Tools], None]) -> None:
    with _administration(config) as administration:
        changes = administration.change(do)
    for change in changes:
        say(f"{change.action.replace('_', ' ')}: {change.text}")
    if not changes:
        say("nothing to change")
