"""``recorder check``."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import click

from recorder.commands.options import config_option, find_config, load_settings
from recorder.commands.out import say


@click.command()
@config_option
def command(config: Path | None) -> None:
    """Configuration, database, broker, detector: ok, or what to do; one line each."""
    settings = load_settings(config)
    say(f"ok    configuration  {find_config(config) or 'embedded default'}")
    from recorder.service.check import check_all
    from recorder.service.safety import safety_lines
    from recorder.web.safe import page_lines

    good = True
    lines = asyncio.run(check_all(settings))
    lines += page_lines(settings.web)
    for line in (*lines, *safety_lines(settings, find_config(config))):
        good = good and line.ok
        say(f"{line.word:<5} {line.what:<14} {line.text}")
    sys.exit(0 if good else 1)
