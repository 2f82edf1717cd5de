"""The process that asks a directory: one question on stdin, one answer on stdout.

Nothing else of the recorder is imported: each sign-in starts one. It ends itself when
the question's time is over, wherever it hangs.
"""

from __future__ import annotations

import json
import re
import signal
import sys
import time
from typing import Any

GRACE_S = 0.05
"""Seconds before the end in which an answer is still written. Chosen, not tuned."""
MAX_GROUPS = 1000
"""Groups of one person that are looked at. Chosen, not tuned: hundreds are seen."""
REFUSED = (0x30, 0x31, 0x35)
"""Codes by which a directory refuses a password: no password of this kind, wrong or
unknown or locked or expired, unwilling (accounts that are switched off)."""
UNREACHED = (-1, -11, 0x51, 0x5B)
"""Codes of libldap for a directory that cannot be reached: away, no connection, and the
same two as servers' own numbers."""


class _Answered(Exception):  # noqa: N818
    """The answer is found."""

    def __init__(self, outcome: str, why: str = "", **more: Any) -> None:
        super().__init__(why)
        self.answer = {"outcome": outcome, "why": why, **more}


def main() -> None:
    """Answer the question on stdin."""
    question = json.load(sys.stdin)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    left = max(question["deadline"] - time.monotonic(), GRACE_S)
    signal.setitimer(signal.ITIMER_REAL, left + GRACE_S)
    json.dump(answer_to(question), sys.stdout)


def answer_to(question: dict[str, Any]) -> dict[str, Any]:
    """What the directory says.

    Args:
        question: As :func:`recorder.authenticators.ldap.asker.question` makes it.

    Returns:
        ``outcome`` (``found``, ``wrong``, ``several``, ``away`` or ``reached``),
        ``why``, and for ``found`` the ``entry`` (lists of texts by attribute) and
        ``groups`` (their names).
    """
    try:
        import bonsai
    except ImportError as error:
        return {"outcome": "away", "why": f"bonsai cannot be used: {error}"}
    # Names may have a # in them (RFC 4514), which bonsai's own pattern refuses.
    bonsai.LDAPDN._dnregex = re.compile(".*", re.DOTALL)  # noqa: SLF001
    try:
        return _Asking(bonsai, question).asked()
    except _Answered as done:
        return done.answer
    except bonsai.LDAPError as error:
        return {"outcome": "away", "why": _why(question, error)}
    except (ValueError, TypeError) as error:  # a name or filter that bonsai refuses
        return {"outcome": "away", "why": str(error)}


def _why(question: dict[str, Any], error: Any) -> str:
    """What an error of libldap means."""
    left = question["deadline"] - time.monotonic() - 2 * GRACE_S
    if left < GRACE_S:
        return "no answer in time"
    if error.code not in UNREACHED:
        return _words(error)
    from recorder.authenticators.ldap.reaching import why_not

    q = question
    return why_not(q["url"], q["start_tls"], q["ca_file"], left / 2) or _words(error)


class _Asking:
    """One question, put to a directory."""

    def __init__(self, bonsai: Any, question: dict[str, Any]) -> None:
        self._bonsai = bonsai
        self._question = question

    def asked(self) -> dict[str, Any]:
        q = self._question
        if q["password"] is None:
            return self._reached()
        if q["user_dn"] is None:
            return self._looked_for()
        with self._bound(q["user_dn"], q["password"], person=True) as connection:
            if q["search_base"] is None:
                entries = self._search(connection, q["user_dn"], 0, "(objectClass=*)")
            else:
                entries = self._people(connection)
            return self._found(connection, entries)

    def _looked_for(self) -> dict[str, Any]:
        """Find a person, then see whether the password is theirs."""
        q = self._question
        with self._searcher() as connection:
            entries = self._people(connection)
            found = self._found(connection, entries) if entries else None
        # Somebody unknown costs what a wrong password costs.
        name = str(entries[0].dn) if entries else f"cn=nobody,{q['search_base']}"
        with self._bound(name, q["password"], person=True):
            pass
        return found or {"outcome": "wrong", "why": ""}

    def _reached(self) -> dict[str, Any]:
        """Whether it answers, for ``recorder check``."""
        q = self._question
        with self._searcher() as connection:
            for base in (q["search_base"], q["group_base"]):
                if q["user_dn"] is None and base is not None:
                    if not self._search(connection, base, 0, "(objectClass=*)"):
                        why = f"nothing can be read at {base}"
                        return {"outcome": "reached", "why": why}
        return {"outcome": "reached", "why": ""}

    # -- parts -------------------------------------------------------------------------

    def _left(self) -> float:
        deadline: float = self._question["deadline"]
        return max(deadline - time.monotonic() - GRACE_S, GRACE_S)

    def _searcher(self) -> Any:
        q = self._question
        return self._bound(q["bind_dn"], q["bind_password"], person=False)

    def _bound(self, name: str | None, password: str | None, *, person: bool) -> Any:
        """A connection on which somebody is bound."""
        q = self._question
        client = self._bonsai.LDAPClient(q["url"], q["start_tls"])
        client.set_cert_policy("demand")
        client.set_ca_cert(q["ca_file"])
        # Another server would be asked, and perhaps in plain text.
        client.set_server_chase_referrals(False)
        client.set_ignore_referrals(True)
        if name is not None:
            client.set_credentials("SIMPLE", user=name, password=password)
        try:
            return client.connect(timeout=self._left())
        except self._bonsai.LDAPError as error:
            if error.code not in REFUSED:
                raise
            if person:
                raise _Answered("wrong", _more_than_wrong(error)) from error
            who = f"the account {name}" if name else "whoever does not bind"
            raise _Answered("away", f"it refuses {who}: {_words(error)}") from error

    def _people(self, connection: Any) -> Any:
        q = self._question
        return self._search(connection, q["search_base"], 2, q["search_filter"])

    def _search(self, connection: Any, base: str, scope: int, text: str) -> Any:
        wanted = self._question["attributes"]
        try:
            return connection.search(
                base, scope, text, attrlist=wanted, timeout=self._left(), sizelimit=2
            )
        except self._bonsai.SizeLimitError as error:
            raise _Answered("several", "several entries have this login") from error

    def _found(self, connection: Any, entries: Any) -> dict[str, Any]:
        if len(entries) > 1:
            raise _Answered("several", "several entries have this login")
        entry = {
            key.lower(): [value for value in values if isinstance(value, str)]
            for found in entries
            for key, values in found.items()
            if key != "dn"
        }
        groups = self._groups(connection, str(entries[0].dn)) if entries else []
        return {"outcome": "found", "why": "", "entry": entry, "groups": groups}

    def _groups(self, connection: Any, name: str) -> list[str]:
        """Names of the groups that have a person, where groups are looked for."""
        from recorder.authenticators.ldap.names import filter_value

        q = self._question
        if q["group_base"] is None:
            return []
        found = connection.search(
            q["group_base"],
            2,
            q["group_filter"].replace("{dn}", filter_value(name)),
            attrlist=["1.1"],
            timeout=self._left(),
            sizelimit=MAX_GROUPS,
        )
        return [str(group.dn) for group in found]


def _more_than_wrong(error: Any) -> str:
    """What a directory adds to its no, as of locked accounts; mostly nothing."""
    words = _words(error)
    return "" if words == "Invalid credentials" else words


def _words(error: Any) -> str:
    """What libldap says, without its numbers."""
    return str(error.args[0] if error.args else error).strip().rstrip(".")


if __name__ == "__main__":
    main()
