"""What became of each file of a batch, for people and for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum

from recorder.foreign_text import plain
from recorder.records import Json
from recorder.records.run_report import RunReport
from recorder.runs.run import Run


class FileState(StrEnum):
    """What became of a file."""

    DONE = "done"
    INCOMPLETE = "incomplete"
    """It is a run, but something of it is missing or was refused."""
    SKIPPED = "skipped"
    """It was done before: ``--resume``."""
    FAILED = "failed"
    """It is no run."""
    LEFT_OUT = "left out"
    """It is part of another file, or has no images."""
    NOT_BEGUN = "not begun"
    """The batch ended before its turn, or in the middle of it."""


NOTHING = (
    "no file of images is there: is it the right folder? Files .h5, .hdf5, .nxs, .cxi "
    "and .cbors are looked at, and folders of streamfile_N; name others one by one"
)
"""What is said of folders without any."""
BAD = (FileState.FAILED, FileState.INCOMPLETE)
"""What people should look at."""


@dataclass(frozen=True, slots=True)
class FileEnd:
    """One row of the table."""

    file: str
    state: FileState
    why: str = ""
    """For people; empty if all is well."""
    runs: tuple[int, ...] = ()
    uids: tuple[str, ...] = ()
    images: int = 0
    hits: int = 0
    indexed: int = 0
    tries: int = 0
    exit: int | None = None
    """Of the last try; negative: the signal that ended it; None: there is none."""
    host: str = ""
    seconds: float = 0.0
    """That its tries took."""

    @property
    def line(self) -> str:
        """In one line."""
        runs = f"run {', '.join(map(str, self.runs))}" if self.runs else self.state
        what = f"{self.images} images, {self.hits} hits, {self.indexed} indexed"
        parts = [runs, *([what] if self.runs and self.images else [])]
        parts += [f"{self.seconds:.1f} s"] if self.seconds else []
        return plain(" · ".join([*parts, self.file, *([self.why] if self.why else [])]))


@dataclass(frozen=True, slots=True)
class BatchResult:
    """All of them, in order, and what was wrong besides."""

    files: tuple[FileEnd, ...]
    failures: tuple[str, ...] = ()
    """What was not written or was refused, and what to do."""
    signal: int | None = None
    """The signal that ended the batch early, if one did."""
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether there are files, and every one is a run with all that is in it."""
        well = not self.failures and not self.unfinished and not self.bad
        return well and bool(self.files)

    @property
    def bad(self) -> tuple[FileEnd, ...]:
        """Files that people should look at."""
        return tuple(row for row in self.files if row.state in BAD)

    @property
    def unfinished(self) -> int:
        """Files whose turn did not come."""
        return sum(row.state is FileState.NOT_BEGUN for row in self.files)

    def to_json(self) -> Json:
        """As programs have it."""
        return {
            "files": [asdict(row) for row in self.files],
            "counts": {
                state: sum(row.state is state for row in self.files)
                for state in FileState
            },
            "images": sum(row.images for row in self.files),
            "failures": list(self.failures),
            "signal": self.signal,
            "seconds": round(self.seconds, 1),
        }


def row_of(
    file: str, state: FileState, runs: Sequence[Run], reports: Sequence[RunReport]
) -> FileEnd:
    """The row of a file that became runs."""
    classes = [report.classes for report in reports]
    return FileEnd(
        file,
        state,
        runs=tuple(run.number for run in runs),
        uids=tuple(run.uid for run in runs),
        images=sum(report.images.received for report in reports),
        hits=sum(c.indexed + c.non_indexed_hits for c in classes),
        indexed=sum(c.indexed for c in classes),
    )


def result_text(result: BatchResult) -> str:
    """For people: what failed, file by file, and the sums."""
    lines = []
    if result.bad:
        lines.append(f"{'state':<11}{'exit':>5}{'tries':>6}  file")
    for row in result.bad:
        code = "-" if row.exit is None else str(row.exit)
        lines.append(f"{row.state:<11}{code:>5}{row.tries:>6}  {row.file}")
        on = f" (on {row.host})" if row.host else ""
        lines.append(f"{'':<24}{row.why}{on}")
    left = [row for row in result.files if row.state is FileState.LEFT_OUT]
    lines += [f"left out: {row.file}: {row.why}" for row in left]
    if not result.files and result.signal is None:
        lines.append(NOTHING)
    body = result.to_json()
    counts = [
        f"{n} {state}"
        for state, n in body["counts"].items()
        if n or state is FileState.DONE
    ]
    lines.append(
        f"{', '.join(counts)}; {body['images']} images in {result.seconds:.1f} s"
    )
    return "\n".join(map(plain, lines))
