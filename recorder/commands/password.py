"""``recorder password``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from recorder.commands.out import say

MIN_LENGTH = 10
"""Characters of a new password. Chosen, not tuned: longer ones are better still."""


@click.command()
@click.argument("login")
@click.option("--name", default="", help="Name shown to people.")
@click.option(
    "--file",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to write; default: print the line.",
)
def command(login: str, name: str, path: Path | None) -> None:
    """One more person in a file of passwords for the authenticator `local`."""
    from recorder.authenticators.password_file import Account, line_of, with_account
    from recorder.authenticators.password_hashes import password_hash
    from recorder.errors import UsageError

    line_of(Account(login, "", name))  # before anybody types
    password = _typed()
    if len(password) < MIN_LENGTH:
        raise UsageError(f"the password is shorter than {MIN_LENGTH} characters")
    account = Account(login, password_hash(password), name)
    if path is None:
        say(line_of(account))
        return
    try:
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o640
        temporary = path.with_name(f".{path.name}.tmp")
        place = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(place, "w", encoding="utf-8") as file:
            file.write(with_account(before, account))
        if path.exists():
            owner = path.stat()
            os.chown(temporary, owner.st_uid, owner.st_gid)
            temporary.chmod(mode)
        temporary.replace(path)
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: cannot be written: {error}") from error
    say(f"{path}: {login} can sign in")


def _typed() -> str:
    """From a terminal, hidden and twice; else a line of the input."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    typed: str = click.prompt(
        "Password", hide_input=True, confirmation_prompt=True, err=True
    )
    return typed
