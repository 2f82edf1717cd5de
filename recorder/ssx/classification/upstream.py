"""The class of an image from the analysis that came with the stream."""

from __future__ import annotations

import math

from recorder.records import Classification, ImageClass, Lattice, Upstream


def upstream_class(found: Upstream, min_spots_hit: int) -> Classification:
    """Translate an upstream result; nothing in it is checked again.

    Args:
        found: What the stream said.
        min_spots_hit: Spots from which an image that is not indexed is a hit. Where
            the stream does not count spots, such images are non-hits.
    """
    spots = found.spots or 0
    lattices: tuple[Lattice, ...] = ()
    if found.indexed and found.cell is not None:
        lattices = (
            Lattice(
                cell=found.cell,
                vectors=found.vectors or (),
                spots=spots,
                log10_nfa=math.nan,
                residual=math.nan,
                found_by="upstream",
            ),
        )
    if found.indexed:
        verdict = ImageClass.INDEXED
    else:
        hit = spots >= min_spots_hit
        verdict = ImageClass.NON_INDEXED_HIT if hit else ImageClass.NON_HIT
    return Classification(
        image_class=verdict,
        spots=spots,
        lattices=lattices,
        resolution=found.resolution,
        background=found.background,
        saturated_pixels=found.saturated_pixels,
        upstream=True,
    )
