"""Names from messages as parts of paths: nothing is written outside the results."""

from __future__ import annotations

import re
import unicodedata

MAX_PART = 100
"""Characters of one part of a path (docs/reference/limits.md); file systems take 255
bytes. Chosen, not tuned."""


def safe_part(name: object, default: str = "unnamed") -> str:
    """A name as one path part: no separators, no leading dots, nothing unprintable."""
    letters = unicodedata.normalize("NFKD", str(name or ""))
    plain = "".join(c for c in letters if not unicodedata.combining(c))
    # Paths stand in latin1 columns and in other programs' lists: plain ASCII.
    text = re.sub(r"[^A-Za-z0-9_.+-]+", "_", plain).strip("._")
    return text[:MAX_PART].strip("._") or default


def run_folder(proposal: str, visit: object, experiment: str, number: int) -> str:
    """``<proposal>-<visit>/<experiment>/run<NNN>``, relative to the results folder."""
    head = safe_part(f"{proposal}-{visit if visit is not None else 0}")
    return f"{head}/{safe_part(experiment)}/run{number:03d}"
