"""The alarms of one run: those of the journal, and as they are now."""

from __future__ import annotations

from collections.abc import Sequence

from recorder.journal import Journal
from recorder.journal.alarm_records import alarms_of
from recorder.journal.run_index import Headline
from recorder.records.live import LiveAlarm
from recorder.records.live_alarms import live_alarm


def alarms_of_run(
    journal: Journal, run: Headline, standing: Sequence[LiveAlarm]
) -> tuple[LiveAlarm, ...]:
    """All that were ever raised, in the order in which they were.

    Args:
        journal: Has those of runs that are over, too.
        run: Which run.
        standing: Those of the live state, which is as of now.
    """
    found = {
        alarm.id: live_alarm(alarm, run.number, run.uid)
        for alarm in alarms_of(journal, run.uid).values()
    }
    found |= {alarm.id: alarm for alarm in standing if alarm.uid == run.uid}
    return tuple(sorted(found.values(), key=lambda alarm: alarm.raised_ns))
