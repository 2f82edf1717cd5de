"""What several commands share; nothing heavy is imported before a command is called."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from recorder.config import Settings


def config_option(function: Any) -> Any:
    """The option ``-c/--config`` of every command."""
    return click.option(
        "-c",
        "--config",
        "config",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Configuration file; default: $RECORDER_CONFIG, then "
        "/etc/recorder/recorder.toml, then the built-in embedded default.",
    )(function)


def load_settings(config: Path | None) -> Settings:
    """See :func:`recorder.config.load_settings`; imported when it is called."""
    from recorder.config import load_settings as load

    return load(config)


def find_config(config: Path | None) -> Path | None:
    """See :func:`recorder.config.find_config`; imported when it is called."""
    from recorder.config import find_config as find

    return find(config)


def configure(level: str, fmt: str) -> None:
    """See :func:`recorder.runtime.log.configure`; imported when it is called."""
    from recorder.runtime.log import configure as set_up

    set_up(level, fmt)


def configure_for_people(settings: Settings) -> None:
    """The same for a command that says itself what it did.

    Whoever reads that on a terminal reads no log of it beside it, but for warnings.
    """
    level = settings.log.level
    if level == "info" and sys.stderr.isatty():
        level = "warning"
    configure(level, settings.log.format)
