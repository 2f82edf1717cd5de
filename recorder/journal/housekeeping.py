"""Looks after the journal beside its writer: makes snapshots, keeps it in its bound."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from recorder.errors import JournalError
from recorder.journal import Journal
from recorder.journal.archive.place import ArchiveBusyError, moving
from recorder.journal.pruning import Pruned, finish_removals, prune
from recorder.journal.records import SINK_KINDS
from recorder.journal.restore import pack_run
from recorder.journal.series_headers import HEADER
from recorder.runs.book.book import RunBook
from recorder.runtime.log import get_logger
from recorder.runtime.memory import give_back_memory

log = get_logger("journal")

PACK_S = 5.0
"""Seconds between two looks for ranges to pack: at 1000 images/s a restart reads at
most 5000 rows more. What such a restart costs: `make bench`, restart."""
PRUNE_S = 30.0
"""Seconds between two looks at the size of the journal, and between two times that
freed memory is given back. With it memory is flat over 30 minutes (`make soak`)."""


class Housekeeping:
    """Packs runs that go on, so that a restart is quick, and prunes old ones.

    Args:
        journal: A connection for it alone.
        bound: Bytes that the journal may use.
        sinks: Names of the sinks that must have written a run before it may go.
        book: Tells which runs go on, and which ended last.
        archived: Old runs are archived: then none is removed here.
    """

    def __init__(
        self,
        journal: Journal,
        bound: int,
        sinks: Sequence[str],
        book: RunBook,
        *,
        archived: bool = False,
    ) -> None:
        self._journal = journal
        self._bound = bound
        self._sinks = sinks
        self._book = book
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="housekeeping")
        self._archived = archived
        self._over = False
        self._looked = False
        """What an earlier recorder left was looked for."""

    async def run(self) -> None:
        """Work until cancelled."""
        loop = asyncio.get_running_loop()
        next_prune = loop.time()
        while True:
            try:
                active = [run.uid for run in self._book.active]
                await loop.run_in_executor(self._executor, self._pack, active)
                if loop.time() >= next_prune:
                    next_prune = loop.time() + PRUNE_S
                    resumable = active + [run.uid for run in self._book.sealed]
                    await loop.run_in_executor(self._executor, self._prune, resumable)
            except JournalError:
                pass  # the writer says it, and it is tried again
            await asyncio.sleep(PACK_S)

    def _pack(self, uids: list[str]) -> None:
        for uid in uids:
            pack_run(self._journal, uid)

    def _prune(self, resumable: list[str]) -> None:
        give_back_memory()
        self._journal.drop_snapshots_of_kind(HEADER, resumable)
        try:
            with moving(self._journal.path):
                self._tell(self._pruned())
        except ArchiveBusyError:
            pass  # whoever archives makes room, too

    def _pruned(self) -> Pruned:
        if not self._looked:  # of a recorder that was killed as it removed runs
            finish_removals(self._journal)
            self._looked = True
        return prune(
            self._journal,
            self._bound,
            self._sinks,
            SINK_KINDS,
            archived=self._archived,
        )

    def _tell(self, found: Pruned) -> None:
        if found.runs:
            log.info(
                "journal_pruned",
                runs=len(found.runs),
                used_mb=found.used >> 20,
                max_mb=self._bound >> 20,
            )
        if found.over and not self._over:
            log.error(
                "journal_too_large",
                used_mb=found.used >> 20,
                max_mb=self._bound >> 20,
                hint="nothing more may be removed: mend the sink that does not "
                "write (recorder spool ls), see that runs can be archived "
                "(recorder archive --dry-run), or raise journal.max_mb; recording "
                "goes on",
            )
        self._over = found.over

    async def close(self) -> None:
        """Let the last step end."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._executor, self._journal.close)
        self._executor.shutdown(wait=True)
