"""``recorder sync``."""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from recorder.commands.options import config_option, configure_for_people, load_settings
from recorder.commands.out import say, say_json

if TYPE_CHECKING:
    from recorder.config import Settings
    from recorder.portal.report import Report
    from recorder.portal.sync import Wish


@click.command()
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option("--portal", "name", help="Fetch from this portal of the configuration.")
@click.option(
    "--yes",
    "--apply",
    "apply",
    is_flag=True,
    help="Write; on a terminal it is only shown what would be written.",
)
@click.option("--dry-run", is_flag=True, help="Only show what would be written.")
@click.option(
    "--close-absent",
    is_flag=True,
    help="Remove persons from proposals and sessions that do not name them any more.",
)
@click.option("--json", "as_json", is_flag=True, help="As JSON, for programs.")
@config_option
def command(
    file: Path | None,
    name: str | None,
    apply: bool,
    dry_run: bool,
    close_absent: bool,
    as_json: bool,
    config: Path | None,
) -> None:
    """Bring ISPyB up to what the user portal says: FILE, - for stdin, or a portal.

    Without FILE all portals of the configuration are asked.
    """
    from recorder.errors import UsageError

    if apply and dry_run:
        raise UsageError("--yes and --dry-run: only one of them")
    if file is not None and name is not None:
        raise UsageError("FILE and --portal: only one of them")
    settings = load_settings(config)
    configure_for_people(settings)
    writing = apply or not (dry_run or _on_a_terminal())
    if file is not None:
        good = _file(settings, file, writing, close_absent, as_json)
    else:
        good = _portals(settings, name, writing, close_absent, as_json)
    if not writing and not as_json:
        say("nothing was written" + ("" if dry_run else "; --yes writes it"))
    sys.exit(0 if good else 1)


def _on_a_terminal() -> bool:
    """Whether somebody watches, also through a pager."""
    return any(s.isatty() for s in (sys.stdin, sys.stdout, sys.stderr))


def _wish(origin: str, apply: bool, close_absent: bool) -> Wish:
    from recorder.portal.sync import Wish

    return Wish(_who(), origin, apply, close_absent)


def _who() -> str:
    """The account of the host that the command runs for."""
    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def _file(
    settings: Settings,
    file: Path,
    apply: bool,
    close_absent: bool,
    as_json: bool,
) -> bool:
    from recorder.errors import UsageError
    from recorder.portal.json_text import MAX_FILE_BYTES, documents
    from recorder.portal.sync import synchronise

    name = "stdin" if file == Path("-") else file.name
    try:
        with sys.stdin.buffer if file == Path("-") else file.open("rb") as opened:
            data = opened.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}") from error
    found = documents(data, name)
    report = synchronise(settings, found, _wish(name, apply, close_absent))
    _show(report, as_json)
    return report.good


def _portals(
    settings: Settings,
    name: str | None,
    apply: bool,
    close_absent: bool,
    as_json: bool,
) -> bool:
    from recorder.errors import PortalUnavailableError, UsageError
    from recorder.portal.fetching import fetched

    known = {section.name: section for section in settings.sync.portal}
    if name is not None and name not in known:
        listed = ", ".join(known) or "none"
        raise UsageError(f"no such portal: {name}; configured: {listed}")
    if not known:
        raise UsageError("name a FILE, or configure a portal ([[sync.portal]])")
    good = True
    for section in known.values() if name is None else (known[name],):
        wish = _wish(section.name, apply, close_absent)
        try:
            for report in fetched(settings, section, wish):
                _show(report, as_json)
                good = good and report.good
        except PortalUnavailableError as error:
            say(f"portal {section.name}: {error}", err=True)
            good = False
    return good


def _show(report: Report, as_json: bool) -> None:
    if as_json:
        say_json(report.as_json())
    else:
        say(*report.lines())
