"""Says that nothing was found at a beat, so that its time tells nothing.

What is somebody else's is looked up and then left out; what is not there is not even
looked up. The difference is about 0.1 ms of an answer (a row, a small file), which
somebody who asks a thousand times can measure.
"""

from __future__ import annotations

import asyncio
import time

from recorder.records.access import Rights

BEAT_S = 0.025
"""Seconds between two moments at which it is said, counted from the question: several
times what such an answer takes (1 to 4 ms on an idle host), and less than anybody
notices. Set by tests/system/test_web_timing.py."""


async def on_the_beat(rights: Rights, began: float) -> None:
    """Wait for the next beat; not for who may see everything.

    Args:
        rights: Of who asks.
        began: When it came, of ``time.monotonic`` (s).
    """
    if (rights.everything and rights.only is None) or BEAT_S <= 0:
        return
    spent = time.monotonic() - began
    await asyncio.sleep(BEAT_S - spent % BEAT_S)
