"""``recorder spool``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from recorder.commands.options import config_option, load_settings
from recorder.commands.out import say, say_json

if TYPE_CHECKING:
    from recorder.journal import Journal

sink_option = click.option("--sink", help="Only this sink [default: all]")


@click.group()
def command() -> None:
    """What each sink still has to write, and why it failed."""


@contextmanager
def _opened(
    config: Path | None, sink: str | None, *, read_only: bool
) -> Iterator[tuple[Journal, tuple[str, ...]]]:
    """The journal and the sinks that are meant; a daemon may go on beside."""
    from recorder.errors import UsageError
    from recorder.journal import Journal
    from recorder.journal.place import require_journal

    settings = load_settings(config)
    names = settings.sink_names
    if sink is not None and sink not in names:
        raise UsageError(f"no such sink: {sink}; there are {', '.join(names)}")
    require_journal(settings.journal_path)
    journal = Journal(settings.journal_path, read_only=read_only)
    try:
        yield journal, names if sink is None else (sink,)
    finally:
        journal.close()


@command.command()
@sink_option
@click.option("--json", "as_json", is_flag=True, help="As JSON, for programs.")
@config_option
def ls(sink: str | None, as_json: bool, config: Path | None) -> None:
    """List what waits, and what was refused and why."""
    from recorder.journal.spool import spool_state

    with _opened(config, sink, read_only=True) as (journal, sinks):
        state = spool_state(journal, sinks)
    if as_json:
        say_json(state)
        return
    for item in state:
        since = f", the oldest since {item['oldest']}" if item["oldest"] else ""
        say(
            f"{item['sink']}: {item['pending']} records to write{since}, "
            f"{len(item['parked'])} parked"
        )
        for record in item["parked"]:
            say(
                f"  {record['seq']}  run {record['run']} ({record['uid']})  "
                f"{record['kind']}  {record['error']}"
            )


@command.command()
@click.argument("seqs", type=int, nargs=-1)
@sink_option
@config_option
def retry(seqs: tuple[int, ...], sink: str | None, config: Path | None) -> None:
    """Have parked records written again: those named, or all."""
    from recorder.journal.spool import retry as again

    with _opened(config, sink, read_only=False) as (journal, sinks):
        count = again(journal, sinks, seqs)
    say(f"{count} records will be tried again, by the daemon that runs or the next one")


@command.command()
@click.argument("seqs", type=int, nargs=-1, required=True)
@click.option("--sink", required=True, help="The sink that refused them.")
@config_option
def drop(seqs: tuple[int, ...], sink: str, config: Path | None) -> None:
    """Give up parked records: the sink never gets them, the journal keeps them."""
    from recorder.journal.spool import drop as give_up

    with _opened(config, sink, read_only=False) as (journal, _):
        count = give_up(journal, sink, seqs)
    say(f"{count} records given up")


@command.command()
@click.argument("file", type=click.Path(path_type=Path), required=False)
@sink_option
@config_option
def export(file: Path | None, sink: str | None, config: Path | None) -> None:
    """Write what waits and what is parked as JSON lines to FILE, or to stdout."""
    from recorder.journal.spool import export as everything

    with _opened(config, sink, read_only=True) as (journal, sinks):
        bodies = [body for name in sinks for body in everything(journal, name)]
    if file is None:
        for body in bodies:
            say_json(body, indent=None)
        return
    lines = [json.dumps(body, separators=(",", ":")) + "\n" for body in bodies]
    file.write_text("".join(lines), encoding="utf-8")
    say(f"{file}: {len(lines)} records")
