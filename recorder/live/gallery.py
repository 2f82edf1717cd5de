"""Pictures of the images of runs, from the workers to the live folder."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from recorder.live.picture_files import NewPicture, NewSpots, PictureFiles, next_serial
from recorder.live.wishes import Wishes
from recorder.records import Classification, ImageClass, Unprocessed
from recorder.records.live import PreviewImage
from recorder.records.pictures import Shown, Wish
from recorder.runs.run import Run
from recorder.runtime.boundary import boundary

LOOK_S = 0.25
"""Seconds between two looks for new pictures, which are then written: they come once a
second. Chosen, not tuned."""
MOST_BYTES = 8 << 20
"""Bytes of spots that wait for a disk that does not answer: 800,000 spots. Later ones
are left out of the sums. Chosen, not tuned."""
CLOSE_S = 2.0
"""Seconds that the last pictures may take. Chosen, not tuned; `TimeoutStopSec` is
30 s."""
Which = Literal["last", "hit", "indexed", "unindexed"]
WHICH: tuple[Which, ...] = ("last", "hit", "indexed", "unindexed")
"""Pictures that there may be, by their names."""
_OF_CLASS: dict[ImageClass, tuple[Which, ...]] = {
    ImageClass.INDEXED: ("hit", "indexed"),
    ImageClass.NON_INDEXED_HIT: ("hit", "unindexed"),
    ImageClass.NON_HIT: (),
}
Outcome = Classification | tuple[Unprocessed, str]


@dataclass(eq=False)
class ImageViewer:
    """Looks at one image: a :class:`recorder.pool.jobs.Viewer`."""

    gallery: Gallery
    run: int
    uid: str
    began: tuple[float, int]
    """When the run got its series, and was opened: later ones are greater."""
    image_id: int
    carried: int = Wish.NOTHING

    def wish(self) -> int:
        """What is wanted of it; a worker that had it before is dead."""
        self.carried = self.gallery.ask(self.carried)
        return self.carried

    def shown(self, outcome: Outcome, shown: Shown) -> None:
        """It has its outcome."""
        result = outcome if isinstance(outcome, Classification) else None
        self.gallery.take(self, result, shown)
        self.carried = Wish.NOTHING


@dataclass(eq=False)
class _Waiting:
    """What is to be written."""

    pictures: dict[Which, NewPicture] = field(default_factory=dict)
    spots: dict[str, NewSpots] = field(default_factory=dict)
    """By the uid of the run."""
    bytes: int = 0
    """Of the spots."""


class Gallery:
    """Takes pictures in the event loop and has them written in a thread.

    Args:
        folder: The live folder.
        wanted: Off: nobody draws anything.
    """

    def __init__(self, folder: Path, *, wanted: bool = True) -> None:
        self._wanted = wanted
        self._wishes = Wishes()
        self._files = PictureFiles(folder)
        self._waiting = _Waiting()
        self._serials = dict.fromkeys(WHICH, 0)
        self._previews: dict[Which, PreviewImage] = {}
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="pictures")

    def viewer(self, run: Run, image_id: int) -> ImageViewer | None:
        """Who looks at an image; None: nobody."""
        if not self._wanted:
            return None
        began = (run.bound_at, run.opened_ns)
        return ImageViewer(self, run.number, run.uid, began, image_id)

    @property
    def previews(self) -> tuple[PreviewImage, ...]:
        """The pictures of this daemon that are in the folder."""
        return tuple(
            self._previews[which] for which in WHICH if which in self._previews
        )

    # -- of the viewers -----------------------------------------------------------

    def ask(self, carried: int) -> int:
        """A wish for an image, which gives back the one that it carried."""
        now = time.monotonic()
        if carried:
            self._wishes.give_back(carried, None, now)
        return self._wishes.ask(now)

    def take(
        self, viewer: ImageViewer, result: Classification | None, shown: Shown
    ) -> None:
        """What a worker sent of an image.

        Args:
            viewer: Of the image.
            result: None: it was not classified.
            shown: Beside its class.
        """
        kind = None if result is None else result.image_class
        now = time.monotonic()
        cost_s = shown.cost_s if shown.picture else None
        self._wishes.give_back(viewer.carried, kind, now, cost_s)
        if result is None:
            return
        if shown.marks:
            self._take_spots(viewer, shown)
        if (picture := shown.picture) is None:
            return
        # the last one must not be a hit more often than images are
        last: tuple[Which, ...] = ("last",) if viewer.carried & Wish.LAST else ()
        for which in (*last, *_OF_CLASS[result.image_class]):
            self._serials[which] = next_serial(self._serials[which])
            preview = PreviewImage(
                which=which,
                run=viewer.run,
                uid=viewer.uid,
                image_id=viewer.image_id,
                serial=self._serials[which],
                outcome=result.image_class.value,
                spots=result.spots,
                lattices=len(result.lattices),
                resolution=result.resolution,
            )
            self._waiting.pictures[which] = NewPicture(preview, picture)

    def _take_spots(self, viewer: ImageViewer, shown: Shown) -> None:
        waiting = self._waiting
        if waiting.bytes + len(shown.marks) > MOST_BYTES:
            return
        waiting.bytes += len(shown.marks)
        known = waiting.spots.get(viewer.uid)
        if known is None or known.shape != shown.shape:
            known = NewSpots(viewer.run, viewer.uid, viewer.began, shown.shape)
            waiting.spots[viewer.uid] = known
        known.images.append(shown.marks)

    # -- to the folder ------------------------------------------------------------

    async def run(self) -> None:
        """Write what is new until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            with boundary("write pictures"):
                await self._write()

    async def _write(self, *, last: bool = False) -> None:
        new, self._waiting = self._waiting, _Waiting()
        if not (new.pictures or new.spots or self._files.unwritten):
            return
        pictures, spots = list(new.pictures.values()), list(new.spots.values())
        written = await asyncio.get_running_loop().run_in_executor(
            self._executor, self._files.write, pictures, spots, last
        )
        for which, one in new.pictures.items():
            if one.preview in written:
                self._previews[which] = one.preview

    async def close(self) -> None:
        """Write what is left; a disk that does not answer is not waited for."""
        with boundary("write the last pictures"), suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await self._write(last=True)
        self._executor.shutdown(wait=False, cancel_futures=True)
