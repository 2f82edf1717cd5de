"""``recorder why``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from recorder.commands.options import config_option, load_settings
from recorder.commands.out import say, say_json

if TYPE_CHECKING:
    from recorder.records import Json


@click.command()
@click.argument("run")
@click.argument("image", type=click.IntRange(min=0))
@click.option("--json", "as_json", is_flag=True, help="As JSON, for programs.")
@config_option
def command(run: str, image: int, as_json: bool, config: Path | None) -> None:
    """One image: class, spots, lattice, label, and every piece of evidence.

    RUN is a run number (the latest of that number) or the beginning of a uid; IMAGE
    is the detector's image_id, counted from 0.
    """
    settings = load_settings(config)
    from recorder.journal import Journal
    from recorder.reports.explain import explain_image

    journal = Journal(settings.journal_path, read_only=True)
    try:
        answer = explain_image(journal, run, image)
    finally:
        journal.close()
    if as_json:
        say_json(answer)
    else:
        say(*_lines(answer))


def _lines(answer: Json) -> list[str]:
    lines = [f"Run {answer['run']} ({answer['uid']}), image {answer['image_id']}"]
    for name in ("image", "label", "well", "angle", "cell"):
        if name not in answer:
            continue
        lines.append(f"  {name}")
        lines += [f"    {key:<16} {value}" for key, value in answer[name].items()]
    lines.append("  evidence")
    lines += [
        f"    {item['rung']:<10} says {item['pump']:<8} {item['because']}"
        for item in answer["evidence"]
    ]
    return lines
