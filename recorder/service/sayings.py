"""Takes what people say on the page into the journal, and into the runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path

from recorder.errors import shown
from recorder.journal import RecordKind
from recorder.journal.run_record import run_record
from recorder.records import BadMessage
from recorder.records.announcement import MAX_TARGETS
from recorder.records.said import NormalSaid, SeenSaid, TargetSaid, said_to_json
from recorder.runtime.boundary import boundary
from recorder.runtime.log import get_logger
from recorder.service.pipeline import Pipeline
from recorder.service.said_folder import SaidFolder, Saying

log = get_logger("service")

LOOK_S = 0.5
"""Seconds between two looks: what people wait for, and 0.1 ms of work each."""
SOURCE = "page"
"""Where a saying comes from that cannot be used."""


class Sayings:
    """Reads, journals, removes: in this order, so that a crash loses nothing.

    Args:
        pipeline: What journals, and knows the runs.
        live: The live folder.
    """

    def __init__(self, pipeline: Pipeline, live: Path) -> None:
        self._pipeline = pipeline
        self._folder = SaidFolder(live)
        self._known: set[str] = set()
        self._done: set[str] = set()
        self._failing = False
        self.seen: Callable[[SeenSaid], str] = _nobody
        """Notes who saw an alarm, and journals that; gives why not."""
        self.normal: Callable[[NormalSaid], str] = _nobody
        """The same for whoever takes the level of an alarm as normal."""

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            with boundary("hear what people say"):
                await self._look()
            await asyncio.sleep(LOOK_S)

    async def _look(self) -> None:
        done, self._done = self._done, set()
        try:
            look = partial(self._folder.look, done, frozenset(self._known))
            found, removed = await asyncio.to_thread(look)
        except OSError as error:
            self._done |= done
            if not self._failing:
                self._failing = True
                log.warning(
                    "said_not_read",
                    error=str(error),
                    hint="what people say on the page waits; mend the folder's owner",
                )
            return
        self._failing = False
        self._known -= removed
        for saying in found:
            self._known.add(saying.name)
            self._take(saying)
            # journalled, or refused and counted: it is not needed any more
            self._pipeline.writer.after_commit(partial(self._done.add, saying.name))

    def _take(self, saying: Saying) -> None:
        if (said := saying.said) is None:
            self._refuse(saying.problem)
        elif isinstance(said, TargetSaid):
            self._target(said)
        else:
            self._of_alarm(said)

    def _of_alarm(self, said: SeenSaid | NormalSaid) -> None:
        if isinstance(said, SeenSaid):
            problem = self.seen(said)
        else:
            problem = self.normal(said)
        if problem:
            self._refuse(f"{said.what}: {problem}")

    def _target(self, said: TargetSaid) -> None:
        run = self._pipeline.book.run_of(said.run)
        if run is None:
            self._refuse(f"target: no run {shown(said.run)} goes on")
            return
        known = run.said_targets
        if said.delay_s not in known and len(known) >= MAX_TARGETS:
            self._refuse(f"target: run {run.number} has {MAX_TARGETS} targets already")
            return
        known[said.delay_s] = said.indexed
        writer = self._pipeline.writer
        writer.record(RecordKind.TARGET, run.uid, said_to_json(said))
        writer.record(RecordKind.RUN, run.uid, run_record(run, "target"))
        log.info(
            "target_set",
            run=run.number,
            uid=run.uid,
            delay_s=said.delay_s,
            indexed=said.indexed,
            by=said.by,
        )

    def _refuse(self, problem: str) -> None:
        self._pipeline.bad.take(BadMessage(SOURCE, "saying", problem), ())


def _nobody(said: SeenSaid | NormalSaid) -> str:
    """Nobody follows alarms."""
    return "no alarms are followed"
