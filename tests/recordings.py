"""Where recordings are: in ``tests/data``, else in a folder outside the repository.

Recordings whose licence allows it come with the repository. Others are looked for in
the folder that the environment's ``RECORDER_TEST_DATA`` names, by default in
``../shared/data`` beside the checkout. ``tests/left_out.py`` leaves out the tests whose
recording is not there.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product
from pathlib import Path

ROOT = Path(__file__).parents[1]
VARIABLE = "RECORDER_TEST_DATA"


class RecordingAbsentError(Exception):
    """A recording is not where somebody said that it is."""


class RecordingUndeclaredError(Exception):
    """A test reads a recording from outside, and does not say that it needs it."""


@dataclass(frozen=True)
class Places:
    """Where to look."""

    own: Path
    """Recordings of the repository."""
    told: Path | None
    """Folder outside that somebody named: what is not in it is missing."""
    usual: Path
    """Folder outside if nobody named one; it need not be there."""

    @property
    def outside(self) -> Path:
        """The folder outside, whether it is there or not."""
        return self.told or self.usual

    def find(self, name: str) -> Path | None:
        """The folder of a recording; None if nobody promised to have it.

        Raises:
            RecordingAbsentError: It is not in the folder that somebody named.
        """
        for folder in (self.own, self.outside):
            if (folder / name).is_dir():
                return folder / name
        if self.told is not None:
            raise RecordingAbsentError(
                f"{VARIABLE}={self.told}: no folder {name} in it; "
                f"unset {VARIABLE} to leave out the tests that need it"
            )
        return None


def _places() -> Places:
    told = os.environ.get(VARIABLE)
    return Places(
        own=ROOT / "tests" / "data",
        told=Path(told).resolve() if told else None,
        usual=ROOT.parent / "shared" / "data",
    )


# Read once: the tests take all variables of the recorder out of the environment.
PLACES = _places()
_declared: frozenset[str] | None = None


def declare(names: Iterable[str]) -> None:
    """Say which recordings from outside may be read from now on.

    Of pytest, for each test: so a test that does not say what it needs is the same
    with and without them.
    """
    global _declared
    _declared = frozenset(names)


def recording(name: str) -> Path:
    """The folder of a recording.

    A test that needs one of those outside says so: ``@pytest.mark.recording(name)``.

    Raises:
        RecordingAbsentError: It is not there.
        RecordingUndeclaredError: The test does not say so.
    """
    if (found := PLACES.find(name)) is None:
        raise RecordingAbsentError(
            f"no recording {name}: {VARIABLE}=DIR says where it is, "
            "see tests/data/README.md"
        )
    is_own = found.parent == PLACES.own
    if not (is_own or _declared is None or name in _declared):
        raise RecordingUndeclaredError(
            f"recording {name} is not in the repository: mark what reads it with "
            f'@pytest.mark.recording("{name}")'
        )
    return found


def _readable() -> dict[str, tuple[str, ...]]:
    """Files with images outside the repository, by recording."""
    layouts = product(("earliest", "v108", "v110", "v112"), ("", "_external"))
    eiger1 = product(("bslz4", "lz4"), (1, 2))
    eiger2 = product(("bslz4", "bslz4_uint32", "bslz4_uint8", "lz4"), (1, 2))
    patterns = (
        *(f"datasets_different_h5ver/dataset_{a}{b}.h5" for a, b in layouts),
        *(
            "datasets_eiger1/eiger1_testmode10_2datafiles_4images_"
            f"{filter_}_data_{n:06d}.h5"
            for filter_, n in eiger1
        ),
        *(
            "datasets_eiger2/eiger2_simread7_2datafiles_4images_"
            f"{filter_}_data_{n:06d}.h5"
            for filter_, n in eiger2
        ),
    )
    stills = ("thaumatin_data_000001.h5", "thaumatin_master.h5")
    return {"dectris-h5": patterns, "thaumatin": stills}


READABLE = _readable()


if __name__ == "__main__":
    # Is a run without recordings from outside another one than the run before?
    if not PLACES.outside.is_dir():
        print(f"no recordings in {PLACES.outside}: this was a bare run already")
        sys.exit(1)
