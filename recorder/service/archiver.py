"""Has old runs archived beside the recording: by a process of its own, that yields.

To copy, pack and compare a run takes seconds of a core, and of a long one minutes: a
thread of the daemon would take them from the event loop. The process may end at any
moment, for what it does is safe against that.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from contextlib import closing
from pathlib import Path

from recorder.config import Settings
from recorder.errors import JournalError
from recorder.journal import Journal
from recorder.journal.archive.choosing import choose
from recorder.journal.archive.work import Task
from recorder.runtime.boundary import boundary
from recorder.runtime.host_clock import arrival_ns
from recorder.runtime.log import get_logger

log = get_logger("journal")

LOOK_S = 600.0
"""Seconds between two looks for runs to archive: ages are days. Chosen, not tuned."""
FIRST_S = 60.0
"""Seconds after its start until the daemon looks for the first time: a start has enough
to do. Chosen, not tuned."""
SHARE = 0.9
"""Of ``journal.max_mb``: so large the journal may be where there is an archive and no
``archive_over_mb``. Chosen, not tuned."""


class Archiver:
    """Looks for runs to archive, and has it done.

    Args:
        settings: Where to, and which runs.
        sinks: Names of the sinks that must have written a run.
        first_s: Seconds until the first look.
    """

    def __init__(
        self, settings: Settings, sinks: tuple[str, ...], first_s: float = FIRST_S
    ) -> None:
        self._settings = settings
        self._sinks = sinks
        self._first_s = first_s
        self._said = ""
        """What was wrong at the last try: it is said once."""

    async def run(self) -> None:
        """Work until cancelled; there is nothing to do without a folder."""
        if self._settings.journal.archive_folder is None:
            return
        await asyncio.sleep(self._first_s)
        while True:
            with boundary("archive old runs"):
                task = self._task()
                if await asyncio.to_thread(_is_due, task):
                    await self._do(task)
            await asyncio.sleep(LOOK_S)

    def _task(self) -> Task:
        journal = self._settings.journal
        over = journal.archive_over_mb
        bound = int(journal.max_mb * SHARE) if over is None else over
        return Task(
            journal=str(self._settings.journal_path),
            folder=str(journal.archive_folder),
            sinks=self._sinks,
            now_ns=arrival_ns(),
            older_than_days=journal.archive_after_days,
            over_bytes=bound << 20,
        )

    async def _do(self, task: Task) -> None:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "recorder.journal.archive.work"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            answer, _ = await process.communicate(task.to_json().encode())
        except asyncio.CancelledError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            raise
        self._tell(answer, process.returncode, task)

    def _tell(self, answer: bytes, code: int | None, task: Task) -> None:
        lines = [json.loads(line) for line in answer.splitlines()]
        moved = [line for line in lines if "uid" in line]
        if moved:
            size = sum(line["file_bytes"] for line in moved)
            log.info(
                "runs_archived", runs=len(moved), packed_mb=size >> 20, to=task.folder
            )
        error = next((line["error"] for line in lines if "error" in line), "")
        if code and not error:
            error = f"the process that archives ended with code {code}"
        if error and error != self._said:
            hint = "recording goes on; nothing that is not archived is removed"
            log.error("archive_failed", error=error, hint=hint)
        self._said = error


def _is_due(task: Task) -> bool:
    """Whether a run is to be archived."""
    try:
        with closing(Journal(Path(task.journal), read_only=True)) as journal:
            found = choose(journal, task.wish, task.sinks)
    except JournalError:
        return False  # the journal's writer says it
    return any(not choice.why_not for choice in found)
