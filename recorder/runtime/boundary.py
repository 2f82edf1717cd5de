"""The one place that catches every exception: a defect fails one step and is logged."""

from __future__ import annotations

from types import TracebackType

from recorder.runtime.log import get_logger

log = get_logger("service")


class Boundary:
    """What :func:`boundary` gives; a class, for a generator takes five times as long.

    Each image passes some of them.
    """

    __slots__ = ("_passing", "_step")

    def __init__(self, step: str, passing: tuple[type[Exception], ...]) -> None:
        self._step = step
        self._passing = passing

    def __enter__(self) -> None:
        """Begin the step."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        """Log what no one foresaw."""
        if not isinstance(error, Exception) or isinstance(error, self._passing):
            return False
        hint = "a defect of the recorder: please report this line"
        log.exception("step_failed", step=self._step, hint=hint)
        return True


def boundary(step: str, passing: tuple[type[Exception], ...] = ()) -> Boundary:
    """Log what no one foresaw, with its traceback, and go on after the step.

    Args:
        step: What is being done, for the log.
        passing: Errors that the caller handles itself.
    """
    return Boundary(step, passing)
