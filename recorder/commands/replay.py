"""``recorder replay``."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import click

from recorder.commands.options import (
    config_option,
    configure,
    find_config,
    load_settings,
)
from recorder.commands.out import say, say_json, say_text

FILE = click.Path(path_type=Path)


@click.command()
@click.argument("files", type=FILE, nargs=-1, required=True, metavar="FILE...")
@click.option("--collection", type=FILE, help="A collection/start message as JSON.")
@click.option("--events", type=FILE, help="Events, one JSON object a line.")
@click.option(
    "--rate",
    type=click.FloatRange(min=0, min_open=True),
    help="Images per second; default: as fast as they are classified.",
)
@click.option("--limit", type=click.IntRange(min=1), help="Only the first N images.")
@click.option("--dataset", help="Path of the images in the file, if it has several.")
@click.option("--uid", help="Uid of the run; the same again goes on or does nothing.")
@click.option(
    "--into-production",
    is_flag=True,
    help="Write where a daemon of this configuration records.",
)
@click.option("--follow", is_flag=True, help="Wait for what is still being written.")
@click.option(
    "--quiet",
    "quiet_s",
    type=click.FloatRange(min=0, min_open=True),
    help="Seconds without a new image that end --follow; default: 60.",
)
@click.option(
    "--by-reference",
    is_flag=True,
    help="Have workers read the images from the file themselves.",
)
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    help="Files at a time on this host; default: one for each four cores.",
)
@click.option(
    "--cluster",
    is_flag=True,
    help="Have it done by the hosts of the configured engine.",
)
@click.option(
    "--shared",
    type=FILE,
    help="Folder for the tasks, shared by all hosts; default: the state directory.",
)
@click.option("--resume", is_flag=True, help="Leave out files that are runs already.")
@click.option(
    "--retries",
    type=click.IntRange(min=0),
    help="How often a file that failed is tried again; default: 2.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option(
    "--journal-only",
    is_flag=True,
    help="Write the journal and nothing else: for who takes the run over.",
)
@click.option(
    "--ends-with-stdin",
    is_flag=True,
    help="End at once when standard input closes: for who started it.",
)
@config_option
@click.pass_context
def command(
    context: click.Context,
    files: tuple[Path, ...],
    collection: Path | None,
    events: Path | None,
    rate: float | None,
    limit: int | None,
    dataset: str | None,
    uid: str | None,
    into_production: bool,
    follow: bool,
    quiet_s: float | None,
    by_reference: bool,
    jobs: int | None,
    cluster: bool,
    shared: Path | None,
    resume: bool,
    retries: int | None,
    as_json: bool,
    ends_with_stdin: bool,
    journal_only: bool,
    config: Path | None,
) -> None:
    """Image files through the same pipeline into the configured sinks.

    FILE is an NXmx or DECTRIS master, a data file, a CXI file or a recorded stream, or
    a folder: then each series of images in it becomes a run of its own. What a daemon
    records into is left alone without --into-production. Exit code: 1 something is
    missing or was refused, 130 or 143 ended by Ctrl-C or SIGTERM.
    """
    if quiet_s is not None and not follow:
        raise click.UsageError("--quiet goes with --follow")
    if ends_with_stdin:
        from recorder.runtime.parent import end_with_stdin

        end_with_stdin()
    settings = load_settings(config)
    level = "warning" if settings.log.level == "info" else settings.log.level
    configure(level, settings.log.format)
    from recorder.commands.replay_many import Many, refuse_of_one, replay_many
    from recorder.records.report_json import full_to_json
    from recorder.reports.text import progress_bar, report_text
    from recorder.service.replay import ReplayOptions, replay
    from recorder.service.replay_control import QUIET_S
    from recorder.service.replay_place import find_place

    place = find_place(settings, find_config(config), into_production=into_production)
    many = Many(jobs, resume, retries, shared, cluster)
    if many.asked(files):
        refuse_of_one(context)
        replay_many(
            files,
            many,
            place,
            dataset=dataset,
            limit=limit,
            follow=follow,
            quiet_s=QUIET_S if quiet_s is None else quiet_s,
            into_production=into_production,
            as_json=as_json,
        )
        return
    (file,) = files
    options = ReplayOptions(
        file,
        dataset,
        collection,
        events,
        rate,
        limit,
        uid,
        into_production,
        follow,
        QUIET_S if quiet_s is None else quiet_s,
        by_reference or cluster,
        cluster,
        journal_only,
    )
    with progress_bar(file.name, shown=sys.stderr.isatty()) as progress:
        result = asyncio.run(replay(place.settings, options, progress))
    if as_json:
        say_json(full_to_json(result.report))
    else:
        say_text(report_text(result.report))
    for problem in (*result.problems, *result.failures, *result.told, *place.said):
        say(f"recorder: {problem}", err=True)
    if result.signal is not None:
        sys.exit(128 + result.signal)
    received = sum(run.images.received for run in result.report.runs)
    if result.lost or not received or result.failures:
        sys.exit(1)
