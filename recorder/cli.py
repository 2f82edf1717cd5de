"""The command line. Commands are imported when called, so that help is quick."""

from __future__ import annotations

import importlib
import os
import sys

import click

from recorder import __version__
from recorder.errors import RecorderError
from recorder.foreign_text import plain

CLOSED_UMASK = 0o027
"""Owner: all. Group: reads. Others: nothing, of no file that the recorder makes."""
COMMANDS = {
    "run": "The daemon: record until told to stop.",
    "replay": "An image file through the same pipeline into the configured sinks.",
    "node": "Classify images of a daemon on another host.",
    "cluster": "Other hosts that classify images: their keys, and dask.",
    "web": "The live page, the read API and the metrics, in a process of its own.",
    "password": "One more person in a file of passwords for signing in.",
    "token": "Tokens for programs and screens: make, list, revoke.",
    "simulate": "Behave like a detector and a timing system that know the truth.",
    "demo": "Everything at once: simulator, daemon, database, report.",
    "check": "Configuration, database, broker, detector: ok, or what to do.",
    "status": "Is a daemon alive, which run, what is wrong.",
    "top": "The live page in this terminal, also over SSH.",
    "tail": "The log for people, from a file or from journald.",
    "report": "What was recorded, per run and cumulative.",
    "why": "One image: class, label, and every piece of evidence.",
    "access": "Who may see what and why; groups, permissions and persons.",
    "spool": "What each sink still has to write, and why it failed.",
    "archive": "Old runs into compressed files of their own, and back.",
    "sync": "The user portal's proposals, people and sessions into ISPyB.",
    "config": "The configuration's schema, and the effective configuration.",
}


class LazyGroup(click.Group):
    """Knows its commands' names without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command that is called."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"recorder.commands.{cmd_name}")
        command: click.Command = module.command
        return command

    def format_commands(
        self, ctx: click.Context, formatter: click.HelpFormatter
    ) -> None:
        """List the commands from the table, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup)
@click.version_option(__version__, prog_name="recorder")
def cli() -> None:
    """Write down what happens at a serial-crystallography beamline."""


def main() -> None:
    """Run a command; our errors become one line and an exit code.

    What a command makes, others than owner and group may not read.
    """
    os.umask(os.umask(CLOSED_UMASK) | CLOSED_UMASK)
    try:
        cli(standalone_mode=True)
    except RecorderError as error:
        _complain(error)
        sys.exit(error.exit_code)
    except ExceptionGroup as group:
        ours = group.subgroup(RecorderError)
        if ours is None or group.split(RecorderError)[1] is not None:
            raise
        first = _first(ours)
        _complain(first)
        sys.exit(getattr(first, "exit_code", 1))


def _complain(error: BaseException) -> None:
    """One line on stderr; it may quote what came from outside."""
    click.echo(f"recorder: {plain(error)}", err=True)


def _first(group: BaseException) -> BaseException:
    while isinstance(group, BaseExceptionGroup):
        group = group.exceptions[0]
    return group
