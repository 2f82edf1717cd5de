"""``recorder archive``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from recorder.commands.options import config_option, configure_for_people, load_settings
from recorder.commands.out import say, say_json

if TYPE_CHECKING:
    from recorder.config import Settings
    from recorder.journal import Journal
    from recorder.journal.archive.choosing import Choice, Wish

_MB = 1 << 20
"""Bytes of a MiB."""


@click.group(invoke_without_command=True)
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where to [default: journal.archive_folder]",
)
@click.option(
    "--older-than",
    "days",
    type=click.FloatRange(min=0, min_open=True),
    help="Runs sealed so many days ago [default: journal.archive_after_days]",
)
@click.option(
    "--over-mb",
    type=click.IntRange(min=0),
    help="The oldest runs, until the journal uses no more "
    "[default: journal.archive_over_mb]",
)
@click.option(
    "--run", "name", help="This run alone: its number, or its uid's beginning."
)
@click.option(
    "--yes",
    is_flag=True,
    help="Archive. Without it a terminal is only shown what would go; elsewhere, as in "
    "a timer, it archives.",
)
@click.option("--dry-run", is_flag=True, help="Only show what would be archived.")
@click.option("--json", "as_json", is_flag=True, help="As JSON, for programs.")
@config_option
@click.pass_context
def command(
    ctx: click.Context,
    folder: Path | None,
    days: float | None,
    over_mb: int | None,
    name: str | None,
    yes: bool,
    dry_run: bool,
    as_json: bool,
    config: Path | None,
) -> None:
    """Move images and events of old runs out of the journal, one file for each run.

    Only runs go that are sealed and that every sink has written; their descriptions
    and reports stay. A file is read again and compared before anything is removed.
    """
    if ctx.invoked_subcommand is not None:
        return
    from recorder.errors import UsageError

    if yes and dry_run:
        raise UsageError("--yes and --dry-run: only one of them")
    settings = load_settings(config)
    configure_for_people(settings)
    with _journal(settings, read_only=True) as journal:
        wish = _wish(settings, journal, days, over_mb, name)
        choices = _chosen(settings, journal, wish)
        used = journal.used_bytes()
    writing = yes or not (dry_run or _on_a_terminal())
    to = folder or settings.journal.archive_folder
    if writing and to is None:
        raise UsageError("say where to: --folder, or journal.archive_folder")
    if writing and to is not None:
        moved = _archive(settings, wish, to)
    else:
        moved = []
    if as_json:
        say_json({"runs": [_as_json(c) for c in choices], "archived": moved})
    else:
        say(*_table(choices, used))
        if not writing:
            say("nothing was archived" + ("" if dry_run else "; --yes archives"))
        else:
            say(*(f"{item['file']}" for item in moved))
            say(f"{_runs(len(moved))} archived")
    left = {c.known.uid for c in choices if not c.why_not} - {m["uid"] for m in moved}
    refused = name is not None and any(c.why_not for c in choices)
    sys.exit(1 if refused or (writing and left) else 0)


def _on_a_terminal() -> bool:
    """Whether somebody watches, also through a pager."""
    return any(s.isatty() for s in (sys.stdin, sys.stdout, sys.stderr))


@contextmanager
def _journal(settings: Settings, *, read_only: bool) -> Iterator[Journal]:
    """The journal; a daemon may go on beside."""
    from recorder.journal import Journal
    from recorder.journal.place import require_journal

    require_journal(settings.journal_path)
    journal = Journal(settings.journal_path, read_only=read_only)
    try:
        yield journal
    finally:
        journal.close()


def _wish(
    settings: Settings,
    journal: Journal,
    days: float | None,
    over_mb: int | None,
    name: str | None,
) -> Wish:
    from recorder.errors import UsageError
    from recorder.journal.archive.choosing import Wish
    from recorder.reports.which_run import meant
    from recorder.runtime.host_clock import arrival_ns

    if name is not None:
        if days is not None or over_mb is not None:
            raise UsageError("--run names one run: give no --older-than or --over-mb")
        return Wish(arrival_ns(), uid=meant(journal, name).uid)
    if days is None and over_mb is None:
        days = settings.journal.archive_after_days
        over_mb = settings.journal.archive_over_mb
    if days is None and over_mb is None:
        raise UsageError(
            "say which runs: --older-than DAYS, --over-mb MB or --run RUN, or set "
            "journal.archive_after_days or journal.archive_over_mb"
        )
    return Wish(arrival_ns(), days, None if over_mb is None else over_mb * _MB)


def _chosen(settings: Settings, journal: Journal, wish: Wish) -> list[Choice]:
    from recorder.journal.archive.choosing import choose
    from recorder.reports.journal_mark import sinks_of

    return choose(journal, wish, sinks_of(settings, journal))


def _archive(settings: Settings, wish: Wish, folder: Path) -> list[dict[str, object]]:
    from recorder.journal.archive.work import archive_all
    from recorder.reports.journal_mark import sinks_of

    moved: list[dict[str, object]] = []
    with _journal(settings, read_only=False) as journal:
        archive_all(
            journal,
            wish,
            sinks_of(settings, journal),
            folder.absolute(),
            lambda item: moved.append({"uid": item.uid, **item.where.to_json()}),
        )
    return moved


def _as_json(choice: Choice) -> dict[str, object]:
    known = choice.known
    return {
        "run": known.number,
        "uid": known.uid,
        "experiment": known.experiment,
        "images": choice.images,
        "mb": round(choice.share / _MB, 3),
        "sealed_ns": known.described_ns if known.sealed else None,
        "stays_because": choice.why_not or None,
    }


def _runs(number: int) -> str:
    return "1 run" if number == 1 else f"{number} runs"


def _table(choices: list[Choice], used: int) -> Iterator[str]:
    """What goes and what stays, for people."""
    from recorder.records.times import iso

    if choices:
        yield f"{'run':>5}  {'sealed':<16}  {'images':>10}  {'MB':>8}  experiment"
    for choice in choices:
        known = choice.known
        sealed = (iso(known.described_ns) or "")[:16] if known.sealed else "goes on"
        line = f"{known.number:>5}  {sealed:<16}  {choice.images:>10}  "
        line += f"{choice.share / _MB:>8.1f}  {known.experiment} ({known.uid})"
        yield line + (f": stays: {choice.why_not}" if choice.why_not else "")
    going = [choice for choice in choices if not choice.why_not]
    share = sum(choice.share for choice in going)
    sizes = f"about {share / _MB:.0f} of {used / _MB:.0f} MB"
    yield f"{_runs(len(going))} to archive, {sizes}; {len(choices) - len(going)} stay"


@command.command()
@click.argument("run")
@config_option
def restore(run: str, config: Path | None) -> None:
    """Bring a run back into the journal; its file stays.

    RUN is a run number (the latest of that number) or the beginning of a uid.
    """
    settings = load_settings(config)
    configure_for_people(settings)
    from recorder.journal.archive.place import moving
    from recorder.journal.archive.restoring import restore_run
    from recorder.reports.which_run import meant

    with _journal(settings, read_only=False) as journal, moving(journal.path):
        known = meant(journal, run)
        where = restore_run(journal, known)
    say(f"run {known.number} ({known.uid}): {where.images} images are back")


@command.command()
@click.option(
    "--verify", is_flag=True, help="Read each file, and compare its checksum."
)
@click.option("--json", "as_json", is_flag=True, help="As JSON, for programs.")
@config_option
def ls(verify: bool, as_json: bool, config: Path | None) -> None:
    """List archived runs and where they lie; whether their files are there."""
    settings = load_settings(config)
    configure_for_people(settings)
    from recorder.journal.archive.listing import archived_runs

    with _journal(settings, read_only=True) as journal:
        found = archived_runs(journal, verify=verify)
    if as_json:
        say_json(found)
    else:
        for item in found:
            problem = f": {item['problem']}" if item["problem"] else ""
            size = f"{item['file_bytes'] / _MB:.1f} MB"
            where = f"{size}  {item['file']}{problem}"
            say(f"run {item['run']} ({item['uid']})  {where}")
        say(f"{_runs(len(found))} archived")
    sys.exit(1 if any(item["problem"] for item in found) else 0)
