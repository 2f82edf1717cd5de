"""How our rows are found again: no table has a natural key for runs.

Each row that is ours carries a marker, so that a crash between the commit and its
acknowledgement finds the row instead of writing it twice.
"""

from __future__ import annotations

import re
import uuid

MARKED = r"\[recorder:([\w.:-]{1,64})\]"
"""A marker in a text; its group is the uid, or the hash that stands for it."""


def marker(uid: str) -> str:
    """What identifies our rows of a run in comments and environment.

    A uid that a latin1 column would change, or that is too long, stands as a hash.
    """
    plain = re.fullmatch(r"[\w.:-]{1,64}", uid, re.ASCII) is not None
    return f"[recorder:{uid if plain else uuid.uuid5(uuid.NAMESPACE_OID, uid)}]"
