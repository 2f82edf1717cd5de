"""Which alarms are told."""

from __future__ import annotations

from recorder.config.section import Section
from recorder.records.alarms import AlarmKind


class AlarmsSection(Section):
    """Alarms of the runs and of the recorder itself."""

    enabled: bool = True
    """Follow the runs and tell alarms."""
    off: tuple[AlarmKind, ...] = ()
    """Kinds that are not told, such as `none_come` where runs are announced long
    before their first image."""
