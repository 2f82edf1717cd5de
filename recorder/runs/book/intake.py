"""Takes the images of runs; one that comes late opens its run again."""

from __future__ import annotations

from recorder.records import Image, RunState
from recorder.runs.book.acceptance import accept_image
from recorder.runs.book.actions import Accepted, Action, Changed, notice
from recorder.runs.book.endings import (
    BookSettings,
    all_here,
    reopen_run,
    wait_for_quiet,
)
from recorder.runs.book.known_runs import KnownRuns
from recorder.runs.book.parts import Place, place_in, place_of
from recorder.runs.run import Run

NO_PART = (
    "images came that are of no part of {of}, first image_id {image_id} of the series: "
    "no sweep and no plane was announced for them. They are not recorded, and are "
    "counted as images_of_no_part"
)
"""What the part before them says of images between two parts."""
FORGOTTEN = (
    "images came of a part of {of} that is no longer in memory, first image_id "
    "{image_id} of the series: they are not recorded, and are counted as "
    "images_of_no_part"
)
"""The same where not all parts are known any more."""
BEYOND = (
    "more images came than were announced: those from image_id {planned} on are "
    "recorded, have no place in the plan, and are counted as images_beyond_plan"
)
"""What a run says of images after its last planned one."""


class Intake:
    """Gives images to runs.

    Args:
        settings: When runs begin and end.
        runs: The ones in memory.
    """

    def __init__(self, settings: BookSettings, runs: KnownRuns) -> None:
        self._settings = settings
        self._runs = runs
        self._last: tuple[list[Run], Run | None] = [], None
        """The part that the last image was of, and all of them: so may the next be."""

    def place(self, run: Run, image: Image) -> Place:
        """Which run of a series an image is of.

        Args:
            run: A run of its series.
            image: As the detector counts it.
        """
        if run.part is None:
            return Place(run, image)
        parts = self._runs.parts_of(run)
        known, last = self._last
        place = place_in(image, last) if last is not None and known is parts else None
        if place is None:
            place = place_of(image, parts)
            self._last = parts, place.run
        return place

    def take(self, run: Run, image: Image, now: float) -> list[Action]:
        """An image of the series of a run: for that, or for another part."""
        place = self.place(run, image)
        if place.image is None:
            return self.no_part(place.run, image, now)
        return self.accept(place.run, place.image, now)

    def no_part(self, run: Run, image: Image, now: float) -> list[Action]:
        """An image of none of the parts: counted and named with the one before it."""
        run.counts["images_of_no_part"] += 1
        run.last_progress = now
        if run.counts["images_of_no_part"] > 1 or run.part is None:
            return []
        text = NO_PART if self._all_parts(run) else FORGOTTEN
        run.note(text.format(of=run.part.of, image_id=image.image_id))
        number = image.image_id
        return [
            notice("image_of_no_part", "warning", image.key, run, image_id=number),
            Changed(run, "image_of_no_part"),
        ]

    def _all_parts(self, run: Run) -> bool:
        part = run.part
        return part is None or len(self._runs.parts_of(run)) == part.count

    def accept(self, run: Run, image: Image, now: float) -> list[Action]:
        """An image of a run; one that comes late opens the run again."""
        actions = accept_image(run, image, now, self._settings.max_image_id)
        if not any(isinstance(action, Accepted) for action in actions):
            return actions
        actions += _beyond_plan(run, image) + _times(run, image)
        if run.superseded and run.state is RunState.DRAINING:
            if resumed := self._resume(run, now):
                return [*resumed, *actions]
        more = late(self._runs, run, now, self._settings, "late_images")
        return [*more, *actions]

    def _resume(self, run: Run, now: float) -> list[Action]:
        """Its series goes on beside the one that came after it."""
        resumed: list[Action] = []
        for part in self._runs.parts_of(run):
            if not part.superseded or part.state is not RunState.DRAINING:
                continue
            if part.revision or all_here(part):
                part.drain_until = now + self._settings.drain_s
            else:
                part.state, part.last_progress = RunState.OPEN, now
                resumed.append(Changed(part, "resumed"))
        return resumed


def _times(run: Run, image: Image) -> list[Action]:
    """A part after the first begins with its first image, and ends with its last."""
    part = run.part
    if part is None or run.final:
        return []
    changed: list[Action] = []
    if part.number > 1 and run.images.received == 1:
        run.opened_ns = max(run.opened_ns, image.received_ns)
        changed.append(Changed(run, "begun"))
    if run.images.received == part.images and all_here(run):
        run.ended_ns = image.received_ns
        changed.append(Changed(run, "complete"))
    return changed


def _beyond_plan(run: Run, image: Image) -> list[Action]:
    """Count an image for which no angle and no cell was planned."""
    announced = run.announcement
    planned = announced.planned_images
    if planned is None or not (announced.sweeps or announced.grid):
        return []
    if image.image_id < planned:
        return []
    run.counts["images_beyond_plan"] += 1
    if run.counts["images_beyond_plan"] > 1:
        return []
    run.note(BEYOND.format(planned=planned))
    fields = {"image_id": image.image_id, "planned": planned}
    return [notice("image_beyond_plan", "warning", image.key, run, **fields)]


def late(
    runs: KnownRuns, run: Run, now: float, settings: BookSettings, what: str
) -> list[Action]:
    """Something new came for a run: if it is sealed, or was, that was late.

    Args:
        runs: The ones in memory.
        run: The run.
        now: Monotonic time (s).
        settings: How long to wait whether that was all.
        what: What is counted, if the run is sealed.
    """
    actions: list[Action] = []
    if run.state is RunState.SEALED:
        run.counts[what] += 1
        actions = reopen(runs, run, now, settings)
    wait_for_quiet(run, now, settings)
    return actions


def reopen(
    runs: KnownRuns, run: Run, now: float, settings: BookSettings
) -> list[Action]:
    """A sealed run goes on: it is to be sealed again, as a further revision."""
    runs.reopen(run)
    return reopen_run(run, now, settings)
