"""``recorder config``."""

from __future__ import annotations

from pathlib import Path

import click

from recorder.commands.options import config_option
from recorder.commands.out import say, say_json
from recorder.config import Settings, find_config, load_settings


@click.group()
def command() -> None:
    """The schemas, and the effective configuration."""


@command.command()
@click.option("--report", is_flag=True, help="That of the report instead.")
def schema(report: bool) -> None:
    """The JSON schema of the configuration file, or of the report."""
    from recorder.records.report_json import report_schema

    say_json(report_schema() if report else schema_json())


def schema_json() -> dict[str, object]:
    """The schema, the same on every host."""
    return Settings.model_json_schema()


@command.command()
@config_option
def show(config: Path | None) -> None:
    """The effective configuration, secrets hidden."""
    settings = load_settings(config)
    say(f"# from {find_config(config) or 'the built-in embedded default'}")
    say_json(settings.model_dump(mode="json"))
