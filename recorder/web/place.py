"""What the web process serves: where journal and live state are, and how it is set."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from recorder.config import Settings
from recorder.runtime.live_file import LIVE, told_live_folder


@dataclass(frozen=True, slots=True)
class WebPlace:
    """Folders and settings of one web process."""

    settings: Settings
    live: Path
    """Folder of the live state and its pictures."""

    @property
    def journal(self) -> Path:
        """The journal's file."""
        return self.settings.journal_path

    @property
    def live_file(self) -> Path:
        """The live state."""
        return self.live / LIVE


def place_of(settings: Settings, folder: Path | None = None) -> WebPlace:
    """What to serve.

    Args:
        settings: The whole configuration.
        folder: State directory of another journal than the configured one: that of a
            replay, or of last week. Its live state is in it, if it has any.
    """
    web = settings.web.model_copy(update={"state_directory": own_folder(settings)})
    settings = settings.model_copy(update={"web": web})
    if folder is None:
        return WebPlace(settings, told_live_folder(settings.state_directory))
    moved = settings.model_copy(update={"state_directory": folder})
    return WebPlace(moved, folder / "live")


def own_folder(settings: Settings) -> Path:
    """Where the web process keeps sessions and tokens.

    Systemd gives its unit two directories: the recorder's, which it reads, and its own,
    beside it. Commands on the same host find it there.
    """
    if settings.web.state_directory is not None:
        return settings.web.state_directory
    given = os.environ.get("STATE_DIRECTORY", "").split(":")
    if len(given) > 1:
        return Path(given[1])
    state = settings.state_directory
    beside = state.with_name(f"{state.name}-web")
    return beside if beside.is_dir() else state / "web"
