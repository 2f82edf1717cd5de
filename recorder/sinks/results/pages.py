"""Pages for people beside the files: ``report.html`` of a run and of its experiment."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path, PurePosixPath

from recorder.journal import Journal
from recorder.records import Json
from recorder.records.cards import RunCard
from recorder.records.report_json import report_from_json
from recorder.reports.cards import Cards, experiment_cards
from recorder.reports.experiments import by_experiment
from recorder.reports.html.facts import facts_of
from recorder.reports.html.page import JOURNAL, experiment_page, report_page
from recorder.reports.png.canvas import can_draw, marked
from recorder.reports.png.experiment import experiment_png
from recorder.reports.png.summary import summary_png
from recorder.runs.run import Run
from recorder.sinks.atomic_files import write_text
from recorder.sinks.held_folder import HeldFolder, held

NAME = "report.html"
PICTURE = "summary.png"
_READ_BYTES = 4096
"""Of a file that says which journal made it: that stands in its first kB."""


class Pages:
    """Writes pages; what it read of other runs it keeps.

    Args:
        root: The results folder.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._cards = Cards(())
        self._journal = ""

    def write_run(self, folder: HeldFolder, body: Json, run: Run) -> None:
        """The page of a sealed run, made of the same report as its ``report.json``.

        The picture beside it is drawn where Pillow is installed.

        Raises:
            SinkError, SinkUnavailableError: It cannot be written.
        """
        report = by_experiment([report_from_json(body)])
        page = report_page(report, {run.uid: facts_of(run.announcement)})
        write_text(folder, NAME, page)
        if can_draw():
            facts = facts_of(run.announcement)
            folder.write(PICTURE, summary_png(report.runs[0], facts))

    def write_experiment(self, journal: Journal, run: Run) -> None:
        """The page of its experiment, in the folder above; none in the root itself.

        The picture beside it is drawn where Pillow is installed.

        Raises:
            SinkError, SinkUnavailableError: It cannot be written.
        """
        *above, _ = PurePosixPath(run.folder).parts or ("",)
        if not above:
            return
        cards, folders = self._of_experiment(journal, run)
        for card in experiment_cards(cards)[:1]:
            with held(self._root, above) as folder:
                page = experiment_page(card, folders, journal.id)
                mark = f'name="{JOURNAL}" content="{journal.id}"'.encode()
                write_text(folder, _free_name(folder, NAME, mark, journal.id), page)
                if can_draw():
                    mark = marked(journal.id)
                    name = _free_name(folder, PICTURE, mark, journal.id)
                    folder.write(name, experiment_png(card, journal.id))

    def _of_experiment(
        self, journal: Journal, run: Run
    ) -> tuple[list[RunCard], dict[str, str]]:
        """Its runs that lie beside this one, latest first, and their folders."""
        if self._journal != journal.id:
            self._cards, self._journal = Cards(()), journal.id
        self._cards.update(journal, math.inf, recorded=True)
        place = PurePosixPath(run.folder).parent
        folders = {
            known.uid: PurePosixPath(known.folder).name
            for known in journal.headlines()
            if PurePosixPath(known.folder).parent == place
            and known.experiment == run.experiment
        }
        cards = [c for c in self._cards.latest_first() if c.uid in folders]
        return [_lasting(card) for card in cards], folders


def _lasting(card: RunCard) -> RunCard:
    """Without what changes later: what the database calls it, and whether it has it."""
    return replace(
        card, data_collection_id=None, data_collection_group_id=None, sinks={}
    )


def _free_name(folder: HeldFolder, name: str, mark: bytes, journal: str) -> str:
    """Its name; another one where there is a file that another journal made.

    Args:
        folder: Where it goes.
        name: That it has if nobody else's has it.
        mark: What stands in its first bytes if this journal made it.
        journal: Id of the journal.
    """
    found = folder.read(name, _READ_BYTES)
    if found is None or mark in found:
        return name
    stem, _, ending = name.partition(".")
    return f"{stem}-{journal[:8]}.{ending}"
