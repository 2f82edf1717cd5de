"""The steps of the alarms, one after the other; they may go on in a thread.

A step takes 1 ms. One that designs its sums anew takes up to 0.3 s, and the event loop
shall not wait for that. The order is that of the calls, wherever a step is taken:
whoever asks for the state waits for the steps that go on.

Each run has a state of its own, by its uid, and so has what is of no run: sinks, host.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

from recorder.ssx.alarms.events import Event
from recorder.ssx.alarms.observation import Observation
from recorder.ssx.alarms.watch import AlarmState, step

Events = tuple[Event, ...]
OF_NO_RUN = ""
"""Name of the state of what is of no run; what a run leaves to the next is in it."""
_Taken = Future[tuple[AlarmState, Events]]


class AlarmSteps:
    """The states, and the steps that go on."""

    def __init__(self) -> None:
        self.last: dict[str, AlarmState] = {OF_NO_RUN: AlarmState()}
        """Before the steps that go on; nobody waits for them."""
        self._thread = ThreadPoolExecutor(1, "alarms")
        self._going: dict[str, _Taken] = {}
        self._told: Callable[[str, Events], None] = _nobody

    @property
    def states(self) -> dict[str, AlarmState]:
        """After all steps, by name."""
        self.settle()
        return self.last

    def of(self, name: str) -> AlarmState:
        """A state after all steps; a run begins with what the one before it left."""
        states = self.states
        return states.get(name) or AlarmState(before=states[OF_NO_RUN].before)

    def take(self, name: str, seen: Observation) -> Events:
        """Take a step now.

        Args:
            name: Uid of the run, or ``OF_NO_RUN``.
            seen: What is known.

        Returns:
            What is told.
        """
        self.states[name], events = step(self.of(name), seen)
        return events

    def end(self, name: str, time_s: float) -> Events:
        """A run is over, or is followed no longer: what is told of that."""
        if name not in self.states:
            return ()
        events = self.take(name, Observation(time_s))
        none = self.last[OF_NO_RUN]
        self.last[OF_NO_RUN] = replace(none, before=self.last.pop(name).before)
        return events

    def begin(
        self, seen: Mapping[str, Observation], told: Callable[[str, Events], None]
    ) -> None:
        """Begin steps in the thread.

        Args:
            seen: What is known, by name.
            told: Called with name and what is told, in the thread of whoever settles.
        """
        states = {name: self.of(name) for name in seen}
        self._told = told
        self._going = {
            name: self._thread.submit(step, states[name], one)
            for name, one in seen.items()
        }

    async def done(self) -> None:
        """Wait until the steps that go on can be settled at once."""
        if self._going:
            waiting = [asyncio.wrap_future(one) for one in self._going.values()]
            await asyncio.wait(waiting)
            for one in waiting:
                one.exception()  # whoever settles it gets it

    def settle(self) -> None:
        """Wait for the steps that go on, and tell what they found.

        Raises:
            Exception: What one met: a defect; its state is that of before, and those
                of the others are as they should be.
        """
        going, self._going = self._going, {}
        failed: list[BaseException] = []
        found: dict[str, Events] = {}
        for name, taken in going.items():
            if (error := taken.exception()) is not None:
                failed.append(error)
            else:
                self.last[name], found[name] = taken.result()
        for name, events in found.items():  # all states are known before one is kept
            self._told(name, events)
        for error in failed:
            raise error


def is_quiet(state: AlarmState | None, seen: Observation) -> bool:
    """Whether a step would change nothing: nothing is new, and time says nothing.

    Args:
        state: Before; None: of a run that has none yet.
        seen: What is known of the run.
    """
    waits = seen.run is not None and seen.run.open
    if state is not None:
        waits = waits and not state.coming.images
    said = waits or seen.sources or (state is not None and state.judged.watched)
    new = seen.images.image_id, seen.pulses.image_id, seen.fates.image_id
    return not said and not any(ids.size for ids in new)


def _nobody(name: str, events: Events) -> None:
    """Nobody listens."""
