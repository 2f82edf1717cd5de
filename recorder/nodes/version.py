"""Which program a node runs: version, and a fingerprint of what is installed."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import recorder
from recorder import __version__
from recorder.nodes.messages import WIRE, Greeting

_SHOWN = 12
"""Hexadecimal digits of the fingerprint, 48 bits: enough to tell apart what one site
installs. Chosen, not tuned."""


@cache
def program() -> str:
    """Version and fingerprint of the package's source.

    Between two releases the version stays and the program changes, and with it may the
    rows: what is compared is the program.
    """
    folder = Path(recorder.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py"), key=lambda p: p.relative_to(folder).parts):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
        digest.update(path.read_bytes() + b"\0")
    return f"{__version__}+{digest.hexdigest()[:_SHOWN]}"


def differs(greeting: Greeting, ours: str) -> str | None:
    """Why a node cannot take part, and what to do; None if it can.

    Args:
        greeting: What it says of itself.
        ours: What :func:`program` says at home.
    """
    if greeting.wire == WIRE and greeting.version == ours:
        return None
    return (
        f"this node has recorder {greeting.version} (wire {greeting.wire}), home has "
        f"{ours} (wire {WIRE}): their results may differ; install the same package on "
        "both hosts, then start the node again"
    )
