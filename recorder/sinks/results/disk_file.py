"""A file as the HDF5 library writes it, of which no refusal of the disk reaches it.

A library that is refused a write may end the process later, as it tidies up. So the
first refusal is kept here and whatever follows goes nowhere; who writes asks
(:meth:`DiskFile.check`) before it believes that anything was written.
"""

from __future__ import annotations

import os


class DiskFile:
    """An open file with the methods that h5py asks for.

    Args:
        descriptor: Of a new file; it stays open.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._place = 0
        self._refusal: OSError | None = None

    def check(self) -> None:
        """See that all was written so far.

        Raises:
            OSError: What the disk said first.
        """
        if self._refusal is not None:
            raise self._refusal

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a byte; from the end, the size is asked for."""
        if whence == os.SEEK_END:
            offset += os.fstat(self._descriptor).st_size
        elif whence == os.SEEK_CUR:
            offset += self._place
        self._place = offset
        return offset

    def tell(self) -> int:
        """Which byte is next."""
        return self._place

    def read(self, size: int = -1) -> bytes:
        """So many bytes; zeros for those that are not there."""
        if size < 0:
            size = max(0, os.fstat(self._descriptor).st_size - self._place)
        body = bytearray(size)
        self.readinto(body)
        return bytes(body)

    def readinto(self, buffer: bytearray | memoryview) -> int:
        """Fill a buffer; zeros stand for what is not there."""
        view = memoryview(buffer).cast("B")
        done = 0
        try:
            while done < view.nbytes:
                count = os.preadv(self._descriptor, [view[done:]], self._place + done)
                if not count:
                    break
                done += count
        except OSError as error:
            self._refusal = self._refusal or error
        view[done:] = bytes(view.nbytes - done)
        self._place += view.nbytes
        return view.nbytes

    def write(self, body: bytes | memoryview) -> int:
        """Write all of it, or keep what the disk says."""
        view = memoryview(body).cast("B")
        done = 0
        try:
            while done < view.nbytes and self._refusal is None:
                done += os.pwrite(self._descriptor, view[done:], self._place + done)
        except OSError as error:
            self._refusal = error
        self._place += view.nbytes
        return view.nbytes

    def truncate(self, size: int | None = None) -> int:
        """Make it so long."""
        size = self._place if size is None else size
        try:
            if self._refusal is None:
                os.ftruncate(self._descriptor, size)
        except OSError as error:
            self._refusal = error
        return size

    def flush(self) -> None:
        """Nothing is held back."""
