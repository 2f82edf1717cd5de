"""How long to wait before trying again; one policy, named once."""

from __future__ import annotations

from tenacity import AsyncRetrying, RetryCallState, wait_random_exponential


def backoff(attempt: int, longest_s: float) -> float:
    """Seconds to wait after the ``attempt``-th failure: exponential, with jitter."""
    state = RetryCallState(AsyncRetrying(), None, (), {})
    state.attempt_number = attempt
    return wait_random_exponential(multiplier=0.2, max=longest_s)(state)
