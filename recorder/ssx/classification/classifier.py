"""From the pixels of one image to its class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recorder.records import (
    Classification,
    ClassifierSetup,
    Geometry,
    ImageClass,
    Lattice,
    Learned,
    WorkLevel,
)
from recorder.ssx.arrays import BoolArray, IntArray
from recorder.ssx.classification.look import NO_SPOTS, Look, positions, resolution
from recorder.ssx.classification.sifting import Sifted, sift
from recorder.ssx.classification.teaching import with_background, with_lattice
from recorder.ssx.lattices.indexer import Indexer
from recorder.ssx.learning.lattice import When
from recorder.ssx.spots import powder_rings as rings
from recorder.ssx.spots.finder import Found, SpotFinder

_KEPT = 3
"""Learned states that are kept: late images may need an older one."""


@dataclass(frozen=True, slots=True, eq=False)
class _Lattices:
    """Geometry and indexer that belong together."""

    geometry: Geometry | None
    indexer: Indexer | None
    shells: rings.Shells | None = None


class Classifier:
    """Classifies images of one series.

    Nothing is carried from image to image: what a run has taught is handed over by
    :meth:`take`, and each image is told which of it to use.

    Args:
        setup: What is known before the first image.

    Raises:
        UnitCellError: The setup's cell is none.
    """

    def __init__(self, setup: ClassifierSetup) -> None:
        self._setup = setup
        self._dtype = np.dtype(setup.dtype).newbyteorder("=")
        limits = np.iinfo(self._dtype.str)
        bad = limits.min if limits.min < 0 else limits.max
        self._bad_value = self._dtype.type(bad)
        self._finder = SpotFinder(
            setup.shape,
            self._dtype,
            setup.geometry,
            setup.mask,
            setup.flatfield,
            setup.saturation,
        )
        self._learned: dict[int, _Lattices] = {0: self._lattice_setup(Learned(0))}

    def _lattice_setup(self, learned: Learned) -> _Lattices:
        setup = self._setup
        used = learned.geometry or setup.geometry
        cell = learned.cell or setup.cell
        shells = rings.shells_of(used, self._finder.good) if used else None
        if used is None or cell is None or not setup.settings.index:
            return _Lattices(used, None, shells)
        group = learned.centring if learned.cell_found else setup.space_group
        return _Lattices(used, Indexer(cell, group, setup.settings), shells)

    def take(self, learned: Learned) -> None:
        """Take over what the run has taught so far."""
        if learned.background is not None:
            self._finder.learn(learned.number, learned.background)
        self._learned[learned.number] = self._lattice_setup(learned)
        for old in sorted(self._learned)[1:-_KEPT]:
            del self._learned[old]

    def find(self, pixels: NDArray[np.integer], learned: int = 0) -> Found:
        """The spots of an image, before any rule on rings.

        Raises:
            ValueError: Shape or type is not the setup's.
        """
        return self._found(self._checked(pixels), learned)

    def _found(self, pixels: NDArray[np.integer], learned: int) -> Found:
        settings = self._setup.settings
        return self._finder.find(pixels, settings.gain, settings.min_snr, learned)

    def _nothing(
        self,
        pixels: NDArray[np.integer],
        reason: str,
        learned: int,
        effort: WorkLevel,
    ) -> Classification:
        """The class of an image that shows nothing."""
        background, _, saturated = self._finder.candidates(
            pixels, self._setup.settings.gain
        )
        return Classification(
            image_class=ImageClass.NON_HIT,
            spots=0,
            background=background.level,
            saturated_pixels=saturated,
            learned=learned,
            effort=effort,
            reason=reason,
        )

    def classify(
        self,
        pixels: NDArray[np.integer],
        learned: int = 0,
        effort: WorkLevel = WorkLevel.FULL,
    ) -> Classification:
        """Classify one image: see :meth:`look`.

        Returns:
            The class and what it rests on.
        """
        return self.look(pixels, learned, effort).classification

    def look(
        self,
        pixels: NDArray[np.integer],
        learned: int = 0,
        effort: WorkLevel = WorkLevel.FULL,
    ) -> Look:
        """Classify one image, and keep what a picture of it needs.

        Args:
            pixels: (slow, fast) of the type and shape of the setup, in any byte order;
                not changed.
            learned: Number of the learned state to use; 0: none.
            effort: What to leave out under overload.

        Raises:
            ValueError: Shape or type is not the setup's.
        """
        settings = self._setup.settings
        number = learned if learned in self._learned else 0
        pixels = self._checked(pixels)
        known = self._learned[number]
        if reason := self._finder.inspector.reason(pixels):
            nothing = self._nothing(pixels, reason, number, effort)
            return Look(nothing, pixels, NO_SPOTS, None, known.geometry)
        found = self._found(pixels, learned)
        sifted = sift(
            found.spots, self._setup.shape, known.geometry, known.shells, settings
        )
        rest = sifted.rest
        lattices = self._lattices(sifted, rest, known.indexer, effort)
        if not lattices and sifted.ring.any():
            # the zones of a crystal along the beam look like rings, too
            everything = ~sifted.line
            lattices = self._lattices(sifted, everything, known.indexer, effort)
            rest = everything if lattices else rest
        spots = sifted.spots.select(rest)
        q = None if sifted.q is None else sifted.q[rest]
        hit = len(spots) >= settings.min_spots_hit
        if lattices:
            verdict = ImageClass.INDEXED
        else:
            verdict = ImageClass.NON_INDEXED_HIT if hit else ImageClass.NON_HIT
        classification = Classification(
            image_class=verdict,
            spots=len(spots),
            lattices=lattices,
            resolution=resolution(q),
            background=found.background.level,
            solvent=found.background.solvent,
            saturated_pixels=found.saturated,
            rings=int((sifted.ring & ~rest).sum()),
            lines=int((sifted.line & ~sifted.ring).sum()),
            learned=number,
            effort=effort,
            positions=positions(spots, settings.max_spots) if hit else None,
        )
        primitive = known.indexer.primitive(lattices) if known.indexer else ()
        return Look(classification, pixels, spots, q, known.geometry, primitive)

    def bad(self, learned: int) -> IntArray:
        """Flat indices of the pixels that are not looked at, ascending.

        Args:
            learned: Number of the learned state.
        """
        return self._finder.bad(learned)

    def learn(
        self,
        number: int,
        previous: Learned,
        images: Sequence[NDArray[Any]],
        non_hits: int,
        hits: Sequence[NDArray[np.floating]],
        when: When | None = None,
    ) -> Learned:
        """What images of the run teach.

        Args:
            number: Number of the new state.
            previous: The last state.
            images: Images for the background, non-hits first; the first ones alone
                are asked for where the last map still fits.
            non_hits: How many of those are non-hits.
            hits: Per hit (n, 2) spot positions, px, strongest first.
            when: When the hits came; None: the beam is not followed.

        Returns:
            The new state; where nothing better is known it repeats the last.
        """
        background = with_background(
            self._finder,
            previous,
            images,
            self._checked,
            self._setup.settings.gain,
            non_hits=non_hits,
        )
        new = replace(
            previous, number=number, background=background, findings=(), places=()
        )
        return with_lattice(self._setup, previous, new, hits, when)

    def _checked(self, pixels: NDArray[np.integer]) -> NDArray[np.integer]:
        kind = pixels.dtype.newbyteorder("=")
        if pixels.shape != self._setup.shape or kind != self._dtype:
            raise ValueError(
                f"image is {pixels.shape} {pixels.dtype}, "
                f"set up for {self._setup.shape} {self._dtype}"
            )
        pixels = np.ascontiguousarray(pixels, dtype=self._dtype)
        if self._setup.flag is None:
            return pixels
        return np.where(pixels == self._setup.flag, self._bad_value, pixels)

    def _lattices(
        self,
        sifted: Sifted,
        use: BoolArray,
        indexer: Indexer | None,
        effort: WorkLevel,
    ) -> tuple[Lattice, ...]:
        settings = self._setup.settings
        if indexer is None or sifted.q is None:
            return ()
        q = sifted.q[use]
        if len(q) < settings.min_spots_index or effort >= WorkLevel.NO_INDEXING:
            return ()
        return indexer.index(q[: settings.max_spots], effort)
