"""A piece of a batch as a task: what a replay elsewhere is told."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from recorder.config import Settings
from recorder.pool.batch_task import BatchTask
from recorder.service.batch.pieces import MATTER, Piece
from recorder.service.replay_control import QUIET_S

FOLDER = "batch"
"""Folder of the tasks, in the state directory or in the one that is shared."""
BEAT = "home"
"""File in it that the home renews."""
OURS = ("processes", "inline")
"""Engines of one host: a task has no other, as it is on one host itself."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How all pieces of a batch are replayed."""

    folder: Path
    """Absolute; every task's folder is in it."""
    workers: int | None
    """Of each task; None: as many as its host has cores, but one."""
    dataset: str | None = None
    limit: int | None = None
    quiet_s: float = QUIET_S


def task_of(piece: Piece, settings: Settings, manner: Manner) -> BatchTask:
    """The task of a piece; all paths in it are absolute."""
    found = piece.found
    options: list[tuple[str, object]] = [
        ("--uid", piece.uid),
        ("--collection", found.collection),
        ("--events", found.events),
        ("--dataset", manner.dataset),
        ("--limit", manner.limit),
        ("--quiet", manner.quiet_s if found.growing else None),
    ]
    given = [f"{name}={value}" for name, value in options if value is not None]
    flags = ["--ends-with-stdin", "--journal-only", "--json"]
    flags += ["--follow"] if found.growing else []
    return BatchTask(
        name=piece.name,
        arguments=("replay", *given, *flags, "--", str(found.file)),
        folder=str(folder_of(piece, manner)),
        beat=str(manner.folder / BEAT),
        environment=_environment(settings, manner.workers),
    )


def folder_of(piece: Piece, manner: Manner) -> Path:
    """The folder of a piece's task."""
    return manner.folder / piece.fingerprint


def left_to_do(
    pieces: Sequence[Piece], manner: Manner, *, resume: bool
) -> tuple[list[Piece], list[Piece]]:
    """The pieces that are to be done, and those that are done with.

    Args:
        pieces: All of them.
        manner: Where their tasks have been.
        resume: What is a run already is done with, and what earlier attempts came to
            is kept; else everything begins anew.
    """
    to_do: list[Piece] = []
    done: list[Piece] = []
    for piece in pieces:
        over = resume and bool(piece.before)
        if over or not resume:
            shutil.rmtree(folder_of(piece, manner), ignore_errors=True)
        (done if over else to_do).append(piece)
    return to_do, done


def _environment(settings: Settings, workers: int | None) -> dict[str, str]:
    """The configuration of a task: what matters to rows, and nothing that is secret."""
    every = settings.model_dump(mode="json", include={*MATTER, "pool"})
    for name in ("geometry_file", "mask_file"):
        if (path := every["replay"][name]) is not None:
            every["replay"][name] = str(Path(path).absolute())
    pool = every["pool"]
    pool["workers"] = workers
    pool["engine"] = pool["engine"] if pool["engine"] in OURS else None
    every |= {
        "detector": [],
        "mqtt": {"enabled": False},
        "ispyb": {"enabled": False},
        "live": {"pictures": False},
        "log": {"level": "warning", "format": "json"},
    }
    return {f"RECORDER_{name.upper()}": json.dumps(v) for name, v in every.items()}
