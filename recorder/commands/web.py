"""``recorder web``."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from recorder.commands.options import config_option, configure, load_settings
from recorder.commands.out import say


@click.command()
@click.option("--host", help="Address to listen on; default: web.host.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="Port to listen on, 0 for any free one; default: web.port.",
)
@click.option(
    "--journal",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="State directory of another journal than the configured one: of a replay, "
    "of last week.",
)
@click.option(
    "--pyispyb-ui",
    "ui_folder",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Serve this build of py-ISPyB's own page as well, at a port of its own.",
)
@click.option(
    "--ui-port",
    type=click.IntRange(0, 65535),
    default=3000,
    show_default=True,
    help="Port of that page, 0 for any free one.",
)
@config_option
def command(
    host: str | None,
    port: int | None,
    folder: Path | None,
    ui_folder: Path | None,
    ui_port: int,
    config: Path | None,
) -> None:
    """The live page and its API, a process beside the daemon.

    It only reads, and works without a daemon as well. It listens on 127.0.0.1 unless
    people sign in, with TLS, or web.insecure_no_sign_in is set.
    """
    settings = load_settings(config)
    configure(settings.log.level, settings.log.format)
    from recorder.config.web import web_section
    from recorder.errors import MissingExtraError, UsageError

    try:
        from recorder.web.place import place_of
        from recorder.web.pyispyb.ui import UiPlace
        from recorder.web.serving import serve
    except ModuleNotFoundError as error:
        raise MissingExtraError("web", "`recorder web`") from error
    if folder is not None and not folder.is_dir():
        raise UsageError(f"{folder}: no such folder; give a state directory")
    asked = {"host": host, "port": port}
    web = web_section(settings.web, {k: v for k, v in asked.items() if v is not None})
    place = place_of(
        settings.model_copy(update={"web": web}), folder and folder.resolve()
    )
    ui = None if ui_folder is None else UiPlace(ui_folder.resolve(), ui_port)

    def tell(address: str) -> None:
        say(f"{address}  (Ctrl-C ends it)")

    asyncio.run(serve(place, tell, ui))
