"""What no one foresaw costs one step, and is said loudly."""

from __future__ import annotations

import pytest

from recorder.errors import SinkError
from recorder.runtime.boundary import boundary


@pytest.mark.allow_error_log("step_failed")
def test_a_defect_is_logged_and_the_next_step_goes_on(log_events):
    with boundary("divide"):
        raise ZeroDivisionError
    (event,) = [e for e in log_events if e["event"] == "step_failed"]
    assert event["step"] == "divide"


def test_errors_for_the_caller_pass(log_events):
    with pytest.raises(SinkError), boundary("write", (SinkError,)):
        raise SinkError("full")
    assert not log_events


def test_stopping_is_no_defect():
    with pytest.raises(KeyboardInterrupt), boundary("wait"):
        raise KeyboardInterrupt
