"""``recorder status``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from recorder.commands.options import config_option, load_settings
from recorder.commands.out import say_json, say_text


@click.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON, for programs.")
@config_option
def command(as_json: bool, config: Path | None) -> None:
    """Is a daemon alive, which run, what is wrong.

    Asks neither the broker nor the daemon, only the state directory. Exit code: 0
    well, 1 something is wrong, 3 no daemon, 4 cannot tell.
    """
    settings = load_settings(config)
    from recorder.reports.life import life_json, look
    from recorder.reports.life_text import life_text

    life = look(settings.state_directory, settings.sink_names)
    if as_json:
        say_json(life_json(life))
    else:
        say_text(life_text(life))
    sys.exit(life.exit_code)
