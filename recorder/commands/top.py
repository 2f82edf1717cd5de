"""``recorder top``."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import click

from recorder.commands.options import config_option, configure, load_settings


@click.command()
@click.option("--once", is_flag=True, help="Print one picture and end, for scripts.")
@click.option(
    "--journal",
    "folder",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="State directory of another journal than the configured one: of a replay, "
    "of last week.",
)
@config_option
def command(once: bool, folder: Path | None, config: Path | None) -> None:
    """The live page in this terminal; Ctrl-C ends it.

    It reads the daemon's live state and the journal, and needs neither the web
    process nor a daemon. Where it does not write to a terminal, it prints one
    picture. NO_COLOR=1 leaves the colours out.
    """
    settings = load_settings(config)
    configure("error", "console")
    from rich.console import Console

    from recorder.runtime.live_file import told_live_folder
    from recorder.terminal.watching import Watcher, show_once, watch
    from recorder.web.place import place_of

    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")
    console = Console(highlight=False, markup=False, emoji=False)
    place = place_of(settings, folder and folder.resolve())
    live = told_live_folder(place.settings.state_directory)
    watcher = Watcher(replace(place, live=live))
    try:
        if once or not console.is_terminal or console.is_dumb_terminal:
            show_once(watcher, console)
        else:
            watch(watcher, console)
    finally:
        watcher.close()
