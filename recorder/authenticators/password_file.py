"""A file of logins and hashes of passwords, ``login:hash[:name]``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from recorder.errors import UsageError
from recorder.foreign_text import is_name
from recorder.records.access import LOGIN

MAX_BYTES = 1 << 20
"""Of such a file: ten thousand people. Chosen, not tuned."""
_HASH = re.compile(
    r"\$argon2id\$v=19\$m=(?P<kib>[0-9]{1,9}),t=(?P<rounds>[0-9]{1,3}),p=[0-9]{1,3}"
    r"\$[A-Za-z0-9+/]{11,88}\$[A-Za-z0-9+/]{22,172}"
)
MAX_NAME = 100
"""Characters of a person's name. Chosen, not tuned."""
MIN_KIB = 19 << 10
"""KiB of memory that a hash must have been made with: what OWASP asks for."""
MAX_KIB = 256 << 10
"""The same at most: half of what the unit may have."""
MAX_ROUNDS = 20
"""Rounds at most: more take seconds."""


@dataclass(frozen=True, slots=True)
class Account:
    """One line."""

    login: str
    password_hash: str
    name: str = ""


def parse(lines: Iterable[str]) -> tuple[dict[str, Account], list[str]]:
    """Accounts by login in small letters, and what is wrong, without quoting hashes."""
    accounts: dict[str, Account] = {}
    problems: list[str] = []
    for n, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        login, _, rest = text.partition(":")
        password_hash, _, name = rest.partition(":")
        problem = login_problem(login) or hash_problem(password_hash)
        if not problem and login.lower() in accounts:
            problem = "the login is there twice; the first one counts"
        if problem:
            problems.append(f"line {n}: {problem}")
            continue
        accounts[login.lower()] = Account(login, password_hash, name.strip()[:MAX_NAME])
    return accounts, problems


def line_of(account: Account) -> str:
    """A line for the file.

    Raises:
        UsageError: No line can hold it.
    """
    if problem := login_problem(account.login):
        raise UsageError(f"{account.login[:MAX_NAME]!r}: {problem}")
    if not is_name(account.name) or len(account.name) > MAX_NAME:
        text = f"a name has at most {MAX_NAME} characters, and no control characters"
        raise UsageError(text)
    end = f":{account.name}" if account.name else ""
    return f"{account.login}:{account.password_hash}{end}"


def with_account(text: str, account: Account) -> str:
    """The text of a file with one more account, or another one of that login."""
    lines = text.splitlines()
    theirs = account.login.lower()
    kept = [ln for ln in lines if ln.strip().partition(":")[0].lower() != theirs]
    return "\n".join([*kept, line_of(account)]) + "\n"


def login_problem(login: str) -> str:
    """What is wrong with a login; empty: nothing."""
    if re.fullmatch(LOGIN, login):
        return ""
    return "a login has 1 to 64 letters, digits and . _ @ -"


def hash_problem(text: str) -> str:
    """What is wrong with a hash; empty: nothing."""
    found = _HASH.fullmatch(text)
    if found is None:
        return "no hash of argon2id: make it with `recorder password LOGIN`"
    if not MIN_KIB <= int(found["kib"]) <= MAX_KIB:
        return f"the hash has m={int(found['kib'])}, not {MIN_KIB} to {MAX_KIB} KiB"
    if not 1 <= int(found["rounds"]) <= MAX_ROUNDS:
        return f"the hash has t={int(found['rounds'])}, not 1 to {MAX_ROUNDS}"
    return ""


def read(path: Path) -> tuple[dict[str, Account], list[str]]:
    """What a file says.

    Raises:
        OSError: It cannot be read.
        ValueError: It is no text, or too long.
    """
    with path.open("rb") as file:
        body = file.read(MAX_BYTES + 1)
    if len(body) > MAX_BYTES:
        raise ValueError(f"more than {MAX_BYTES} bytes")
    return parse(body.decode("utf-8").splitlines())
