"""Looks after the journal beside its writer: packs what is done, keeps to the bound."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from recorder.errors import JournalError
from recorder.journal import Journal
from recorder.journal.pruning import prune
from recorder.journal.restore import pack_run
from recorder.log import get_logger
from recorder.memory import give_back_memory
from recorder.report import SINK_KINDS

log = get_logger("journal")

PACK_S = 5.0
PRUNE_S = 30.0


class Housekeeping:
    """Packs runs that go on, so that a restart is quick, and prunes old ones.

    Args:
        journal: A connection for it alone.
        bound: Bytes that the journal may use.
        sinks: Names of the sinks that must have written a run before it may go.
        active: Gives the uids of the runs that go on.
    """

    def __init__(
        self,
        journal: Journal,
        bound: int,
        sinks: Sequence[str],
        active: Callable[[], list[str]],
    ) -> None:
        self._journal = journal
        self._bound = bound
        self._sinks = sinks
        self._active = active
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="housekeeping")
        self._over = False

    async def run(self) -> None:
        """Work until cancelled."""
        loop = asyncio.get_running_loop()
        next_prune = loop.time()
        while True:
            try:
                await loop.run_in_executor(self._executor, self._pack, self._active())
                if loop.time() >= next_prune:
                    next_prune = loop.time() + PRUNE_S
                    await loop.run_in_executor(self._executor, self._prune)
            except JournalError:
                pass  # the writer says it, and it is tried again
            await asyncio.sleep(PACK_S)

    def _pack(self, uids: list[str]) -> None:
        for uid in uids:
            pack_run(self._journal, uid)

    def _prune(self) -> None:
        give_back_memory()
        found = prune(self._journal, self._bound, self._sinks, SINK_KINDS)
        if found.runs:
            log.info("journal_pruned", runs=len(found.runs), used_mb=found.used >> 20,
                     max_mb=self._bound >> 20)  # fmt: skip
        if found.over and not self._over:
            log.error("journal_too_large", used_mb=found.used >> 20,
                      max_mb=self._bound >> 20,
                      hint="nothing more may be removed: mend the sink that does not "
                      "write (recorder spool ls), or raise journal.max_mb; recording "
                      "goes on")  # fmt: skip
        self._over = found.over

    async def close(self) -> None:
        """Let the last step end."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._executor, self._journal.close)
        self._executor.shutdown(wait=True)
