"""The steps of the alarms, one after the other; one may go on in a thread.

A step takes 1 ms. One that designs its sums anew takes up to 0.3 s, and the event loop
shall not wait for that. The order is that of the calls, wherever a step is taken:
whoever asks for the state waits for the step that goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from recorder.ssx.alarms.events import Event
from recorder.ssx.alarms.observation import Observation
from recorder.ssx.alarms.watch import AlarmState, step

Events = tuple[Event, ...]


class AlarmSteps:
    """The state, and the step that goes on."""

    def __init__(self) -> None:
        self.last = AlarmState()
        """Before the step that goes on; nobody waits for it."""
        self._thread = ThreadPoolExecutor(1, "alarms")
        self._going: Future[tuple[AlarmState, Events]] | None = None
        self._told: Callable[[Events], None] = _nobody

    @property
    def state(self) -> AlarmState:
        """After all steps."""
        self.settle()
        return self.last

    @state.setter
    def state(self, state: AlarmState) -> None:
        self.settle()
        self.last = state

    def take(self, seen: Observation) -> Events:
        """Take a step now.

        Args:
            seen: What is known.

        Returns:
            What is told.
        """
        self.state, events = step(self.state, seen)
        return events

    def begin(self, seen: Observation, told: Callable[[Events], None]) -> None:
        """Begin a step in the thread.

        Args:
            seen: What is known.
            told: Called with what is told, in the thread of whoever settles it.
        """
        self.settle()
        self._told = told
        self._going = self._thread.submit(step, self.last, seen)

    async def done(self) -> None:
        """Wait until the step that goes on can be settled at once."""
        if self._going is not None:
            waiting = asyncio.wrap_future(self._going)
            await asyncio.wait([waiting])
            waiting.exception()  # whoever settles it gets it

    def settle(self) -> None:
        """Wait for the step that goes on, and tell what it found.

        Raises:
            Exception: What the step met: a defect; the state is that of before.
        """
        if (going := self._going) is not None:
            self._going = None
            self.last, events = going.result()
            self._told(events)


def _nobody(events: Events) -> None:
    """Nobody listens."""
