"""Date and machine of a measurement, for the pages."""

from __future__ import annotations

import os
import platform
from datetime import datetime


def machine(when: str) -> str:
    """One sentence; ``when`` the load was what it is now, such as ``at the start``."""
    load = " ".join(f"{value:.2f}" for value in os.getloadavg())
    now = datetime.now().astimezone()
    return (
        f"Measured {now:%Y-%m-%d}, {os.cpu_count()} cores ({platform.machine()}), "
        f"Python {platform.python_version()}, load average {load} {when}."
    )
