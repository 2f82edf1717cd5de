"""``recorder run``."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from recorder.commands.options import config_option, configure, load_settings


@click.command()
@config_option
def command(config: Path | None) -> None:
    """The daemon: record until told to stop."""
    settings = load_settings(config)
    configure(settings.log.level, settings.log.format)
    from recorder.service.daemon import run_daemon

    asyncio.run(run_daemon(settings))
