"""``recorder config``."""

from __future__ import annotations

from pathlib import Path

import click

from recorder.commands.options import config_option, find_config, load_settings
from recorder.commands.out import say, say_json


@click.group()
def command() -> None:
    """The schemas, the effective configuration, and the files for the host."""


@command.command()
@click.option("--report", is_flag=True, help="That of the report instead.")
@click.option("--api", is_flag=True, help="The read API's OpenAPI document instead.")
@click.option("--pyispyb", is_flag=True, help="That of py-ISPyB's API instead.")
def schema(report: bool, api: bool, pyispyb: bool) -> None:
    """The JSON schema of the configuration file, of the report, or the read API."""
    from recorder.records.report_json import report_schema

    if api:
        say_json(_api())
    elif pyispyb:
        say_json(_pyispyb())
    else:
        say_json(report_schema() if report else schema_json())


def _api() -> dict[str, object]:
    from recorder.errors import MissingExtraError

    try:
        from recorder.web.openapi import openapi
    except ModuleNotFoundError as error:
        raise MissingExtraError("web", "the read API's document") from error
    return openapi()


def _pyispyb() -> dict[str, object]:
    from recorder.errors import MissingExtraError

    try:
        from recorder.web.pyispyb.calls import openapi
    except ModuleNotFoundError as error:
        raise MissingExtraError("web", "the document of py-ISPyB's API") from error
    return openapi()


def schema_json() -> dict[str, object]:
    """The schema, the same on every host."""
    from recorder.config import Settings

    return Settings.model_json_schema()


@command.command()
@config_option
def show(config: Path | None) -> None:
    """The effective configuration, secrets hidden."""
    settings = load_settings(config)
    say(f"# from {find_config(config) or 'the built-in embedded default'}")
    say_json(settings.model_dump(mode="json"))


@command.command()
@click.argument("name", required=False)
def files(name: str | None) -> None:
    """Where the unit files, the example configuration and the schemas are.

    With NAME, such as recorder.service, only its path.
    """
    from recorder.errors import UsageError
    from recorder.service.shipped import shipped_files

    found = shipped_files()
    if name is None:
        say(*(f"{item:<24} {path}" for item, path in found.items()))
    elif name in found:
        say(found[name])
    else:
        raise UsageError(f"no such file: {name}; there are {', '.join(found)}")
