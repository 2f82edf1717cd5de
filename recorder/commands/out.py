"""What commands print: lines that no name from outside can break or colour."""

from __future__ import annotations

import json
from typing import Any

import click

from recorder.foreign_text import plain, plain_text


def say(*lines: object, err: bool = False) -> None:
    """Print lines, each as one line whatever is in it.

    Args:
        lines: Each may quote what came from outside.
        err: To stderr.
    """
    for line in lines:
        click.echo(plain(line), err=err)


def say_text(text: str) -> None:
    """Print text of several lines, of which each was made fit by itself."""
    click.echo(plain_text(text))


def say_json(body: Any, *, indent: int | None = 1) -> None:
    """Print JSON in ASCII: it has no control characters but its own line ends."""
    separators = None if indent else (",", ":")
    text = json.dumps(body, indent=indent, separators=separators)
    click.echo(text.replace("\x7f", "\\u007f"))
