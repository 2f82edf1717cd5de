"""``recorder tail``."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from recorder.commands.out import say, say_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from recorder.terminal.log_lines import Entry

LINES = 50
"""Events that are shown at first: two screens. Chosen, not tuned."""


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("-f", "--follow", is_flag=True, help="Go on as events come.")
@click.option(
    "-n",
    "--lines",
    type=click.IntRange(min=0),
    help=f"The last so many events; default: {LINES}, or all with --since.",
)
@click.option("--run", help="Only of a run: its number, or the beginning of its uid.")
@click.option(
    "--level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="debug",
    help="Only of this level and above.",
)
@click.option(
    "--event",
    "events",
    multiple=True,
    help="Only events of this name; * stands for any text. May be given several times.",
)
@click.option("--since", help="Only from then on: 10m, 2h, 14:30, 2026-11-28 03:00.")
@click.option("--json", "as_json", is_flag=True, help="As JSON lines, for programs.")
@click.option(
    "--unit",
    default="recorder",
    show_default=True,
    help="Unit of systemd whose log is read.",
)
def command(
    file: Path | None,
    follow: bool,
    lines: int | None,
    run: str | None,
    level: str,
    events: tuple[str, ...],
    since: str | None,
    as_json: bool,
    unit: str,
) -> None:
    """The log for people, one line an event, times of this host.

    FILE is a log in JSON lines (- is standard input); without one journald is read.
    Ctrl-C ends it.
    """
    from recorder.terminal.journald import Journald
    from recorder.terminal.log_file import LogFile
    from recorder.terminal.log_lines import Choice
    from recorder.terminal.since import moment_of

    start = moment_of(since, datetime.now().astimezone()) if since else None
    choice = Choice(run, level, events, start)
    if lines is None and since is None:
        lines = LINES
    log = Journald(unit, choice) if file is None else LogFile(file, choice)
    show = _showing(as_json)
    try:
        found = log.last(lines)
        for entry in found:
            show(entry)
        if not found and not follow and file is None:
            say(_nothing(unit), err=True)
        if follow:
            for new in log.follow():
                if new is not None:
                    show(new)
        elif isinstance(log, LogFile):
            for entry in log.rest():
                show(entry)
    except KeyboardInterrupt:
        pass
    finally:
        log.close()
        if log.left_out:
            say(f"{log.left_out} lines that are no events were left out", err=True)


def _nothing(unit: str) -> str:
    return (
        f"journald has no such event of unit {unit}: is it another unit (--unit), or "
        "are you not in group systemd-journal?"
    )


def _showing(as_json: bool) -> Callable[[Entry], None]:
    """What prints an event; programs get no line that is none."""
    if as_json:
        return lambda entry: (
            say_json(dict(entry.fields), indent=None) if (entry.fields) else None
        )
    from rich.console import Console

    from recorder.terminal.log_lines import shown

    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")
    console = Console(highlight=False, markup=False, emoji=False)
    return lambda entry: console.print(shown(entry), soft_wrap=True)
