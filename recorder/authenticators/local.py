"""The authenticator ``local``: logins and hashes of passwords in a file.

A hash takes 64 MiB and a third of a second of a core: one at a time, in a thread.
"""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

from recorder.authenticators.password_file import Account, read
from recorder.authenticators.password_hashes import composed, hash_of_nobody, hasher
from recorder.authenticators.plain import PasswordsOnly
from recorder.authenticators.protocols import (
    Authenticator,
    AuthenticatorUnavailableError,
)
from recorder.config import Settings
from recorder.config.section import AuthenticatorSection
from recorder.config.values import FilePath, Name
from recorder.errors import ConfigError
from recorder.records import CheckLine
from recorder.records.access import Identity
from recorder.runtime.log import get_logger

log = get_logger("web")


class LocalSection(AuthenticatorSection):
    """`[[web.authenticator]]`, `kind = "local"`: passwords of this host alone."""

    name: Name = "local"
    """Name of the authenticator on the sign-in page and in the audit log."""
    kind: Literal["local"] = "local"
    """Passwords of this host alone."""
    passwords_file: FilePath
    """File with `login:hash` or `login:hash:name` on each line, as `recorder password`
    writes it; read again when it changes. A relative path is one in
    `$CREDENTIALS_DIRECTORY`."""

    @property
    def path(self) -> Path:
        """The file, wherever systemd put it."""
        if self.passwords_file.is_absolute():
            return self.passwords_file
        return Path(os.environ.get("CREDENTIALS_DIRECTORY", "")) / self.passwords_file


class Local(PasswordsOnly):
    """Compares hashes.

    Args:
        name: In the configuration.
        path: The file.
    """

    def __init__(self, name: str, path: Path) -> None:
        super().__init__(name)
        self._path = path
        self._accounts: dict[str, Account] = {}
        self._read_as: object = None
        self._hasher = hasher()
        self._nobody = hash_of_nobody()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="argon2")

    async def login(self, login: str, password: str) -> Identity | None:
        """Who they are.

        Raises:
            AuthenticatorUnavailableError: The file cannot be read.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._login, login, password)

    async def close(self) -> None:
        """End the thread."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _login(self, login: str, password: str) -> Identity | None:
        self._look()
        account = self._accounts.get(login.lower())
        wanted = self._nobody if account is None else account.password_hash
        try:
            right = self._hasher.verify(composed(password), wanted)
        except UnicodeEncodeError:  # half a sign: nobody has it
            right = False
        if account is None or not right or not password:
            return None
        return Identity(account.login, name=account.name)

    def _look(self) -> None:
        """Read the file if it has changed."""
        try:
            now = self._path.stat()
            seen = (now.st_mtime_ns, now.st_size, now.st_ino)
            if seen != self._read_as:
                self._accounts, problems = read(self._path)
                self._read_as = seen
                if problems:
                    log.warning(
                        "passwords_wrong",
                        path=str(self._path),
                        problems=problems[:_TOLD],
                        count=len(problems),
                    )
        except (OSError, ValueError) as error:
            log.warning("passwords_unreadable", path=str(self._path), error=str(error))
            raise AuthenticatorUnavailableError(
                f"{self.name}: the file of passwords cannot be read; tell who runs "
                "this host: its log says why"
            ) from error


_NO_CREDENTIALS = (
    "passwords_file {} is looked for in $CREDENTIALS_DIRECTORY, which is not set: give "
    "a whole path, or LoadCredential= in the unit (`recorder check` needs it set, too)"
)
_TOLD = 5
"""Wrong lines that are named; a person mends no more at a time."""


class LocalPlugin:
    """Entry point ``local``."""

    kind = "local"
    settings = LocalSection

    def make(self, section: LocalSection, settings: Settings) -> Authenticator:
        """One; the file is read with the first sign-in.

        Raises:
            ConfigError: Its file is a credential, and there are none.
        """
        path = section.path
        if not path.is_absolute():
            raise ConfigError(
                f"authenticator {section.name}: {_NO_CREDENTIALS.format(path)}"
            )
        return Local(section.name, path)

    async def check(
        self, section: LocalSection, settings: Settings
    ) -> Sequence[CheckLine]:
        """Whether the file can be read, and by whom."""
        what, path = f"sign-in {section.name}", section.path
        if not path.is_absolute():
            return [CheckLine(what, False, _NO_CREDENTIALS.format(path))]
        try:
            accounts, problems = read(path)
            mode = stat.S_IMODE(path.stat().st_mode)
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or error
            text = f"{path}: {why}; `recorder password LOGIN --file {path}` makes it"
            return [CheckLine(what, False, text)]
        lines = [CheckLine(what, True, f"{path}: {len(accounts)} people")]
        lines += [CheckLine(what, False, f"{path}: {text}") for text in problems]
        if mode & 0o007:
            text = f"{path}: everybody on this host can read it: chmod o= {path}"
            lines.append(CheckLine(what, True, text, warning=True))
        return lines


PLUGIN = LocalPlugin()
