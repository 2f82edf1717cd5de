"""Looking again and again, and drawing what was seen."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from types import FrameType

from rich.console import Console, Group, RenderableType
from rich.live import Live

from recorder.terminal.marks import ASCII, UNICODE, Signs
from recorder.terminal.moment import Moment
from recorder.terminal.picture import picture
from recorder.web.daemon_state import DaemonState
from recorder.web.journal_view import JournalView
from recorder.web.place import WebPlace
from recorder.web.shapes import Slow

INTERVAL_S = 0.5
"""Seconds between two pictures: quick enough for the eye, and little for a slow line:
a whole picture has about 8 kB."""
JOURNAL_S = 2.0
"""Seconds between two looks at the journal, as the web page has it."""
COMPLETE_S = 30.0
"""Seconds in which a single picture waits for all runs to be read. Chosen, not tuned:
a journal of 1000 runs takes about one."""


@dataclass(slots=True)
class Watcher:
    """What a picture is made from, looked at as often as it is worth.

    Args:
        place: Where journal and live state are.
    """

    place: WebPlace
    _view: JournalView = field(init=False)
    _daemon: DaemonState = field(init=False)
    _slow: Slow = field(init=False, default_factory=Slow)
    _next: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        self._view = JournalView(self.place)
        self._daemon = DaemonState(self.place.live_file, self.place.journal)

    def look(self) -> Moment:
        """What is true now."""
        now = self._daemon.look(self._view.journal_id)
        if time.monotonic() >= self._next or not self._view.complete:
            run = now.live.run if now.live and now.daemon in ("ok", "stale") else None
            found = self._view.look(run.uid if run else None)
            self._slow = self._slow if found is None else found
            self._next = time.monotonic() + JOURNAL_S
        return Moment(now, self._slow, datetime.now().astimezone())

    def look_whole(self) -> Moment:
        """The same, once all runs are read."""
        ends = time.monotonic() + COMPLETE_S
        moment = self.look()
        while not self._view.complete and time.monotonic() < ends:
            moment = self.look()
        return moment

    def close(self) -> None:
        """Give the journal back."""
        self._view.close()


def signs_for(console: Console) -> Signs:
    """What the terminal can show."""
    return ASCII if console.options.ascii_only else UNICODE


def show_once(watcher: Watcher, console: Console) -> None:
    """One picture, as long as it has to be."""
    lines = picture(watcher.look_whole(), console.width, None, signs_for(console))
    for text in lines:
        text.rstrip()
        console.print(text, soft_wrap=True)


def watch(watcher: Watcher, console: Console) -> None:
    """Draw again and again, until Ctrl-C or a signal ends it."""
    ended = threading.Event()
    with _ends(ended), Live(console=console, screen=True, auto_refresh=False) as live:
        while not ended.wait(INTERVAL_S):
            live.update(_drawn(watcher, console), refresh=True)


def _drawn(watcher: Watcher, console: Console) -> RenderableType:
    size = console.size
    lines = picture(watcher.look(), size.width, size.height, signs_for(console))
    return Group(*lines)


@contextmanager
def _ends(ended: threading.Event) -> Iterator[None]:
    """Signals end it in order: the terminal gets back what was on it before."""

    def end(number: int, frame: FrameType | None) -> None:
        ended.set()

    before = {
        number: signal.signal(number, end)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
