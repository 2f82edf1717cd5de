"""``recorder cluster``."""

from __future__ import annotations

from pathlib import Path

import click

from recorder.commands import cluster_dask
from recorder.commands.options import config_option, load_settings
from recorder.commands.out import say


@click.group()
def command() -> None:
    """Other hosts that classify images: their keys, and dask to start their nodes."""


for _command in (
    cluster_dask.tls,
    cluster_dask.start,
    cluster_dask.status,
    cluster_dask.stop,
):
    command.add_command(_command)


@command.command()
@click.argument("names", nargs=-1)
@click.option(
    "--list", "listed", is_flag=True, help="Names of the nodes whose keys are known."
)
@config_option
def keys(names: tuple[str, ...], listed: bool, config: Path | None) -> None:
    """Make home's keys, if there are none, and those of nodes, called NAMES.

    One name may stand for several nodes that share a key. A node is shut out by
    removing its file from the folder `nodes`; no restart is needed.
    """
    from recorder.errors import ConfigError
    from recorder.nodes.keys import make_home_keys, make_node_keys, read_nodes

    settings = load_settings(config)
    folder = settings.cluster_keys
    if listed:
        say(*sorted(read_nodes(folder).values()))
        return
    made = make_home_keys(folder)
    say(f"keys of home: {folder}" + (", made now" if made else ""))
    refused = []
    for name in dict.fromkeys(names):
        try:
            parcel = make_node_keys(folder, name)
        except ConfigError as error:
            refused.append(str(error))
            continue
        say(f"{name}: take {parcel} to its host, then remove it here")
    if refused:
        raise ConfigError("; ".join(refused))
