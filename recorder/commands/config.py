"""``recorder config``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from recorder.commands.options import config_option
from recorder.config import Settings, find_config, load_settings


@click.group()
def command() -> None:
    """The configuration's schema, and the effective configuration."""


@command.command()
def schema() -> None:
    """The JSON schema of the configuration file."""
    click.echo(json.dumps(schema_json(), indent=1))


def schema_json() -> dict[str, object]:
    """The schema, the same on every host."""
    return Settings.model_json_schema()


@command.command()
@config_option
def show(config: Path | None) -> None:
    """The effective configuration, secrets hidden."""
    settings = load_settings(config)
    click.echo(f"# from {find_config(config) or 'the built-in embedded default'}")
    click.echo(json.dumps(settings.model_dump(mode="json"), indent=1))
