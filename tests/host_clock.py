"""A host clock that really steps, for one process and its children.

`libfaketime` stands between the process and the kernel's CLOCK_REALTIME and adds what a
file says, from one call to the next; CLOCK_MONOTONIC and CLOCK_BOOTTIME are left alone,
as they are when NTP sets a clock.
"""

from __future__ import annotations

from pathlib import Path

from recorder.errors import ServerMissingError
from tests.servers import program

LIBRARIES = Path("/usr/lib")
INSTALL = "apt-get install -y faketime"


class SteppingClock:
    """CLOCK_REALTIME of processes that get its ``environment``.

    Args:
        directory: Where the file goes that says how far it is off.

    Raises:
        ServerMissingError: `libfaketime` is not installed.
    """

    def __init__(self, directory: Path) -> None:
        program("faketime", INSTALL)
        found = sorted(LIBRARIES.glob("*/faketime/libfaketime.so.1"))
        if not found:
            raise ServerMissingError(f"libfaketime is not installed; run: {INSTALL}")
        self._library = found[0]
        self._file = directory / "clock"
        self.set(0)

    def set(self, offset_s: int) -> None:
        """Set the clock so far from the true one, at once."""
        temporary = self._file.with_suffix(".new")
        temporary.write_text(f"{offset_s:+d}\n", encoding="ascii")
        temporary.replace(self._file)

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs in its environment."""
        return {
            "LD_PRELOAD": str(self._library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DONT_RESET": "1",
            "NO_FAKE_STAT": "1",
        }
