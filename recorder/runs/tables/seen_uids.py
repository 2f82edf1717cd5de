"""Which uids have been seen: 8 bytes each, however many there are."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

_RECENT = 1 << 16
"""Hashes that wait in a set before they are sorted into the array, which takes 8 bytes
for each and is sorted as a whole. Chosen, not tuned."""


class SeenUids:
    """A set of hashes that grows to tens of millions.

    Two of 10^7 uids share a 64-bit hash with a probability of 3 in a million.
    """

    def __init__(self) -> None:
        self._recent: set[int] = set()
        self._older = np.empty(0, np.int64)

    def add(self, uid: str) -> bool:
        """Note a uid; False if it was there already."""
        return self.add_code(uid_code(uid))

    def add_code(self, code: int) -> bool:
        """Note the hash of a uid; False if it was there already."""
        if code in self._recent:
            return False
        place = int(np.searchsorted(self._older, code))
        if place < self._older.size and int(self._older[place]) == code:
            return False
        self._recent.add(code)
        if len(self._recent) >= _RECENT:
            self._settle(np.fromiter(self._recent, np.int64, len(self._recent)))
        return True

    def add_codes(self, codes: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Note many; True where one was new. A code stands only once in ``codes``."""
        if self._recent:
            self._settle(np.fromiter(self._recent, np.int64, len(self._recent)))
        place = np.searchsorted(self._older, codes)
        inside = place < self._older.size
        new = np.ones(codes.size, np.bool_)
        new[inside] = self._older[place[inside]] != codes[inside]
        self._settle(codes[new])
        return new

    def _settle(self, codes: NDArray[np.int64]) -> None:
        """Sort codes in; a stable sort merges what is sorted already."""
        both = np.concatenate((self._older, np.sort(codes)))
        self._older = np.sort(both, kind="stable")
        self._recent.clear()


def uid_code(uid: str) -> int:
    """64 bits of a uid, the same in every process."""
    digest = hashlib.blake2b(uid.encode("utf-8", "surrogatepass"), digest_size=8)
    return int.from_bytes(digest.digest(), "little", signed=True)
