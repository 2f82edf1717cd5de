"""Proof that a run was recorded, or why not: one sentence for people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from recorder.records import RunState
from recorder.records.cards import RunCard
from recorder.records.image_report import ImageCounts
from recorder.records.run_report import RunReport

WRITTEN = "written"


@dataclass(frozen=True, slots=True)
class Proof:
    """Whether all of a run is recorded, and what says so."""

    whole: bool
    text: str


def proof_of(run: RunReport | RunCard) -> Proof:
    """What speaks for a run, or against it."""
    if isinstance(run, RunCard) and run.problem is not None:
        return Proof(False, f"report unreadable: {run.problem}")
    chains = run.chains if isinstance(run, RunCard) else len(run.told_chains)
    text, accounted = _accounted(run.images)
    sealed = run.state is RunState.SEALED
    said = [] if sealed else [f"not sealed ({run.state})"]
    open_sums = sealed and not run.ledger.closed
    if open_sums:
        said.append(f"NOT CLOSED: {'; '.join(run.ledger.differences)}")
    if _has_no_images(run):
        text, accounted = "no images belong to it", True
    said += [text, *_ids(run, chains), *_sinks(run.sinks)]
    written = all(state == WRITTEN for state in run.sinks.values())
    whole = sealed and run.ledger.closed and accounted and written
    return Proof(whole, ", ".join(said))


def _has_no_images(run: RunReport | RunCard) -> bool:
    """Of energy scans and spectra: their own sums are in the ledger."""
    images = run.images
    return not (run.serial or images.received or images.expected or images.lost) and (
        isinstance(run, RunCard) or run.mx is None
    )


def _accounted(images: ImageCounts) -> tuple[str, bool]:
    """Images received or known as lost, of those that were expected."""
    known = images.received + images.lost
    pending = f", {images.pending:,} pending" if images.pending else ""
    if images.expected is None:
        return f"{known:,} images accounted, how many were due is unknown{pending}", (
            not images.pending
        )
    text = f"{known:,}/{images.expected:,} accounted{pending}"
    return text, known == images.expected and not images.pending


def _ids(run: RunReport | RunCard, chains: int) -> list[str]:
    """What the database calls it."""
    if run.data_collection_id is None:
        return []
    said = [f"DCG {run.data_collection_group_id}", f"DC {run.data_collection_id}"]
    if chains and run.sinks.get("ispyb") == WRITTEN:
        said.append("chain written" if chains == 1 else f"{chains} chains written")
    return said


def _sinks(sinks: Mapping[str, str]) -> list[str]:
    return [f"{name} {state}" for name, state in sinks.items()]
