"""``recorder replay`` of more than one file."""

from __future__ import annotations

import asyncio
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from recorder.commands.out import say, say_json, say_text

if TYPE_CHECKING:
    from recorder.service.batch.results import BatchResult
    from recorder.service.replay_place import Place

ONE_RUN = ("--collection", "--events", "--uid", "--rate")
"""Options that are about one run."""


@dataclass(frozen=True, slots=True)
class Many:
    """Options of many files; what is None was not said."""

    jobs: int | None
    resume: bool
    retries: int | None
    shared: Path | None
    cluster: bool

    def asked(self, files: Sequence[Path]) -> bool:
        """Whether this is about many files."""
        from recorder.service.batch.finding import is_folder_of_files

        said = self.resume or any(
            value is not None for value in (self.jobs, self.retries, self.shared)
        )
        return said or len(files) != 1 or is_folder_of_files(files[0])


def replay_many(
    files: Sequence[Path],
    many: Many,
    place: Place,
    *,
    dataset: str | None,
    limit: int | None,
    follow: bool,
    quiet_s: float,
    into_production: bool,
    as_json: bool,
) -> None:
    """Replay many files, say what became of each, and exit.

    Args:
        files: Files and folders.
        many: How.
        place: Where to.
        dataset: Path of the images in each file.
        limit: Only so many images of each.
        follow: Wait for what is still being written.
        quiet_s: Seconds without a new image that end that.
        into_production: The journal is a daemon's.
        as_json: Print JSON.
    """
    from recorder.reports.text import progress_bar
    from recorder.service.batch.batch import BatchOptions, replay_batch
    from recorder.service.batch.results import FileEnd, FileState

    options = BatchOptions(
        tuple(files),
        dataset,
        limit,
        follow,
        quiet_s,
        resume=many.resume,
        retries=2 if many.retries is None else many.retries,
        jobs=many.jobs,
        cluster=many.cluster,
        shared=many.shared,
        into_production=into_production,
    )

    def tell(row: FileEnd) -> None:
        if row.state is not FileState.LEFT_OUT:
            say(row.line, err=True)

    with progress_bar("images", shown=sys.stderr.isatty()) as progress:
        work = replay_batch(place.settings, options, tell, progress)
        result = asyncio.run(work)
    _say(result, place, as_json=as_json)
    if result.signal is not None:
        sys.exit(128 + result.signal)
    if not result.ok:
        sys.exit(1)


def _say(result: BatchResult, place: Place, *, as_json: bool) -> None:
    from recorder.service.batch.results import result_text

    if as_json:
        say_json(result.to_json())
    else:
        say_text(result_text(result))
    for line in (*result.failures, *place.said):
        say(f"recorder: {line}", err=True)
    if result.unfinished or result.bad:
        command = [*sys.argv[1:], *([] if "--resume" in sys.argv else ["--resume"])]
        say(f"recorder: go on with: recorder {shlex.join(command)}", err=True)


def refuse_of_one(context: click.Context) -> None:
    """Refuse options that are about one run.

    Raises:
        click.UsageError: One was given.
    """
    for option in ONE_RUN:
        if context.params.get(option.removeprefix("--")) is not None:
            raise click.UsageError(
                f"{option} is for one file: of many, what lies beside each counts "
                "(FILE.collection.json, FILE.events.jsonl)"
            )
