"""The one place that catches every exception: a defect fails one step and is logged."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from recorder.runtime.log import get_logger

log = get_logger("service")


@contextmanager
def boundary(step: str, passing: tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """Log what no one foresaw, with its traceback, and go on with the next step.

    Args:
        step: What was being done, for the log.
        passing: Errors that the caller handles itself.
    """
    try:
        yield
    except passing:
        raise
    except Exception:
        hint = "a defect of the recorder: please report this line"
        log.exception("step_failed", step=step, hint=hint)
