"""What is installed: said at the start and by ``recorder check``."""

from __future__ import annotations

from recorder.plugins.groups import GROUPS
from recorder.records import CheckLine
from recorder.runtime.log import get_logger

log = get_logger("service")


def tell_installed() -> None:
    """Log what is installed, and one warning for each plug-in that is left out."""
    found = {_word(group.group): group.all() for group in GROUPS}
    log.info(
        "plugins_found",
        **{
            word: [p.shown for p in plugins if not p.why]
            for word, plugins in found.items()
        },
    )
    for word, plugins in found.items():
        for plugin in plugins:
            if plugin.why:
                log.warning(
                    "plugin_left_out",
                    group=word,
                    name=plugin.name,
                    package=plugin.package,
                    version=plugin.version,
                    error=plugin.why,
                    hint="mend the package or remove it; everything else runs",
                )


def installed_lines() -> list[CheckLine]:
    """One line for each group.

    A plug-in that is left out is no reason for the daemon not to run: where the
    configuration asks for it, that is an error of its own.
    """
    lines = []
    for group in GROUPS:
        plugins = group.all()
        text = ", ".join(p.shown for p in plugins if not p.why) or "none"
        for plugin in plugins:
            if plugin.why:
                text += f"; left out: {plugin.shown}: {plugin.why}"
        lines.append(CheckLine(_word(group.group), True, text))
    return lines


def _word(group: str) -> str:
    """``sources`` of ``recorder.sources``."""
    return group.rpartition(".")[2]
