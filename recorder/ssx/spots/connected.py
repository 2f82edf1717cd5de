"""8-connected groups of sparse pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recorder.ssx.arrays import IntArray

_LARGE = 4096
"""Words beyond which their own search is worth a level of recursion. It changes time
alone; the search as a whole takes a quarter of numpy's. Chosen, not tuned."""
_DENSE = 16
"""With more than one of so many words filled, numpy's own search is faster."""


def where_true(flags: NDArray[np.bool_]) -> IntArray:
    """Flat indices of the few True values of a large array, ascending.

    Looks at eight flags at once: numpy's own search costs four times as much.

    Args:
        flags: C-contiguous, any shape.
    """
    flat = flags.reshape(-1)
    whole = len(flat) // 8 * 8
    if whole == 0:
        return np.flatnonzero(flat)
    filled = flat[:whole].view(np.uint64) != 0
    words = where_true(filled) if len(filled) > _LARGE else np.flatnonzero(filled)
    if len(words) * _DENSE > len(filled):
        return np.flatnonzero(flat)
    word, place = np.nonzero(flat[:whole].reshape(-1, 8)[words])
    found = words[word] * 8 + place
    rest = np.flatnonzero(flat[whole:])
    return np.concatenate([found, rest + whole]) if len(rest) else found


def connected(index: IntArray, width: int) -> IntArray:
    """Label 8-connected pixels.

    Args:
        index: (n,) flat indices, ascending, none in the first or last column of
            the image (so that neighbours never wrap round).
        width: Length of the image's rows.

    Returns:
        (n,) labels; pixels of a group share the position of its first pixel.
    """
    labels = np.arange(len(index), dtype=np.intp)
    if len(index) == 0:
        return labels
    first, second = _edges(index, width)
    while True:
        low = np.minimum(labels[first], labels[second])
        after = labels.copy()
        np.minimum.at(after, first, low)
        np.minimum.at(after, second, low)
        # hook the roots too, then jump pointers: few rounds even for long shapes
        np.minimum.at(after, labels[first], low)
        np.minimum.at(after, labels[second], low)
        after = after[after]
        if np.array_equal(after, labels):
            return labels
        labels = after


def _edges(index: IntArray, width: int) -> tuple[IntArray, IntArray]:
    """Pairs of positions in `index` that are neighbours."""
    first, second = [], []
    for step in (1, width - 1, width, width + 1):
        where = np.searchsorted(index, index + step)
        where[where == len(index)] = 0
        here = np.flatnonzero(index[where] == index + step)
        first.append(here)
        second.append(where[here])
    return np.concatenate(first), np.concatenate(second)


def group(
    index: IntArray, weight: NDArray[np.floating], width: int
) -> tuple[IntArray, IntArray]:
    """The heaviest pixel of each 8-connected group.

    Args:
        index: (n,) flat indices as for :func:`connected`.
        weight: (n,) weights; of equal ones the first pixel wins.
        width: Length of the image's rows.

    Returns:
        Positions in `index` of the heaviest pixels, and the groups' areas in px.
    """
    labels = connected(index, width)
    order = np.lexsort((-weight, labels))
    _, starts, areas = np.unique(labels[order], return_index=True, return_counts=True)
    return order[starts], areas
