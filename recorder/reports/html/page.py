"""Whole pages: of runs, and of an experiment with links to its runs."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from recorder import __version__
from recorder.records.cards import ExperimentCard, RunCard
from recorder.records.run_report import Cumulative, FullReport
from recorder.reports.html.drawings import bar_of_three
from recorder.reports.html.elements import Child, Element, el, joined, pairs
from recorder.reports.html.facts import NO_FACTS, RunFacts
from recorder.reports.html.numbers import count, image_sums
from recorder.reports.html.run_section import run_section
from recorder.reports.html.style import CSS, POLICY
from recorder.reports.proof import proof_of
from recorder.reports.technique_card import images_of_parts

JOURNAL = "recorder-journal"
"""Name of the ``meta`` element that says whose the page of an experiment is."""


def report_page(report: FullReport, facts: Mapping[str, RunFacts]) -> str:
    """A page of all runs of a report.

    Args:
        report: What is told.
        facts: What was announced, by uid.
    """
    parts: list[Child] = []
    titles = []
    for entry in report.experiments:
        total = entry.cumulative
        titles.append(_title(entry.experiment, [run.run for run in entry.runs]))
        parts.append(el("h1", f"Experiment {entry.experiment}"))
        if len(entry.runs) > 1:
            parts += [_sum(total, entry.data_collection_group_id), _three(total)]
        totals = images_of_parts(entry.runs)
        parts += [
            run_section(run, facts.get(run.uid, NO_FACTS), first=n == 0, totals=totals)
            for n, run in enumerate(entry.runs)
        ]
    as_of = sorted(run.as_of for run in report.runs if run.as_of)
    if not parts:
        parts.append(el("p", "nothing recorded"))
    return _page("; ".join(titles) or "nothing recorded", parts, as_of[-1:])


def _title(experiment: str, runs: list[int]) -> str:
    which = f"run {runs[0]}" if len(runs) == 1 else f"{len(runs)} runs"
    return f"{experiment}, {which}"


def experiment_page(
    card: ExperimentCard, folders: Mapping[str, str], journal: str
) -> str:
    """A page of an experiment: its sum, and each run with a link to its own page.

    Args:
        card: The experiment.
        folders: Folder of each run beside the page, by uid.
        journal: Id of the journal.
    """
    total = card.cumulative
    parts: list[Child] = [
        el("h1", f"Experiment {card.experiment}"),
        pairs(
            (
                ("proposal", card.proposal),
                ("protein", card.protein),
                ("sample", card.sample),
                ("support", card.support),
                ("# runs", count(total.runs)),
                *image_sums(total),
                ("lost", count(card.lost)),
            )
        ),
        _three(total),
        *(_run(run, folders.get(run.uid)) for run in card.runs),
    ]
    mark = el("meta", name=JOURNAL, content=journal)
    return _page(card.experiment, parts, (), mark)


def _run(card: RunCard, folder: str | None) -> Element:
    name = f"Run {card.run}"
    link = el("a", name, href=f"./{_quoted(folder)}/report.html") if folder else name
    images, classes = card.images, card.classes
    proof = proof_of(card)
    technique = "" if card.serial else f"{card.technique}, "
    return el(
        "section",
        el("h3", link, f": {technique}{card.state}, {card.status}"),
        el("p", proof.text, class_="good" if proof.whole else "bad"),
        bar_of_three(
            classes.indexed, classes.non_indexed_hits, images.received - classes.hits
        )
        if card.serial
        else None,
    )


def _three(total: Cumulative) -> Element | None:
    """The bar of the serial runs; none without any."""
    if total.other_runs == total.runs > 0:
        return None
    return bar_of_three(total.indexed, total.non_indexed_hits, total.skipped)


def _quoted(folder: str) -> str:
    """A name of a folder in a link."""
    return quote(folder, errors="replace")


def _sum(total: Cumulative, group: int | None) -> Element:
    return pairs(
        (
            ("# runs", count(total.runs)),
            *image_sums(total),
            ("DataCollectionGroup", None if group is None else str(group)),
        )
    )


def _page(
    title: str, parts: list[Child], as_of: list[str] | tuple[str, ...], *marks: Element
) -> str:
    made = f"recorder {__version__}"
    when = "".join(f", as of {time}" for time in as_of)
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", http_equiv="Content-Security-Policy", content=POLICY),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="referrer", content="no-referrer"),
        *marks,
        el("title", title),
        Element(f"<style>{CSS}</style>"),
    )
    body = el("body", joined(parts), el("footer", f"{made}{when}"))
    return f"<!DOCTYPE html>\n{el('html', head, body, lang='en').text}\n"
