"""Who else on the host may read what is recorded: the group, and nobody."""

from __future__ import annotations

import grp
import os
import stat
from pathlib import Path

from recorder.config import Settings
from recorder.errors import ConfigError
from recorder.journal.place import FOLDER_MODE

OTHERS = stat.S_IROTH | stat.S_IXOTH
"""With either of them others may read a folder, or open what they know the name of."""


def share_with_group(settings: Settings) -> None:
    """Give state and results to the configured group; what is made in them follows.

    Raises:
        ConfigError: The system does not let us; the message says what to do.
    """
    if settings.group is None:
        return
    wanted = grp.getgrnam(settings.group).gr_gid
    if os.getegid() == wanted:
        return  # what we make is the group's anyway
    for folder in (settings.state_directory, settings.results):
        try:
            folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
            given = _give(folder, wanted)
        except OSError:
            given = False
        if not given:
            raise ConfigError(
                f"group: {folder} cannot be given to {settings.group}: let the "
                f"recorder run with that group (Group={settings.group} in the unit, "
                f"`newgrp {settings.group}` in a shell), or do it once as root: "
                f"chgrp {settings.group} {folder} && chmod g+rxs {folder}"
            )


def _give(folder: Path, group: int) -> bool:
    """Whether what is made in the folder belongs to the group from now on."""
    found = folder.stat()
    if found.st_gid != group:
        os.chown(folder, -1, group)
    wanted = stat.S_IRGRP | stat.S_IXGRP | stat.S_ISGID
    if found.st_gid != group or found.st_mode & wanted != wanted:
        folder.chmod(stat.S_IMODE(found.st_mode) | wanted)
    now = folder.stat()
    return now.st_gid == group and now.st_mode & wanted == wanted


def open_to_others(folder: Path) -> bool:
    """Whether every user of the host may look into a folder."""
    try:
        return bool(folder.stat().st_mode & OTHERS)
    except OSError:
        return False
