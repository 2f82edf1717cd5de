"""What the web process serves: where journal and live state are, and how it is set."""

from __future__ import annotations

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
    if folder is None:
        return WebPlace(settings, told_live_folder(settings.state_directory))
    moved = settings.model_copy(update={"state_directory": folder})
    return WebPlace(moved, folder / "live")
