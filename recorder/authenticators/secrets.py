"""Secrets of an authenticator: in a credential, in the settings, or in a file."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr

from recorder.config.section import AuthenticatorSection
from recorder.errors import ConfigError

MAX_SECRET = 64 << 10
"""Bytes of a file with a secret: longer is another file. Chosen, not tuned."""


def secret_of(section: AuthenticatorSection, what: str) -> str | None:
    """A secret of these settings: ``what`` itself, or the text of ``what_file``.

    The file is read each time, so that a new secret needs no restart.

    Args:
        section: Settings with both, of which one is set at most.
        what: Name of the setting.

    Raises:
        ConfigError: The file cannot be read, or is no secret.
    """
    value: SecretStr | None = getattr(section, what)
    if value is not None:
        return value.get_secret_value()
    path: Path | None = getattr(section, f"{what}_file")
    if path is None:
        return None
    where = f"web.authenticator {section.name}: {what}_file {path}"
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_SECRET + 1)
        text = raw.decode().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{where}: cannot be read: {error}") from error
    if not text or len(raw) > MAX_SECRET or "\0" in text:
        raise ConfigError(f"{where}: is empty, or no secret")
    return text
