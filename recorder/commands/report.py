"""``recorder report``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from recorder.commands.options import config_option, configure, load_settings
from recorder.commands.out import say, say_json, say_text

if TYPE_CHECKING:
    from recorder.journal import Journal
    from recorder.records.cards import ExperimentCard
    from recorder.reports.store import ReportStore


@click.command()
@click.option("--run", "run", help="Run number, or the beginning of its uid.")
@click.option("--experiment", help="Experiment name, or DataCollectionGroup id.")
@click.option("--json", "as_json", is_flag=True, help="As JSON, for programs.")
@click.option(
    "--html",
    "page",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write it to a file as a page that stands alone, for any browser.",
)
@click.option(
    "--png",
    "picture",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write one page to a file, for a logbook; with --run or --experiment.",
)
@config_option
def command(
    run: str | None,
    experiment: str | None,
    as_json: bool,
    page: Path | None,
    picture: Path | None,
    config: Path | None,
) -> None:
    """What was recorded, per run and cumulative, from the journal."""
    settings = load_settings(config)
    configure("warning", settings.log.format)
    from recorder.errors import NoSuchRunError
    from recorder.journal import Journal
    from recorder.records.report_json import full_to_json
    from recorder.reports.html.facts import NO_FACTS, facts_in
    from recorder.reports.html.page import report_page
    from recorder.reports.journal_mark import sinks_of
    from recorder.reports.life import why_pending
    from recorder.reports.store import ReportStore
    from recorder.reports.text import report_text

    if run is not None and experiment is not None:
        raise click.UsageError("give --run or --experiment, not both")
    if picture is not None and run is None and experiment is None:
        raise click.UsageError(
            "--png draws one run or one experiment: give --run or --experiment"
        )
    written = page is not None or picture is not None
    journal = Journal(settings.journal_path, read_only=True)
    try:
        sinks = sinks_of(settings, journal)
        store = ReportStore(journal, sinks)
        report = store.full(run=run, experiment=experiment)
        facts = facts_in(journal, [item.uid for item in report.runs] if written else [])
        cards = _cards(store, journal, experiment) if picture and experiment else []
    finally:
        journal.close()
    if (run or experiment) and not report.experiments:
        what = f"run {run}" if run else f"experiment {experiment}"
        raise NoSuchRunError(f"{what}: not in the journal; `recorder report` lists all")
    if page is not None:
        _write(page, report_page(report, facts).encode())
    if picture is not None:
        from recorder.reports.png.experiment import experiment_png
        from recorder.reports.png.summary import summary_png

        last = report.runs[-1]
        told = facts.get(last.uid, NO_FACTS)
        drawn = experiment_png(cards[0]) if cards else summary_png(last, told)
        _write(picture, drawn)
    if as_json:
        say_json(full_to_json(report))
    elif not written:
        pending = why_pending(settings.state_directory, sinks)
        say_text(report_text(report, pending))


def _cards(
    store: ReportStore, journal: Journal, experiment: str
) -> list[ExperimentCard]:
    """The experiments that are meant, the one with the latest run first."""
    from recorder.reports.cards import card_of, experiment_cards

    meant = [run for run in journal.headlines() if store.is_of(experiment, run)]
    return [*experiment_cards(card_of(store, journal, run) for run in reversed(meant))]


def _write(path: Path, body: bytes) -> None:
    """A whole file or none, where people asked for it.

    Raises:
        ReportError: It cannot be written.
    """
    from recorder.errors import ReportError

    temporary = path.with_name(f".{path.name}.tmp")
    try:
        temporary.write_bytes(body)
        temporary.replace(path)
    except OSError as error:
        raise ReportError(
            f"{path}: cannot be written: {error.strerror}; name another file"
        ) from error
    say(f"{path}")
