"""What a token may show of what its owner may see."""

from __future__ import annotations

from dataclasses import replace

from recorder.records.access import Only, Rights, Scope
from recorder.web.sign_in.ways import UPORTAL_SYNC


def of_token(rights: Rights, only: Only | None, scopes: frozenset[Scope]) -> Rights:
    """What an API token shows: its owner's rights within its limit.

    No permission goes with it but the one that its scopes need.

    Args:
        rights: Of the owner, now.
        only: The limit; None: there is none.
        scopes: What it may be used for now.
    """
    kept = frozenset({UPORTAL_SYNC} if Scope.SYNC in scopes else ())
    return replace(rights, only=only, permissions=kept)


def allowed(scopes: frozenset[Scope], rights: Rights) -> frozenset[Scope]:
    """What may be done of what a token was made for: a sync needs its permission."""
    if Scope.SYNC in scopes and not rights.may(UPORTAL_SYNC):
        return scopes - {Scope.SYNC}
    return scopes
