"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click


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
