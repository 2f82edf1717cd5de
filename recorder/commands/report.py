"""``recorder report``."""

from __future__ import annotations

from pathlib import Path

import click

from recorder.commands.options import config_option
from recorder.commands.out import say_json, say_text
from recorder.config import load_settings
from recorder.runtime.log import configure


@click.command()
@click.option("--run", "run", help="Run number, or the beginning of its uid.")
@click.option("--experiment", help="Experiment name, or DataCollectionGroup id.")
@click.option("--json", "as_json", is_flag=True, help="As JSON, for programs.")
@config_option
def command(
    run: str | None, experiment: str | None, as_json: bool, config: Path | None
) -> None:
    """What was recorded, per run and cumulative, from the journal."""
    settings = load_settings(config)
    configure("warning", settings.log.format)
    from recorder.errors import NoSuchRunError
    from recorder.journal import Journal
    from recorder.records.report_json import full_to_json
    from recorder.reports.store import ReportStore
    from recorder.reports.text import report_text
    from recorder.service.host import sink_names

    if run is not None and experiment is not None:
        raise click.UsageError("give --run or --experiment, not both")
    journal = Journal(settings.journal_path, read_only=True)
    try:
        store = ReportStore(journal, sink_names(settings))
        report = store.full(run=run, experiment=experiment)
    finally:
        journal.close()
    if (run or experiment) and not report.experiments:
        what = f"run {run}" if run else f"experiment {experiment}"
        raise NoSuchRunError(f"{what}: not in the journal; `recorder report` lists all")
    if as_json:
        say_json(full_to_json(report))
    else:
        say_text(report_text(report))
